"""Makes the other files of this folder with PyTorch (2.13.0): python tests/port/make.py tests/port

The networks are the port's unet_256, unet_128 and basic discriminator, with batch norm and with instance norm (its
--norm instance), written out from its models/networks.py.
"""

import sys

import numpy as np
import torch
from torch import nn


class Block(nn.Module):
    """A block of the U-Net with the next one, `inner`, in its middle."""

    def __init__(self, outer_channels, inner_channels, inner=None, *, norm, source_channels=None, dropout=False):
        super().__init__()
        use_bias = norm == nn.InstanceNorm2d
        down = nn.Conv2d(source_channels or outer_channels, inner_channels, 4, 2, 1, bias=use_bias)
        leaky, relu = nn.LeakyReLU(0.2, True), nn.ReLU(True)
        up = nn.ConvTranspose2d(inner_channels * (2 if inner else 1), outer_channels, 4, 2, 1,
                                bias=use_bias or source_channels is not None)
        self.outermost = source_channels is not None
        if self.outermost:
            layers = [down, inner, relu, up, nn.Tanh()]
        elif inner is None:
            layers = [leaky, down, relu, up, norm(outer_channels)]
        else:
            layers = [leaky, down, norm(inner_channels), inner, relu, up, norm(outer_channels)]
            layers += [nn.Dropout(0.5)] if dropout else []
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class Network(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)


def unet(source_channels, target_channels, width, norm=nn.BatchNorm2d, depth=8):
    block = Block(width * 8, width * 8, norm=norm)
    for _ in range(depth - 5):
        block = Block(width * 8, width * 8, block, norm=norm, dropout=True)
    for wider in 4, 2, 1:
        block = Block(width * wider, width * wider * 2, block, norm=norm)
    return Network(Block(target_channels, width, block, norm=norm, source_channels=source_channels))


def basic(channels, width, norm=nn.BatchNorm2d):
    layers = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for before, after, stride in (1, 2, 2), (2, 4, 2), (4, 8, 1):
        layers += [nn.Conv2d(width * before, width * after, 4, stride, 1, bias=norm == nn.InstanceNorm2d),
                   norm(width * after), nn.LeakyReLU(0.2, True)]
    return Network(nn.Sequential(*layers, nn.Conv2d(width * 8, 1, 4, 1, 1)))


def drawn(*networks):
    """The networks with weights and biases that no row can hide."""
    for network in networks:
        for name, parameter in network.named_parameters():
            is_scale = parameter.dim() == 1 and name.endswith('weight')
            parameter.data.normal_(1 if is_scale else 0, 0.2)
    return networks


def main(folder):
    torch.manual_seed(3)
    generator, discriminator = drawn(unet(3, 1, 1), basic(4, 1))
    y, x = np.mgrid[:256, :256].astype('f')
    source = torch.tensor(np.stack([np.sin(x / 9 + y / 7 + i) for i in range(3)])[None].astype('f'))
    with torch.no_grad():
        for _ in range(3):      # the running statistics
            generator(source + 0.1 * torch.randn_like(source))
        state = {name: value.clone() for name, value in generator.state_dict().items()}
        moving = generator.eval()(source)
        generator.train()
        for module in generator.modules():
            if isinstance(module, nn.Dropout):
                module.eval()
        batch = generator(source)
        logits = discriminator(torch.cat([source, moving], 1))
    generator.load_state_dict(state)
    torch.save(generator.state_dict(), f'{folder}/latest_net_G.pth')
    torch.save(generator.state_dict(), f'{folder}/legacy_net_G.pth', _use_new_zipfile_serialization=False)
    torch.save(discriminator.state_dict(), f'{folder}/latest_net_D.pth')
    some = ('model.0.weight', '.5.weight', '3.model.3.weight')
    np.savez_compressed(f'{folder}/known.npz', logits=logits[0, 0], moving=moving[0, 0, ::4, ::4],
                        batch=batch[0, 0, ::4, ::4],
                        **{name: value for name, value in state.items() if name.endswith(some)})

    generator, discriminator = drawn(unet(3, 1, 1, nn.InstanceNorm2d), basic(4, 1, nn.InstanceNorm2d))
    torch.save(generator.state_dict(), f'{folder}/instance_net_G.pth')
    torch.save(discriminator.state_dict(), f'{folder}/instance_net_D.pth')
    with torch.no_grad():
        drawing = generator.eval()(source)
        logits = discriminator(torch.cat([source, drawing], 1))
    np.savez_compressed(f'{folder}/instance.npz', drawing=drawing[0, 0, ::4, ::4], logits=logits[0, 0])

    [generator] = drawn(unet(3, 1, 1, depth=7))
    torch.save(generator.state_dict(), f'{folder}/unet_128_net_G.pth')
    with torch.no_grad():
        for module in generator.modules():
            if isinstance(module, nn.Dropout):
                module.eval()
        np.savez_compressed(f'{folder}/unet_128.npz', batch=generator(source[:, :, :128])[0, 0, ::4, ::4])


if __name__ == '__main__':
    main(sys.argv[1])

"""How measure.py runs the weights of the PyTorch port: in its U-Net, written out. Dropout is off."""

import os

import numpy as np
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, outside, inside, inner=None, source=None, *, norm=nn.BatchNorm2d):
        super().__init__()
        self.outermost = source is not None
        plain = norm == nn.InstanceNorm2d
        down = nn.Conv2d(source or outside, inside, 4, 2, 1, bias=plain)
        up = nn.ConvTranspose2d(2 * inside if inner else inside, outside, 4, 2, 1, bias=plain or self.outermost)
        leaky, middle = nn.LeakyReLU(0.2, True), [norm(inside), inner] if inner else []
        self.model = nn.Sequential(*([down, inner, nn.ReLU(True), up, nn.Tanh()] if self.outermost else
                                     [leaky, down, *middle, nn.ReLU(True), up, norm(outside)]))

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class Network(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model


def norm_of(state, bias):
    """The port's convolutions inside have biases with instance norm alone."""
    return nn.InstanceNorm2d if bias in state else nn.BatchNorm2d


def unet(state):
    width, source_channels = state['model.model.0.weight'].shape[:2]
    norm = norm_of(state, 'model.model.1.model.1.bias')
    halvings = max(name.count('.model.') for name in state)      # the blocks lie one in the other
    block = Block(8 * width, 8 * width, norm=norm)
    for wider in [8] * (halvings - 5) + [4, 2, 1]:
        block = Block(wider * width, min(8, 2 * wider) * width, block, norm=norm)
    return Network(Block(state['model.model.3.weight'].shape[1], width, block, source_channels, norm=norm))


def basic(state):
    (width, channels), norm = state['model.0.weight'].shape[:2], norm_of(state, 'model.2.bias')
    layers = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for before, after, stride in (1, 2, 2), (2, 4, 2), (4, 8, 1):
        layers += [nn.Conv2d(before * width, after * width, 4, stride, 1, bias=norm == nn.InstanceNorm2d),
                   norm(after * width), nn.LeakyReLU(0.2)]
    return Network(nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1)))


def loaded(path, network_of):
    state = torch.load(path, weights_only=True)
    network = network_of(state)
    network.load_state_dict(state, strict=True)
    return network


def load(path, statistics):
    """The generator; the discriminator beside it is only loaded, to see that it can be."""
    other = os.path.join(os.path.dirname(path), 'latest_net_D.pth')
    network = loaded(path, unet)
    if os.path.exists(other):
        loaded(other, basic)
    network.train(statistics == 'batch')

    def draw(source):
        """One by one: the port's statistics are those of the whole batch."""
        with torch.no_grad():
            return np.concatenate([network.model(torch.from_numpy(one[None]).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
                                   for one in source])
    return draw

"""A training of the PyTorch port (junyanz/pytorch-CycleGAN-and-pix2pix) as its users run it, from its own settings:

    python -m benchmarks.port TRAIN.npy VAL.npy FOLDER OPTIONS

unet_256 and the basic discriminator with batch norm, N(0, 0.02) weights, resized to 286 and cropped to 256, mirrored,
Adam at 2e-4 with beta1 0.5, the vanilla loss, D's loss halved, L1 times 100. The rate is constant. The pictures are
drawn as its test.py draws them: dropout on, batch statistics, one at a time. It needs PyTorch and NumPy alone.

FOLDER gets outputs.npy at the end, and a checkpoint after each epoch, from which the same command carries on.
"""

import json
import os
import sys

import numpy as np
import torch
from torch.nn import functional

from tests.port.make import basic, unet


def main(train, val, folder, filters, batch_size, epochs, seed, device):
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    pairs, held_out = (in_range(np.load(path)).to(device) for path in (train, val))
    g, d = (with_first_weights(net).to(device) for net in (unet(3, 3, filters), basic(6, filters)))
    state = {'g': g, 'd': d, **{'adam_' + name: torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999))
                                for name, net in (('g', g), ('d', d))}}
    checkpoint, done = os.path.join(folder, 'checkpoint.pth'), 0
    if os.path.exists(checkpoint):
        saved = torch.load(checkpoint, map_location='cpu')
        done = saved['epochs']
        torch.set_rng_state(saved['rng'])
        for name, part in state.items():
            part.load_state_dict(saved[name])
    for epoch in range(done, epochs):
        for indices in torch.randperm(len(pairs)).split(batch_size):
            step(**state, pair=torch.stack([jittered(pairs[i]) for i in indices]))
        saved = {'epochs': epoch + 1, 'rng': torch.get_rng_state(),
                 **{name: part.state_dict() for name, part in state.items()}}
        torch.save(saved, checkpoint + '.partial')
        os.replace(checkpoint + '.partial', checkpoint)
        print(f'epoch {epoch + 1}/{epochs}', flush=True)
    with torch.no_grad():
        outputs = torch.cat([g(pair[None, :3]) for pair in held_out])
    np.save(os.path.join(folder, 'outputs.npy'),
            ((outputs + 1) / 2 * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy())


def in_range(pairs):
    """uint8 [N, H, W, 6], source and target -> [N, 6, H, W] in [-1, 1]."""
    return torch.from_numpy(pairs).permute(0, 3, 1, 2).float() / 127.5 - 1


def with_first_weights(net):
    """As the port's init_weights has them."""
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            torch.nn.init.normal_(module.weight, 0, 0.02)
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)
        elif isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight, 1, 0.02)
    return net


def jittered(pair):
    """[6, 256, 256] -> the same, a crop of it enlarged, mirrored or not."""
    pair = functional.interpolate(pair[None], (286, 286), mode='bicubic', align_corners=False)[0].clamp(-1, 1)
    top, left = torch.randint(0, 31, [2])
    pair = pair[:, top:top + 256, left:left + 256]
    return pair.flip(2) if torch.rand(()) < 0.5 else pair


def step(g, d, adam_g, adam_d, pair):
    """As the port's optimize_parameters."""
    source, target = pair[:, :3], pair[:, 3:]
    output = g(source)

    def judge(image, real):
        logits = d(torch.cat([source, image], 1))
        return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, real))
    d.requires_grad_(True)
    adam_d.zero_grad()
    (0.5 * (judge(output.detach(), 0.0) + judge(target, 1.0))).backward()
    adam_d.step()
    d.requires_grad_(False)
    adam_g.zero_grad()
    (judge(output, 1.0) + 100 * functional.l1_loss(output, target)).backward()
    adam_g.step()


if __name__ == '__main__':
    main(*sys.argv[1:4], **json.loads(sys.argv[4]))

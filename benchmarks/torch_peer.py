"""The same networks and updates in PyTorch, written from the paper: what benchmarks/run.py compares with."""

import torch
from torch import nn
from torch.nn import functional

WIDTHS = (1, 2, 4, 8, 8, 8, 8, 8)


def batch_norm(channels):
    return nn.BatchNorm2d(channels, track_running_stats=False)


class Generator(nn.Module):
    """U-Net: [N, 3, 256, 256] -> the same shape. Batch norm keeps no statistics, as ours."""

    def __init__(self, base):
        super().__init__()
        down = [3] + [base * w for w in WIDTHS]
        up = [down[8]] + [2 * w for w in down[7:0:-1]]
        self.downs = nn.ModuleList(nn.Conv2d(down[i], down[i + 1], 4, 2, 1, bias=False) for i in range(8))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(up[i], down[7 - i] if i < 7 else 3, 4, 2, 1, bias=i == 7)
                                 for i in range(8))
        self.down_norms = nn.ModuleList(batch_norm(down[i + 1]) for i in range(1, 7))
        self.up_norms = nn.ModuleList(batch_norm(down[7 - i]) for i in range(7))

    def forward(self, x):
        skips = []
        for i, conv in enumerate(self.downs):
            x = conv(functional.leaky_relu(x, 0.2) if i else x)
            x = self.down_norms[i - 1](x) if 0 < i < 7 else x
            skips.append(x)
        x = skips.pop()
        for i in range(7):
            x = self.up_norms[i](self.ups[i](functional.relu(x)))
            x = torch.cat([functional.dropout(x, 0.5) if i < 3 else x, skips.pop()], 1)
        return torch.tanh(self.ups[7](functional.relu(x)))


def discriminator(base):
    """PatchGAN: [N, 6, 256, 256] -> logits [N, 1, 30, 30]."""
    def conv(a, b, stride, bias=False):
        return nn.Conv2d(a, b, 4, stride, 1, bias=bias)
    layers = [conv(6, base, 2, True), nn.LeakyReLU(0.2)]
    for a, b, stride in (1, 2, 2), (2, 4, 2), (4, 8, 1):
        layers += [conv(base * a, base * b, stride), batch_norm(base * b), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, conv(base * 8, 1, 1, True))


def training_step(batch_size, size, base, precision, channels_last, compiled):
    """A function that runs one step on constant tensors: the updates of pix2pix/model.py."""
    g, d = Generator(base), discriminator(base)
    if base == 64:
        assert sum(p.numel() for p in g.parameters()) == 54_413_955
        assert sum(p.numel() for p in d.parameters()) == 2_768_705
    layout = torch.channels_last if channels_last else torch.contiguous_format
    g, d = g.to(memory_format=layout), d.to(memory_format=layout)
    source, target = (torch.rand(batch_size, 3, size, size).mul(2).sub(1).to(memory_format=layout) for _ in range(2))
    g_adam, d_adam = (torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999), fused=True) for net in (g, d))
    bce, one, zero = functional.binary_cross_entropy_with_logits, torch.ones([]), torch.zeros([])
    g_run, d_run = (torch.compile(g), torch.compile(d)) if compiled else (g, d)

    def judge(pair, wanted):
        logits = d_run(pair).float()
        return bce(logits, wanted.expand_as(logits))

    def step():
        with torch.autocast('cpu', torch.bfloat16, enabled=precision == 'bfloat16'):
            output = g_run(source)
            loss = judge(torch.cat([source, target], 1), one) + judge(torch.cat([source, output.detach()], 1), zero)
        d_adam.zero_grad()
        loss.backward()
        d_adam.step()
        d.requires_grad_(False)
        with torch.autocast('cpu', torch.bfloat16, enabled=precision == 'bfloat16'):
            loss = judge(torch.cat([source, output], 1), one) + 100 * (target - output.float()).abs().mean()
        g_adam.zero_grad()
        loss.backward()
        g_adam.step()
        d.requires_grad_(True)
        return loss.item()
    return step


def forward(batch_size, size, base, precision, channels_last, compiled):
    """A function that runs the generator once, batch statistics and dropout as at test time."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    g = Generator(base).to(memory_format=layout)
    source = torch.rand(batch_size, 3, size, size).mul(2).sub(1).to(memory_format=layout)
    if precision == 'bfloat16':     # once, as ours: autocast would do it every time
        for module in g.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                module.bfloat16()
    if compiled:
        from torch._inductor import config
        config.freezing = True      # the weights are constants, packed once
    run = torch.compile(g) if compiled else g

    def step():
        with torch.inference_mode(), torch.autocast('cpu', torch.bfloat16, enabled=precision == 'bfloat16'):
            return run(source).float().numpy()
    return step

"""The same networks and updates in PyTorch, written from the paper: each function returns what one step of it is."""

import torch
from torch import nn
from torch._inductor import config
from torch.nn import functional

PARAMETERS = [54_413_955, 2_768_705]        # of generator and discriminator at 64 filters, as ours


def step(precision, batch_size, size, filters, channels_last=False, compiled=False, device='cpu', tf32=False):
    """A training step on constant tensors: the updates of pix2pix/model/training_step.py."""
    allow_tf32(tf32)
    g, d = nets = [in_layout(net, channels_last).to(device) for net in (Generator(filters), discriminator(filters))]
    assert filters != 64 or [sum(p.numel() for p in net.parameters()) for net in nets] == PARAMETERS
    source, target = (in_layout(torch.rand(batch_size, 3, size, size) * 2 - 1, channels_last).to(device)
                      for _ in range(2))
    g_adam, d_adam = (torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999), fused=True) for net in nets)
    g_run, d_run = (torch.compile(net) if compiled else net for net in nets)

    def judge(image, wanted):
        logits = d_run(torch.cat([source, image], 1)).float()
        return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, wanted))

    def run():
        with torch.autocast(device, torch.bfloat16, enabled=precision == 'bfloat16'):
            output = g_run(source)
            loss = judge(target, 1) + judge(output.detach(), 0)
        d_adam.zero_grad()
        loss.backward()
        d_adam.step()
        d.requires_grad_(False)
        with torch.autocast(device, torch.bfloat16, enabled=precision == 'bfloat16'):
            loss = judge(output, 1) + 100 * (target - output.float()).abs().mean()
        g_adam.zero_grad()
        loss.backward()
        g_adam.step()
        d.requires_grad_(True)
        return loss.item()
    return run


def forward(precision, batch_size, size, filters, channels_last=False, compiled=False, device='cpu', tf32=False):
    """The generator, batch statistics and dropout as at test time; compiled, its weights are frozen: packed once."""
    allow_tf32(tf32)
    g = in_layout(Generator(filters), channels_last).to(device)
    source = in_layout(torch.rand(batch_size, 3, size, size) * 2 - 1, channels_last).to(device)
    for module in g.modules() if precision == 'bfloat16' else ():       # once, as ours: autocast would do it each time
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            module.bfloat16()
    config.freezing = compiled
    g_run = torch.compile(g) if compiled else g

    def run():
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=precision == 'bfloat16'):
            return g_run(source).float().cpu().numpy()
    return run


def matmul(precision):
    factor = torch.rand(4096, 4096).to(getattr(torch, precision))
    return lambda: (factor @ factor)[0, 0].item()


def allow_tf32(allowed):
    """Whether a GPU may compute products of float32 in TF32."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


def in_layout(tensors, channels_last):
    return tensors.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def batch_norm(channels):
    return nn.BatchNorm2d(channels, track_running_stats=False)


class Generator(nn.Module):
    """U-Net: [N, 3, 256, 256] -> the same shape."""

    def __init__(self, base):
        super().__init__()
        widths = [3] + [base * w for w in (1, 2, 4, 8, 8, 8, 8, 8)]
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for i, (outer, inner) in enumerate(zip(widths, widths[1:])):
            self.downs.append(nn.Sequential(
                nn.LeakyReLU(0.2) if i else nn.Identity(), nn.Conv2d(outer, inner, 4, 2, 1, bias=False),
                batch_norm(inner) if 0 < i < 7 else nn.Identity()))
            self.ups.insert(0, nn.Sequential(
                nn.ReLU(), nn.ConvTranspose2d(inner if i == 7 else 2 * inner, outer, 4, 2, 1, bias=i == 0),
                batch_norm(outer) if i else nn.Tanh(), nn.Dropout(0.5) if i > 4 else nn.Identity()))

    def forward(self, x):
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
        x = skips.pop()
        for up in self.ups:
            x = torch.cat([up(x), skips.pop()], 1) if skips else up(x)
        return x


def discriminator(base):
    """PatchGAN: [N, 6, 256, 256] -> logits [N, 1, 30, 30]."""
    layers = [nn.Conv2d(6, base, 4, 2, 1), nn.LeakyReLU(0.2)]
    for a, b, stride in (1, 2, 2), (2, 4, 2), (4, 8, 1):
        layers += [nn.Conv2d(base * a, base * b, 4, stride, 1, bias=False), batch_norm(base * b), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(base * 8, 1, 4, 1, 1))

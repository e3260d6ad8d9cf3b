"""The networks once more, in float64 NumPy, written from the paper and not from the code: what the tests compare with.

`w` is a kernel, or a dict of variables by name, such as 'generator/down1/w'; base width 1 keeps it quick.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def conv(x, w, stride):
    """Pad one pixel, correlate with [4, 4, in, out]."""
    x = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    return np.einsum('nhwcij,ijco->nhwo', sliding_window_view(x, (4, 4), (1, 2))[:, ::stride, ::stride], w)


def deconv(x, w):
    """Scatter [4, 4, out, in] at stride 2, cut one pixel."""
    n, h, width, _ = x.shape
    out = np.zeros((n, 2 * h + 2, 2 * width + 2, w.shape[2]))
    for i in range(4):
        for j in range(4):
            out[:, i:i + 2 * h:2, j:j + 2 * width:2] += x @ w[i, j].T
    return out[:, 1:-1, 1:-1]


def conv_gradients(x, w, dy, stride):
    """Of the sum of conv(x, w, stride) * dy, by x and by w: each tap of an output met one pixel of the padded input."""
    _, h, width, _ = dy.shape
    x = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for i in range(4):
        for j in range(4):
            met = slice(None), slice(i, i + stride * h, stride), slice(j, j + stride * width, stride)
            dx[met] += dy @ w[i, j].T
            dw[i, j] = np.tensordot(x[met], dy, [(0, 1, 2)] * 2)
    return dx[:, 1:-1, 1:-1], dw


def deconv_gradients(x, w, dy):
    """Of the sum of deconv(x, w) * dy. That is the sum of x * conv(dy, w), so x and dy change places."""
    return conv(dy, w, 2), conv_gradients(dy, w, x, 2)[1]


def norm(x, w, name, kind='batch'):
    """Over the images and pixels of each channel, or the pixels of each image and channel (Ulyanov et al. 2016)."""
    axes = {'batch': (0, 1, 2), 'instance': (1, 2)}[kind]
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * w[name + '/scale'] + w[name + '/offset']


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def relu(x):
    return np.maximum(x, 0)


def generator(image, w, layers, kind='batch'):
    """Without dropout; normalised by the statistics of the batch, or of each image."""
    paper = layers == 'paper'
    x, skips = image, []
    for i in range(1, 9):
        x = conv(leaky(x) if i > 1 else x, w[f'generator/down{i}/w'], 2)
        if not paper and i == 1:
            x = x + w['generator/down1/b']
        if i in range(2, 8) or (i == 8 and not paper):
            x = norm(x, w, f'generator/down{i}_norm', kind)
        skips.append(x)
    x = relu(skips.pop())
    for i in range(1, 8):
        x = deconv(x, w[f'generator/up{i}/w'])
        x = norm(x, w, f'generator/up{i}_norm', kind) if paper else x + w[f'generator/up{i}/b']
        skip = skips.pop()
        x = np.concatenate([relu(x), relu(skip) if paper else skip], -1)
    return np.tanh(deconv(x, w['generator/up8/w']) + w['generator/up8/b'])


def discriminator(source, target, w, kind='batch'):
    x = leaky(conv(np.concatenate([source, target], -1), w['discriminator/conv1/w'], 2) + w['discriminator/conv1/b'])
    for i, stride in (2, 2), (3, 2), (4, 1):
        x = leaky(norm(conv(x, w[f'discriminator/conv{i}/w'], stride), w, f'discriminator/conv{i}_norm', kind))
    return conv(x, w['discriminator/conv5/w'], 1) + w['discriminator/conv5/b']


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def losses(source, target, w, layers, kind='batch', gan='vanilla'):
    """d_loss, g_loss_gan, g_loss_l1 of one set of variables."""
    output = generator(source, w, layers, kind)
    real, fake = discriminator(source, target, w, kind), discriminator(source, output, w, kind)
    l1 = np.mean(np.abs(target - output))
    if gan == 'lsgan':      # Mao et al. 2017, equation 9, without its halves
        return np.mean((real - 1) ** 2) + np.mean(fake ** 2), np.mean((fake - 1) ** 2), l1
    real, fake = sigmoid(real), sigmoid(fake)
    return -np.mean(np.log(real + 1e-12) + np.log(1 - fake + 1e-12)), np.mean(-np.log(fake + 1e-12)), l1

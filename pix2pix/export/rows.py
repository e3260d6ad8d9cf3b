"""The generator, row by row from the layer tables, in the operations of any format."""

from pix2pix.model.networks import DECODER, ENCODER


def draw(net, x, layers):
    """What the generator makes of x. `net` has the operations:

    leaky(x), relu(x), tanh(x), join(x, skip)
    shrink(x, name, norm), grow(x, name, norm)   the convolution of that row and its transpose, with bias and norm
    """
    skips = []
    for name, _, norm in ENCODER:
        x = net.shrink(net.leaky(x) if skips else x, name, layers in norm)
        skips.append(x)
    x = net.relu(skips.pop())
    for name, _, norm, _ in DECODER:
        x, skip = net.relu(net.grow(x, name, layers in norm)), skips.pop()
        x = net.join(x, skip if layers == 'writeup' else net.relu(skip))
    return net.tanh(net.grow(x, 'up8', False))

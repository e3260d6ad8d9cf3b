"""The generator, row by row from the layer tables, in the operations of any format."""

import tensorflow.compat.v1 as tf

from pix2pix.model.layers import dropout
from pix2pix.model.networks import decoder, encoder


def draw(net, x, architecture, dropped=None):
    """What the generator makes of x. `net` has the operations:

    leaky(x), relu(x), tanh(x), join(x, skip), times(x, name, mask)
    shrink(x, name, norm), grow(x, name, norm)   the convolution of that row and its transpose, with bias and norm

    `dropped` are the masks of dropout by row, as masks() has them; none: without dropout.
    """
    layers, skips, dropped = architecture.layers, [], dropped or {}
    for name, _, norm in encoder(architecture.depth):
        x = net.shrink(net.leaky(x) if skips else x, name, layers in norm)
        skips.append(x)
    x = net.relu(skips.pop())
    for name, _, norm, _ in decoder(architecture.depth):
        x, skip = net.grow(x, name, layers in norm), skips.pop()
        x = net.relu(net.times(x, name, dropped[name]) if name in dropped else x)
        x = net.join(x, skip if layers == 'writeup' else net.relu(skip))
    return net.tanh(net.grow(x, f'up{architecture.depth}', False))


def masks(generator, size):
    """The masks of a Generator's dropout for pictures of size (height, width), [1, h, w, C] by row: 0 where a value is
    dropped, else 1 / keep_prob. {} where its dropout is off."""
    architecture = generator.architecture
    if not generator.dropout or architecture.keep_prob == 1:
        return {}
    with tf.Graph().as_default(), tf.Session() as sess:
        def mask(row, name, width):
            height, wide = (side >> (architecture.depth - 1 - row) for side in size)
            ones = tf.ones([1, height, wide, width * architecture.base_filters])
            return dropout(ones, name, architecture.keep_prob, [generator.seed, 0])
        return sess.run({name: mask(row, name, width) for row, (name, width, _, drop) in
                         enumerate(decoder(architecture.depth)) if architecture.layers in drop})

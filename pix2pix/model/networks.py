"""The U-Net generator and the 70x70 PatchGAN discriminator (Isola et al., CVPR 2017, section 3.2 and appendix 6.1).

Both are written as tables in running order. A column such as `norm` names the layer tables that the row has it in:
'paper' is the original's, 'port' that of the PyTorch port, 'writeup' the one of jjeamin's "pix2pix-tensorflow" (2019);
docs/design.md compares them. The tables are of depth 8; encoder() and decoder() give them for another.
"""

import tensorflow.compat.v1 as tf

from pix2pix.model import ema
from pix2pix.model.architecture import DEPTHS, LAYERS, NORMS
from pix2pix.model.layers import batch_norm, conv, deconv, dropout

PIXELS_AT_ONCE = 4 * 256 ** 2       # that are drawn in one run,
IMAGES_AT_ONCE = 8                  # and in how many images at most: each may have its own part of a graph, to be read

# Of batch norm at test time. One image has no variance in the 1x1 bottleneck that the write-up normalises.
TEST_STATISTICS = {'paper': 'batch', 'port': 'batch', 'writeup': 'moving'}

#           name     width  norm
ENCODER = [('down1', 1,     ()),                             # 256 -> 128
           ('down2', 2,     ('paper', 'port', 'writeup')),   # 128 ->  64
           ('down3', 4,     ('paper', 'port', 'writeup')),   #  64 ->  32
           ('down4', 8,     ('paper', 'port', 'writeup')),   #  32 ->  16
           ('down5', 8,     ('paper', 'port', 'writeup')),   #  16 ->   8
           ('down6', 8,     ('paper', 'port', 'writeup')),   #   8 ->   4
           ('down7', 8,     ('paper', 'port', 'writeup')),   #   4 ->   2
           ('down8', 8,     ('writeup',))]                   #   2 -> 1: normalising one pixel would erase it (erratum)

#           name     width  norm                dropout
DECODER = [('up1',   8,     ('paper', 'port'),  ('paper', 'writeup')),           #   1 ->   2
           ('up2',   8,     ('paper', 'port'),  ('paper', 'port', 'writeup')),   #   2 ->   4
           ('up3',   8,     ('paper', 'port'),  ('paper', 'port', 'writeup')),   #   4 ->   8
           ('up4',   8,     ('paper', 'port'),  ('port', 'writeup')),            #   8 ->  16
           ('up5',   4,     ('paper', 'port'),  ('writeup',)),                   #  16 ->  32
           ('up6',   2,     ('paper', 'port'),  ('writeup',)),                   #  32 ->  64
           ('up7',   1,     ('paper', 'port'),  ('writeup',))]                   #  64 -> 128, and 'up8' -> 256

#                 name     width  stride  norm
DISCRIMINATOR = [('conv1', 1,     2,      False),   # 256 -> 128
                 ('conv2', 2,     2,      True),    # 128 ->  64
                 ('conv3', 4,     2,      True),    #  64 ->  32
                 ('conv4', 8,     1,      True)]    #  32 ->  31, and 'conv5' -> 30


def encoder(depth):
    """The rows of the encoder for so many halvings: those like down7 are more or fewer, as in the port's unet_128."""
    return cut_or_lengthened(ENCODER, 7, depth)


def decoder(depth):
    """The rows of the decoder but the last: those like up4 are more or fewer."""
    return cut_or_lengthened(DECODER, 4, depth)


def cut_or_lengthened(rows, end, depth):
    """A table of depth 8 for another one: rows go from before `end`, or the one there is repeated. All are numbered."""
    assert depth in DEPTHS, depth
    more = depth - len(ENCODER)
    rows = rows[:end + min(more, 0)] + [rows[end - 1]] * max(more, 0) + rows[end:]
    return [(f'{name[:-1]}{number}', *columns) for number, (name, *columns) in enumerate(rows, start=1)]


def generator(image, architecture, *, seed=None, dropout_on=True, one_mask=False, statistics='batch'):
    """U-Net: image [N, H, W, source_channels] -> float32 image [N, H, W, target_channels], both in [-1, 1].

    H and W are multiples of architecture.multiple. The convolutions run in the architecture's precision. Dropout needs
    a seed of two integers, which alone decides its masks; `one_mask` is that of layers.dropout, `statistics` of
    layers.batch_norm: with instance norm they are each image's own.
    """
    layers, base, keep_prob = architecture.layers, architecture.base_filters, architecture.keep_prob
    normalise, biased = norm_of(architecture, statistics), architecture.norm == 'instance_port'
    assert layers in LAYERS, layers
    assert not any(side % architecture.multiple for side in image.shape[1:3]), image.shape
    x, skips = tf.cast(image, architecture.precision), []
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        for name, width, norm in encoder(architecture.depth):
            x = tf.nn.leaky_relu(x) if skips else x
            x = conv(x, name, base * width, bias=biased or layers == 'writeup' and layers not in norm)
            x = normalise(x, name + '_norm') if layers in norm else x
            skips.append(x)

        x = tf.nn.relu(skips.pop())
        for name, width, norm, drop in decoder(architecture.depth):
            x = deconv(x, name, base * width, bias=biased or layers == 'writeup')
            x = normalise(x, name + '_norm') if layers in norm else x
            if layers in drop and dropout_on and keep_prob < 1:
                x = dropout(x, name, keep_prob, seed, one_mask=one_mask)
            skip = skips.pop()
            # The original's ReLU follows the concatenation, the write-up's comes before it.
            x = tf.concat([tf.nn.relu(x), skip if layers == 'writeup' else tf.nn.relu(skip)], axis=-1)
        assert not skips
        x = deconv(x, f'up{architecture.depth}', architecture.target_channels, bias=True)
        return tf.tanh(tf.cast(x, tf.float32))


def trained_generator(image, architecture, *, seed=0, dropout_on=True, statistics=None, averaged=False):
    """The generator as it is tested, and as samples and validation draw: the original's way unless told otherwise.

    Dropout is on, its masks a function of `seed` alone; batch norm uses the statistics of the batch, or for the
    write-up those of the training. Each image of a batch is drawn as if it were a batch by itself. `averaged`: with the
    averages of its weights and moving statistics (ema.py).
    """
    statistics = statistics or TEST_STATISTICS[architecture.layers]
    with tf.variable_scope('', custom_getter=ema.averaged if averaged else None):
        return generator(image, architecture, seed=[seed, 0], dropout_on=dropout_on, one_mask=True,
                         statistics='each' if statistics == 'batch' else statistics)


def images_at_once(height, width):
    """How many images of that size to draw in one run: as many as have the pixels of four of 256 x 256, 1 to 8.

    All share one pass over the weights. Of fewer pixels it takes much of the time (docs/experiments.md).
    """
    return min(max(1, PIXELS_AT_ONCE // (height * width)), IMAGES_AT_ONCE)


def norm_of(architecture, statistics):
    """The norm as a function (x, name): by the `statistics` of layers.batch_norm, or by each image's own."""
    assert architecture.norm in NORMS, architecture.norm
    statistics = statistics if architecture.norm == 'batch' else 'each'
    return lambda x, name: batch_norm(x, name, statistics, affine=architecture.norm != 'instance_port')


def weights(scope):
    """The variables of a network that is built: what is trained of it, and its moving statistics. No slots of Adam."""
    return tf.trainable_variables(scope + '/') + [v for v in tf.global_variables(scope + '/') if 'moving' in v.op.name]


def discriminator(source, target, architecture):
    """PatchGAN: images [N, H, W, C] in [-1, 1] -> float32 logits [N, H/8 - 2, W/8 - 2, 1], one per 70x70 patch."""
    x = tf.cast(tf.concat([source, target], axis=-1), architecture.precision)
    normalise, biased = norm_of(architecture, 'batch'), architecture.norm == 'instance_port'
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        for name, width, stride, norm in DISCRIMINATOR:
            x = conv(x, name, architecture.base_filters * width, stride, bias=biased or not norm)
            x = normalise(x, name + '_norm') if norm else x
            x = tf.nn.leaky_relu(x)
        return tf.cast(conv(x, 'conv5', 1, stride=1, bias=True), tf.float32)

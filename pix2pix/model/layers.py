"""The layers. Each takes its scope name and owns its variables, in float32; x is [N, H, W, C] in any float type."""

import zlib

import tensorflow.compat.v1 as tf

from pix2pix.model import convolution

EPSILON = 1e-5      # batch norm: added to the variance
DECAY = 0.9         # batch norm: of the moving statistics


def variable(name, shape, initializer=None, trainable=True):
    return tf.get_variable(name, shape, tf.float32, initializer or tf.zeros_initializer(), trainable=trainable)


def normal(mean):
    """N(mean, 0.02), drawn from the graph's seed and the scope's name, so that no other layer changes it."""
    return tf.random_normal_initializer(mean, 0.02, seed=zlib.crc32(tf.get_variable_scope().name.encode()) >> 1)


def add_bias(x):
    return tf.nn.bias_add(x, tf.cast(variable('b', [x.shape[-1]]), x.dtype))


def conv(x, name, width, stride=2, bias=False):
    """4x4 convolution, padded by one zero pixel a side: H x W -> H/2 x W/2 at stride 2, H-1 x W-1 at stride 1."""
    with tf.variable_scope(name):
        w = variable('w', [4, 4, x.shape[-1], width], normal(0.0))
        x = convolution.conv(x, w, stride)
        return add_bias(x) if bias else x


def deconv(x, name, width, bias=False):
    """4x4 transposed convolution at stride 2: [N, H, W, C] -> [N, 2H, 2W, width]."""
    with tf.variable_scope(name):
        w = variable('w', [4, 4, width, x.shape[-1]], normal(0.0))
        x = convolution.deconv(x, w)
        return add_bias(x) if bias else x


def batch_norm(x, name, statistics='batch', *, affine=True):
    """Normalise each channel, then scale and offset it (Ioffe & Szegedy 2015), unless it is not `affine`.

    statistics: 'each'    each image's own mean and variance, as if it were a batch by itself;
                'batch'   the batch's own, and nothing is kept;
                'update'  the same, and ops in UPDATE_OPS let the moving mean and variance follow them;
                'moving'  the moving mean and variance.
    """
    with tf.variable_scope(name):
        scale = variable('scale', [x.shape[-1]], normal(1.0)) if affine else tf.ones([x.shape[-1]])
        offset = variable('offset', [x.shape[-1]]) if affine else tf.zeros([x.shape[-1]])
        if statistics == 'each' and x.shape[0] != 1:
            wide = tf.cast(x, tf.float32)
            mean, variance = tf.nn.moments(wide, [1, 2], keepdims=True)
            return tf.cast(tf.nn.batch_normalization(wide, mean, variance, offset, scale, EPSILON), x.dtype)
        if statistics in ('batch', 'each'):
            return tf.nn.fused_batch_norm(x, scale, offset, epsilon=EPSILON)[0]
        moving_mean = variable('moving_mean', [x.shape[-1]], trainable=False)
        moving_variance = variable('moving_variance', [x.shape[-1]], tf.ones_initializer(), trainable=False)
        if statistics == 'moving':
            return tf.nn.fused_batch_norm(x, scale, offset, moving_mean, moving_variance, EPSILON, is_training=False)[0]
        assert statistics == 'update', statistics
        x, mean, variance = tf.nn.fused_batch_norm(x, scale, offset, epsilon=EPSILON)
        for moving, value in (moving_mean, mean), (moving_variance, variance):
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, moving.assign_sub((1 - DECAY) * (moving - value)))
        return x


def dropout(x, name, keep_prob, seed, *, one_mask=False):
    """Keep each value with probability keep_prob, scaled by its inverse; the mask is a function of (seed, name).

    one_mask: all images have that of the first.
    """
    seed = tf.random.experimental.stateless_fold_in(seed, zlib.crc32(name.encode()))
    shape = [1, *x.shape[1:]] if one_mask else None
    return tf.nn.experimental.stateless_dropout(x, 1 - keep_prob, seed, noise_shape=shape)

"""The layers. Each takes its scope name and owns its variables, in float32; x is [N, H, W, C] in any float type."""

import zlib

import tensorflow.compat.v1 as tf

EPSILON = 1e-5      # batch norm: added to the variance
SMALL = {tf.float32: 16, tf.bfloat16: 8}    # deconv: rows up to which a matrix product is faster (docs/benchmarks.md)
NARROW = 3          # conv, deconv: channels of the output, of pictures and logits, for which it is faster
DECAY = 0.9         # batch norm: of the moving statistics
WIDE = 128          # filter_gradient: channels from which matrix products are faster
BY_MATMUL = {'Conv2D': 'ConvByMatmul', 'Conv2DBackpropInput': 'DeconvByMatmul'}     # gradients in bfloat16, below


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
        w = tf.cast(variable('w', [4, 4, x.shape[-1], width], normal(0.0)), x.dtype)
        if stride == 1:     # 'SAME' would pad 1 and 2 here; at stride 2 it pads one a side
            x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
        if stride == 1 and width <= NARROW:
            x = conv_as_matmul(x, w)
        else:
            with gradients_by_matmul(x.dtype):
                x = tf.nn.conv2d(x, w, stride, 'VALID' if stride == 1 else 'SAME')
        return add_bias(x) if bias else x


def deconv(x, name, width, bias=False):
    """4x4 transposed convolution at stride 2: [N, H, W, C] -> [N, 2H, 2W, width]."""
    with tf.variable_scope(name):
        w = tf.cast(variable('w', [4, 4, width, x.shape[-1]], normal(0.0)), x.dtype)
        if x.shape[1] <= SMALL[x.dtype] or width <= NARROW:
            x = deconv_as_matmul(x, w)
        else:
            shape = tf.shape(x) * [1, 2, 2, 0] + [0, 0, 0, width]
            with gradients_by_matmul(x.dtype):
                x = tf.nn.conv2d_transpose(x, w, shape, 2, 'SAME')
        return add_bias(x) if bias else x


def conv_as_matmul(x, w):
    """conv at stride 1, of x already padded, by one matrix product and sixteen shifted sums, these in float32: ten
    times faster for one channel."""
    (_, h, width, c), k = x.shape, w.shape[3]
    x = tf.matmul(tf.reshape(x, [1, -1, c]), tf.reshape(tf.transpose(w, [2, 0, 1, 3]), [1, c, -1]))
    taps = tf.split(tf.cast(tf.reshape(x, [-1, h, width, 16 * k]), tf.float32), 16, axis=3)
    x = tf.add_n([tf.slice(tap, [0, i // 4, i % 4, 0], [-1, h - 3, width - 3, -1]) for i, tap in enumerate(taps)])
    return tf.cast(x, w.dtype)


def deconv_as_matmul(x, w):
    """deconv by one matrix product and four shifted sums, in float32 for few channels: several times faster for few
    pixels, faster for few channels."""
    (_, h, width, c), k = x.shape, w.shape[2]
    # A batch of one product: the plain op takes up to five times as long for few rows in float32.
    x = tf.matmul(tf.reshape(x, [1, -1, c]), tf.reshape(w, [1, -1, c]), transpose_b=True)
    x = tf.reshape(tf.cast(x, tf.float32) if k <= NARROW else x, [-1, h, width, 2, 2, 2, 2, k])
    shifted = [tf.pad(tf.reshape(part, [-1, h, width, 4 * k]), [[0, 0], [i, 1 - i], [j, 1 - j], [0, 0]])
               for i, rows in enumerate(tf.unstack(x, axis=3)) for j, part in enumerate(tf.unstack(rows, axis=4))]
    x = tf.depth_to_space(tf.cast(tf.add_n(shifted), w.dtype), 2)
    return tf.slice(x, [0, 1, 1, 0], [-1, 2 * h, 2 * width, -1])    # faster than x[:, 1:-1, 1:-1] to differentiate


def gradients_by_matmul(dtype):
    """In bfloat16 on a CPU the gradients of what is built within are those below (docs/benchmarks.md: 5 %)."""
    on_cpu = not tf.config.list_physical_devices('GPU')
    return tf.get_default_graph().gradient_override_map(BY_MATMUL if on_cpu and dtype == tf.bfloat16 else {})


@tf.RegisterGradient('ConvByMatmul')
def conv_gradient(op, dy):
    x, w = op.inputs
    strides, padding = op.get_attr('strides'), op.get_attr('padding')
    return tf.nn.conv2d_backprop_input(tf.shape(x), w, dy, strides, padding), filter_gradient(x, dy, strides, padding)


@tf.RegisterGradient('DeconvByMatmul')
def deconv_gradient(op, dy):
    _, w, x = op.inputs
    strides, padding = op.get_attr('strides'), op.get_attr('padding')
    return None, filter_gradient(dy, x, strides, padding), tf.nn.conv2d(dy, w, strides, padding)


def filter_gradient(x, dy, strides, padding):
    """The gradient of a 4x4 convolution's weights, [4, 4, C, K]: x [N, H, W, C] its input, dy [N, H', W', K].

    A matrix product a tap; at stride 2 those of the four pixels of a block are one product.
    """
    (_, height, width, k), c, stride = dy.shape, x.shape[3], strides[1]
    if c < WIDE or k < WIDE:
        return tf.nn.conv2d_backprop_filter(x, [4, 4, c, k], dy, strides, padding)
    if stride == 2:
        x = tf.space_to_depth(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 2)
    taps, dy = 4 // stride, tf.reshape(dy, [-1, k])
    dw = tf.stack([tf.matmul(tf.reshape(x[:, i:i + height, j:j + width], [-1, stride ** 2 * c]), dy, transpose_a=True)
                   for i in range(taps) for j in range(taps)])
    dw = tf.reshape(dw, [taps, taps, stride, stride, c, k])
    return tf.reshape(tf.transpose(dw, [0, 2, 1, 3, 4, 5]), [4, 4, c, k])


def batch_norm(x, name, statistics='batch'):
    """Normalise each channel, then scale and offset it (Ioffe & Szegedy 2015).

    statistics: 'batch'   the batch's own mean and variance, and nothing is kept;
                'update'  the same, and ops in UPDATE_OPS let the moving mean and variance follow them;
                'moving'  the moving mean and variance.
    """
    with tf.variable_scope(name):
        scale = variable('scale', [x.shape[-1]], normal(1.0))
        offset = variable('offset', [x.shape[-1]])
        if statistics == 'batch':
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


def dropout(x, name, keep_prob, seed):
    """Keep each value with probability keep_prob, scaled by its inverse; the mask is a function of (seed, name)."""
    seed = tf.random.experimental.stateless_fold_in(seed, zlib.crc32(name.encode()))
    return tf.nn.experimental.stateless_dropout(x, 1 - keep_prob, seed)

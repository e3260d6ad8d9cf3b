"""The 4x4 convolutions, in other ways where these are faster on a CPU: docs/benchmarks.md has what each gives.

oneDNN's run at the rate of a matrix product, but not for few pixels, for few channels, nor for the filter gradients of
many: these are matrix products here. At stride 1 nine products need three fifths of the multiplications. On a GPU,
where none of this was measured, cuDNN does filter gradients and stride 1. x is [N, H, W, C] in float32 or bfloat16, and
so is the result; w is in any float type.
"""

import tensorflow.compat.v1 as tf

SMALL = 8           # rows of the smaller image up to which a product is faster
NARROW = 3          # channels of the result, of pictures and logits, for which it is faster
WIDE = 64           # channels from which the products of a filter gradient are faster
WIDER = 128         # channels from which the nine products at stride 1 are
STRIDES = [1, 2, 2, 1]
BY_PRODUCT = {'Conv2D': 'ConvByProduct', 'Conv2DBackpropInput': 'DeconvByProduct'}      # their gradients, below


def conv(x, w, stride):
    """Convolution by w [4, 4, C, K], one zero pixel a side: H x W -> H/2 x W/2 at stride 2, H-1 x W-1 at stride 1."""
    (_, height, width, c), k = x.shape, w.shape[3]
    if stride == 1 and on_cpu() and min(c, k) >= WIDER and height % 2 == width % 2 == 0:
        return conv_by_nine(x, w)
    w = tf.cast(w, x.dtype)
    if stride == 1:     # 'SAME' would pad 1 and 2 here; at stride 2 it pads one a side
        x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
        return conv_to_few_channels(x, w) if k <= NARROW else tf.nn.conv2d(x, w, 1, 'VALID')
    if height <= 2 * SMALL:
        return conv_of_few_pixels(x, w)
    with gradients_by_product():
        return tf.nn.conv2d(x, w, 2, 'SAME')


def deconv(x, w):
    """Transposed convolution by w [4, 4, K, C] at stride 2: H x W -> 2H x 2W."""
    w, width = tf.cast(w, x.dtype), w.shape[2]
    if x.shape[1] <= SMALL or width <= NARROW:
        return deconv_of_few(x, w)
    with gradients_by_product():
        return tf.nn.conv2d_transpose(x, w, tf.shape(x) * [1, 2, 2, 0] + [0, 0, 0, width], 2, 'SAME')


def product(x, w, **transpose):
    """The rows of x by the matrix w, as a batch of one: the plain op takes up to five times as long for few rows."""
    return tf.squeeze(tf.matmul(tf.expand_dims(x, 0), tf.expand_dims(w, 0), **transpose), 0)


def conv_of_few_pixels(x, w):
    """conv at stride 2: a product of the patches of 4x4 pixels, each of two by two blocks of 2x2."""
    (_, h, width, c), k = x.shape, w.shape[3]
    h, width = h // 2, width // 2
    x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    rows = tf.unstack(tf.reshape(x, [-1, h + 1, 2, width + 1, 2 * c]), axis=2)      # of the blocks: first, second
    x = tf.concat([tf.slice(row, [0, i, j, 0], [-1, h, width, -1]) for i in (0, 1) for row in rows for j in (0, 1)], 3)
    return tf.reshape(product(tf.reshape(x, [-1, 16 * c]), tf.reshape(w, [16 * c, k])), [-1, h, width, k])


def conv_by_nine(x, w):
    """conv at stride 1, H and W even, as nine products of patches of 2x2 pixels: 9/16 of the multiplications, and 0.6
    with the last row and column, which are cut off.

    Winograd's F(2, 2) in both axes (Lavin & Gray, CVPR 2016, section 4), on every other pixel and every other tap. In
    one axis, with x0 and x1 the even and the odd pixels, x2 the even ones from the second on, w0 and w1 the even and
    the odd taps, and * the convolution of these,
        the even outputs are  x0 * w0 + x1 * w1 = (x0 - x1) * w0 + x1 * (w0 + w1),
        the odd ones          x1 * w0 + x2 * w1 = x1 * (w0 + w1) - (x1 - x2) * w1.
    In bfloat16 the result is off by 0.7 % (root mean square, of noise), that of one convolution by 0.3 %.
    """
    def pixels(even, odd, axis):
        count = even.shape[axis] - 1
        x0, _ = tf.split(even, [count, 1], axis)
        _, x2 = tf.split(even, [1, count], axis)
        x1, _ = tf.split(odd, [count, 1], axis)
        return x0 - x1, x1, x1 - x2

    def taps(even, odd):
        return even, even + odd, odd

    def outputs(first, both, last):
        return first + both, both - last

    (_, height, width, c), k = x.shape, w.shape[3]
    rows, columns = height // 2, width // 2
    x = tf.pad(x, [[0, 0], [1, 3], [1, 3], [0, 0]])     # two more than are needed, for an even number of outputs
    x = tf.reshape(x, [-1, rows + 2, 2, columns + 2, 2, c])
    x = tf.stack([pixel for row in pixels(*tf.unstack(x, axis=2), axis=1)
                  for pixel in pixels(*tf.unstack(row, axis=3), axis=2)])
    x = tf.concat([tf.slice(x, [0, 0, i, j, 0], [-1, -1, rows, columns, -1]) for i in (0, 1) for j in (0, 1)], axis=4)
    w = tf.reshape(w, [2, 2, 2, 2, c, k])       # the taps of a patch [i, even or odd, j, even or odd]
    w = tf.stack([tap for row in taps(*tf.unstack(w, axis=1)) for tap in taps(*tf.unstack(row, axis=2))])
    y = tf.matmul(tf.reshape(x, [9, -1, 4 * c]), tf.reshape(tf.cast(w, x.dtype), [9, 4 * c, k]))
    y = tf.reshape(y, [3, 3, -1, rows, columns, k])
    y = tf.concat([part for row in outputs(*tf.unstack(y)) for part in outputs(*tf.unstack(row))], axis=3)
    return tf.slice(tf.depth_to_space(y, 2), [0, 0, 0, 0], [-1, height - 1, width - 1, -1])


def conv_to_few_channels(x, w):
    """conv at stride 1, of x already padded: a product, and sixteen shifted sums in float32."""
    (_, h, width, c), k = x.shape, w.shape[3]
    x = product(tf.reshape(x, [-1, c]), tf.reshape(tf.transpose(w, [2, 0, 1, 3]), [c, 16 * k]))
    taps = tf.split(tf.cast(tf.reshape(x, [-1, h, width, 16 * k]), tf.float32), 16, axis=3)
    x = tf.add_n([tf.slice(tap, [0, i // 4, i % 4, 0], [-1, h - 3, width - 3, -1]) for i, tap in enumerate(taps)])
    return tf.cast(x, w.dtype)


def deconv_of_few(x, w):
    """deconv of few pixels or to few channels: a product, and four shifted sums, in float32 for few channels."""
    (_, h, width, c), k = x.shape, w.shape[2]
    x = product(tf.reshape(x, [-1, c]), tf.reshape(w, [16 * k, c]), transpose_b=True)
    x = tf.reshape(tf.cast(x, tf.float32) if k <= NARROW else x, [-1, h, width, 2, 2, 2, 2, k])
    shifted = [tf.pad(tf.reshape(part, [-1, h, width, 4 * k]), [[0, 0], [i, 1 - i], [j, 1 - j], [0, 0]])
               for i, rows in enumerate(tf.unstack(x, axis=3)) for j, part in enumerate(tf.unstack(rows, axis=4))]
    x = tf.depth_to_space(tf.cast(tf.add_n(shifted), w.dtype), 2)
    return tf.slice(x, [0, 1, 1, 0], [-1, 2 * h, 2 * width, -1])    # faster than x[:, 1:-1, 1:-1] to differentiate


def on_cpu():
    return not tf.config.list_physical_devices('GPU')


def gradients_by_product():
    """On a CPU the gradients of what is built within, at stride 2, are those below."""
    return tf.get_default_graph().gradient_override_map(BY_PRODUCT if on_cpu() else {})


@tf.RegisterGradient('ConvByProduct')
def conv_gradient(op, dy):
    x, w = op.inputs
    return tf.nn.conv2d_backprop_input(tf.shape(x), w, dy, STRIDES, 'SAME'), filter_gradient(x, dy)


@tf.RegisterGradient('DeconvByProduct')
def deconv_gradient(op, dy):
    _, w, x = op.inputs
    return None, filter_gradient(dy, x), tf.nn.conv2d(dy, w, STRIDES, 'SAME')


def filter_gradient(x, dy):
    """The gradient of weights [4, 4, C, K] at stride 2: x [N, H, W, C] the convolution's input, dy [N, H/2, W/2, K].

    Four products, each of all four pixels of a block of 2x2. dy is put on the grid of the blocks, which has a row and a
    column more: then each product takes the blocks from another row of the matrix on, without a copy.
    """
    (_, _, width, k), c = dy.shape, x.shape[3]
    if min(c, k) < WIDE:
        return tf.nn.conv2d_backprop_filter(x, [4, 4, c, k], dy, STRIDES, 'SAME')
    blocks = tf.reshape(tf.space_to_depth(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 2), [-1, 4 * c])
    dy = tf.reshape(tf.pad(dy, [[0, 0], [0, 1], [0, 1], [0, 0]]), [-1, k])
    count, shifts = tf.shape(dy)[0], (0, 1, width + 1, width + 2)
    dw = tf.stack([tf.matmul(blocks[shift:], dy[:count - shift], transpose_a=True) for shift in shifts])
    dw = tf.reshape(dw, [2, 2, 2, 2, c, k])     # [row and column of the block, row and column in it]
    return tf.reshape(tf.transpose(dw, [0, 2, 1, 3, 4, 5]), [4, 4, c, k])

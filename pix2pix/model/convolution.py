"""The 4x4 convolutions, each in the way that is fastest on a CPU: docs/experiments.md has what each way gives.

oneDNN's convolutions run at the rate of a matrix product, but not for few pixels, for few channels, nor for the filter
gradients of many channels. There, matrix products stand in their place. At stride 1, and on a CPU with AVX2 alone in
filter gradients in float32, Winograd's way needs three fifths of the multiplications. On a GPU cuDNN does both.

x is [N, H, W, C] in float32 or bfloat16, and so is the result; w is in any float type. The comment behind a reshape is
the shape that comes out; h and width are those of the smaller image, c and k the channels in and out.
"""

import functools

import tensorflow.compat.v1 as tf

IM2COL_MAX_ROWS = 8                 # of the smaller image: up to so many, im2col and col2im are faster
KN2ROW_MAX_CHANNELS = 3             # of the result, a picture or logits: up to so many, kn2row and col2im are faster
FILTER_GRADIENT_MIN_CHANNELS = 64   # from so many on, a filter gradient is faster as four products
WINOGRAD_MIN_CHANNELS = 128         # from so many on, Winograd is faster at stride 1, and in some filter gradients
STRIDES = [1, 2, 2, 1]
GRADIENTS = {'Conv2D': 'ConvWithProducts', 'Conv2DBackpropInput': 'DeconvWithProducts'}     # registered below


def conv(x, w, stride):
    """Convolution by w [4, 4, C, K], one zero pixel a side: H x W -> H/2 x W/2 at stride 2, H-1 x W-1 at stride 1."""
    (_, height, width, c), k = x.shape, w.shape[3]
    if stride == 2 and height <= 2 * IM2COL_MAX_ROWS:
        return conv_im2col(x, w)
    if stride == 2:
        return conv_stride_2(x, w)
    if on_cpu() and min(c, k) >= WINOGRAD_MIN_CHANNELS and height % 2 == width % 2 == 0:
        return conv_winograd(x, w)
    return conv_kn2row(x, w) if k <= KN2ROW_MAX_CHANNELS else conv_stride_1(x, w)


def deconv(x, w):
    """Transposed convolution by w [4, 4, K, C] at stride 2: H x W -> 2H x 2W."""
    few = x.shape[1] <= IM2COL_MAX_ROWS or w.shape[2] <= KN2ROW_MAX_CHANNELS
    return deconv_col2im(x, w) if few else deconv_stride_2(x, w)


# TensorFlow's own ops.

def conv_stride_1(x, w):
    """conv at stride 1. 'SAME' would pad 1 and 2 pixels here."""
    return tf.nn.conv2d(pad(x), tf.cast(w, x.dtype), 1, 'VALID')


def conv_stride_2(x, w):
    """conv at stride 2, where 'SAME' pads one pixel a side."""
    with gradients_with_products():
        return tf.nn.conv2d(x, tf.cast(w, x.dtype), 2, 'SAME')


def deconv_stride_2(x, w):
    """deconv."""
    with gradients_with_products():
        shape = tf.shape(x) * [1, 2, 2, 0] + [0, 0, 0, w.shape[2]]
        return tf.nn.conv2d_transpose(x, tf.cast(w, x.dtype), shape, 2, 'SAME')


# The other ways.

def pad(x, after=1):
    return tf.pad(x, [[0, 0], [1, after], [1, after], [0, 0]])


def cut(x, begin, size):
    """tf.slice, with the gradient below."""
    with tf.get_default_graph().gradient_override_map({'Slice': 'SliceOfKnownShape'}):
        return tf.slice(x, begin, size)


def matmul(x, w, **transpose):
    """The rows of x by the matrix w, as a batch of one: the plain op takes up to five times as long for few rows."""
    return tf.squeeze(tf.matmul(tf.expand_dims(x, 0), tf.expand_dims(w, 0), **transpose), 0)


def conv_im2col(x, w):
    """conv at stride 2: one product of the patches of 4x4 pixels, each of which is 2x2 blocks of 2x2 pixels."""
    (_, height, width, c), k = x.shape, w.shape[3]
    h, width = height // 2, width // 2
    x = tf.reshape(pad(x), [-1, h + 1, 2, width + 1, 2 * c])                        # [N, h+1, 2, width+1, 2c]
    rows = tf.unstack(x, axis=2)                                                    # of the blocks: first, second
    x = tf.concat([cut(row, [0, i, j, 0], [-1, h, width, -1]) for i in (0, 1) for row in rows for j in (0, 1)], 3)
    x = tf.reshape(x, [-1, 16 * c])                                                 # [N*h*width, 16c]
    w = tf.reshape(tf.cast(w, x.dtype), [16 * c, k])                                # [16c, k]
    return tf.reshape(matmul(x, w), [-1, h, width, k])                              # [N, h, width, k]


def conv_winograd(x, w):
    """conv at stride 1, H and W even, as nine products of patches of 2x2 pixels: 9/16 of the multiplications, and 0.6
    with the last row and column, which are cut off.

    Winograd's F(2, 2) in both axes (Lavin & Gray, CVPR 2016, section 4), on every other pixel and every other tap. In
    one axis, with x0 and x1 the even and the odd pixels, x2 the even ones from the second on, w0 and w1 the even and
    the odd taps, and * the convolution of these,
        the even outputs are  x0 * w0 + x1 * w1 = (x0 - x1) * w0 + x1 * (w0 + w1),
        the odd ones          x1 * w0 + x2 * w1 = x1 * (w0 + w1) - (x1 - x2) * w1.
    In bfloat16 the result is off by 0.7 % (root mean square, of noise), that of one convolution by 0.3 %.
    """
    (_, height, width, c), k = x.shape, w.shape[3]
    rows, columns = height // 2, width // 2
    x = pad(x, after=3)                                             # two more than needed: an even number of outputs
    x = tf.reshape(x, [-1, rows + 2, 2, columns + 2, 2, c])         # [N, rows+2, even/odd, columns+2, even/odd, c]
    x = winograd_pixels(x)                                          # [9, N, rows+1, columns+1, c]
    x = tf.concat([cut(x, [0, 0, i, j, 0], [-1, -1, rows, columns, -1]) for i in (0, 1) for j in (0, 1)], axis=4)
    x = tf.reshape(x, [9, -1, 4 * c])                               # [9, N*rows*columns, 4c]
    w = tf.reshape(w, [2, 2, 2, 2, c, k])                           # [i, even/odd, j, even/odd, c, k], taps of a patch
    w = winograd_taps(w, axis=1)                                    # [9, i, j, c, k]
    w = tf.reshape(tf.cast(w, x.dtype), [9, 4 * c, k])              # [9, 4c, k]
    y = tf.reshape(tf.matmul(x, w), [3, 3, -1, rows, columns, k])   # [3, 3, N, rows, columns, k]
    y = tf.concat(winograd_sums(y), axis=3)
    return cut(tf.depth_to_space(y, 2), [0, 0, 0, 0], [-1, height - 1, width - 1, -1])


def winograd_pixels(x):
    """[N, rows + 1, even/odd, columns + 1, even/odd, C] -> x0 - x1, x1 and x1 - x2 in both axes, [9, N, rows, columns,
    C]."""
    def differences(even, odd, axis):
        count = even.shape[axis] - 1
        x0, _ = tf.split(even, [count, 1], axis)
        _, x2 = tf.split(even, [1, count], axis)
        x1, _ = tf.split(odd, [count, 1], axis)
        return x0 - x1, x1, x1 - x2
    return tf.stack([pixel for row in differences(*tf.unstack(x, axis=2), axis=1)
                     for pixel in differences(*tf.unstack(row, axis=3), axis=2)])


def winograd_taps(w, axis):
    """[..., even/odd, n, even/odd, ...], the first at `axis` -> the even ones, their sums with the odd ones, and these,
    in both axes, [9, ..., n, ...]."""
    def sums(even, odd):
        return even, even + odd, odd
    return tf.stack([tap for row in sums(*tf.unstack(w, axis=axis)) for tap in sums(*tf.unstack(row, axis=axis + 1))])


def winograd_sums(products):
    """[3, 3, ...] -> those of even and odd rows and columns, four of [...]."""
    def sums(first, both, last):
        return first + both, both - last
    return [part for row in sums(*tf.unstack(products)) for part in sums(*tf.unstack(row))]


def conv_kn2row(x, w):
    """conv at stride 1: one product with all sixteen taps, and sixteen shifted sums in float32."""
    (_, height, width, c), k = x.shape, w.shape[3]
    taps = tf.reshape(tf.transpose(tf.cast(w, x.dtype), [2, 0, 1, 3]), [c, 16 * k])         # [c, 16k]
    y = matmul(tf.reshape(pad(x), [-1, c]), taps)                                           # [N*(H+2)*(W+2), 16k]
    y = tf.cast(tf.reshape(y, [-1, height + 2, width + 2, 16 * k]), tf.float32)             # [N, H+2, W+2, 16k]
    y = tf.add_n([cut(tap, [0, i // 4, i % 4, 0], [-1, height - 1, width - 1, -1])
                  for i, tap in enumerate(tf.split(y, 16, axis=3))])
    return tf.cast(y, x.dtype)


def deconv_col2im(x, w):
    """deconv: one product with all sixteen taps, and four shifted sums, in float32 where the channels are few."""
    (_, h, width, c), k, dtype = x.shape, w.shape[2], x.dtype
    x = matmul(tf.reshape(x, [-1, c]), tf.reshape(tf.cast(w, dtype), [16 * k, c]), transpose_b=True)
    x = tf.cast(x, tf.float32) if k <= KN2ROW_MAX_CHANNELS else x                           # [N*h*width, 16k]
    x = tf.reshape(x, [-1, h, width, 2, 2, 2, 2, k])        # [N, h, width, row block, row, column block, column, k]
    blocks = [[tf.reshape(block, [-1, h, width, 4 * k]) for block in tf.unstack(rows, axis=4)]
              for rows in tf.unstack(x, axis=3)]                                            # 2 x 2 of [N, h, width, 4k]
    x = tf.add_n([tf.pad(block, [[0, 0], [i, 1 - i], [j, 1 - j], [0, 0]])
                  for i, rows in enumerate(blocks) for j, block in enumerate(rows)])
    x = tf.depth_to_space(tf.cast(x, dtype), 2)
    return cut(x, [0, 1, 1, 0], [-1, 2 * h, 2 * width, -1])


# Gradients.

def on_cpu():
    return not tf.config.list_physical_devices('GPU')


@functools.cache
def has_avx2_alone(cpuinfo='/proc/cpuinfo'):
    """Whether this CPU has AVX2 and not AVX512: copying more pays there, where it saves multiplications."""
    try:
        with open(cpuinfo) as file:
            flags = file.read().split()
    except OSError:
        return False
    return 'avx2' in flags and 'avx512f' not in flags


def gradients_with_products():
    """On a CPU the gradients of what is built within, at stride 2, are those below."""
    return tf.get_default_graph().gradient_override_map(GRADIENTS if on_cpu() else {})


@tf.RegisterGradient('SliceOfKnownShape')
def slice_gradient(op, dy):
    """One op, where TensorFlow has a dozen to find out the shapes: they were a sixth of all ops of a training step.

    Only what is whole may have an unknown length, as the batch.
    """
    axes = list(zip(tf.get_static_value(op.inputs[1]), op.inputs[0].shape.as_list(), op.outputs[0].shape.as_list()))
    assert all(length or (begin, size) == (0, None) for begin, length, size in axes), op
    cut_off = [[begin, length - begin - size] if length else [0, 0] for begin, length, size in axes]
    return tf.pad(dy, cut_off), None, None


@tf.RegisterGradient('ConvWithProducts')
def conv_gradient(op, dy):
    x, w = op.inputs
    return tf.nn.conv2d_backprop_input(tf.shape(x), w, dy, STRIDES, 'SAME'), filter_gradient(x, dy)


@tf.RegisterGradient('DeconvWithProducts')
def deconv_gradient(op, dy):
    _, w, x = op.inputs
    return None, filter_gradient(dy, x), tf.nn.conv2d(dy, w, STRIDES, 'SAME')


def filter_gradient(x, dy):
    """The gradient of weights [4, 4, C, K] at stride 2: x [N, H, W, C] the convolution's input, dy [N, H/2, W/2, K].

    Four products, each of all four pixels of a block of 2x2. dy is put on the grid of the blocks, which has a row and a
    column more: then each product takes the blocks from another row of the matrix on, without a copy.
    """
    (_, height, width, k), c = dy.shape, x.shape[3]
    if min(c, k) < FILTER_GRADIENT_MIN_CHANNELS:
        return tf.nn.conv2d_backprop_filter(x, [4, 4, c, k], dy, STRIDES, 'SAME')
    winograd = x.dtype == tf.float32 and has_avx2_alone() and min(c, k) >= WINOGRAD_MIN_CHANNELS
    if winograd and height % 2 == width % 2 == 0:
        return filter_gradient_winograd(x, dy)
    blocks = tf.reshape(tf.space_to_depth(pad(x), 2), [-1, 4 * c])                          # [N*(h+1)*(width+1), 4c]
    dy = tf.reshape(tf.pad(dy, [[0, 0], [0, 1], [0, 1], [0, 0]]), [-1, k])                  # [N*(h+1)*(width+1), k]
    count, shifts = tf.shape(dy)[0], (0, 1, width + 1, width + 2)
    dw = tf.stack([tf.matmul(blocks[shift:], dy[:count - shift], transpose_a=True) for shift in shifts])
    dw = tf.reshape(dw, [2, 2, 2, 2, c, k])     # [row of the block, column of the block, row in it, column in it, c, k]
    return tf.reshape(tf.transpose(dw, [0, 2, 1, 3, 4, 5]), [4, 4, c, k])                   # [4, 4, c, k]


def filter_gradient_winograd(x, dy):
    """As filter_gradient, for h and width even, with 9/16 of the multiplications.

    conv_winograd of 2x2 taps on the grid of the blocks, with dy in the place of the taps and the taps in that of the
    outputs: in one axis
        the gradient of w0 is  x0 * dy0 + x1 * dy1 = (x0 - x1) * dy0 + x1 * (dy0 + dy1),
        that of w1             x1 * dy0 + x2 * dy1 = x1 * (dy0 + dy1) - (x1 - x2) * dy1.
    """
    (_, h, width, k), c = dy.shape, x.shape[3]
    rows, columns = h // 2, width // 2
    blocks = tf.space_to_depth(pad(x, after=3), 2)                                          # [N, h+2, width+2, 4c]
    x = winograd_pixels(tf.reshape(blocks, [-1, rows + 1, 2, columns + 1, 2, 4 * c]))
    dy = winograd_taps(tf.reshape(dy, [-1, rows, 2, columns, 2, k]), axis=2)                # [9, N, rows, columns, k]
    dw = tf.matmul(tf.reshape(x, [9, -1, 4 * c]), tf.reshape(dy, [9, -1, k]), transpose_a=True)     # [9, 4c, k]
    dw = tf.stack(winograd_sums(tf.reshape(dw, [3, 3, 2, 2, c, k])))                        # [4, 2, 2, c, k]
    dw = tf.reshape(dw, [2, 2, 2, 2, c, k])     # [row of the block, column of the block, row in it, column in it, c, k]
    return tf.reshape(tf.transpose(dw, [0, 2, 1, 3, 4, 5]), [4, 4, c, k])                   # [4, 4, c, k]

"""Every way to convolve against float64, and which of them is taken."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.model import convolution
from pix2pix.model.convolution import (
    FILTER_GRADIENT_MIN_CHANNELS,
    IM2COL_MAX_ROWS,
    KN2ROW_MAX_CHANNELS,
    WINOGRAD_MIN_CHANNELS,
    conv_im2col,
    conv_kn2row,
    conv_stride_1,
    conv_stride_2,
    conv_winograd,
    cut,
    deconv_col2im,
    deconv_stride_2,
    filter_gradient_winograd,
)
from tests import reference

RANDOM = np.random.RandomState()

# Stride 1/2: the image doubles.
#       way              stride  image sizes: one pixel or block, oblong both ways, odd where it may be
WAYS = [(conv_im2col,     2,     [(2, 2), (4, 10), (16, 6)]),
        (conv_stride_2,   2,     [(2, 2), (4, 10), (16, 6)]),
        (conv_winograd,   1,     [(2, 2), (4, 10), (8, 6)]),
        (conv_kn2row,     1,     [(2, 2), (5, 8), (6, 3)]),
        (conv_stride_1,   1,     [(2, 2), (5, 8), (6, 3)]),
        (deconv_col2im,   1 / 2, [(1, 1), (3, 5), (8, 2)]),
        (deconv_stride_2, 1 / 2, [(1, 1), (3, 5), (8, 2)])]
EVERY_WAY = pytest.mark.parametrize('way, stride, size', [(way, stride, size) for way, stride, sizes in WAYS
                                                          for size in sizes])


@pytest.fixture(autouse=True)
def same_numbers():
    """Whichever tests run before."""
    RANDOM.seed(1)


@pytest.fixture(autouse=True)
def cpu(monkeypatch):
    """No GPU, also on a machine that has one."""
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: [])


@pytest.fixture
def gpu(monkeypatch, cpu):
    """The graph is built as if there were a GPU, and still runs on the CPU."""
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: ['GPU'])


def integers(*shape):
    """-1, 0 and 1: sums of a few hundred of their products are exact in float32, and of up to 256 in bfloat16."""
    return RANDOM.randint(-1, 2, shape)


def kernel(stride, c, k):
    """The weights for c channels in and k out; a transposed convolution has them the other way round."""
    return integers(4, 4, k, c) if stride < 1 else integers(4, 4, c, k)


def expected(stride, x, w):
    return reference.deconv(x, w) if stride < 1 else reference.conv(x, w, stride)


def expected_gradients(stride, x, w, dy):
    return reference.deconv_gradients(x, w, dy) if stride < 1 else reference.conv_gradients(x, w, dy, stride)


# What each way gives.

@pytest.mark.parametrize('dtypes', [(tf.float32, tf.float32), (tf.bfloat16, tf.float32), (tf.bfloat16, tf.bfloat16)],
                         ids='float32 mixed bfloat16'.split())
@pytest.mark.parametrize('k', [1, 3, 5])
@EVERY_WAY
def test_every_way_is_the_convolution(way, stride, size, k, dtypes):
    """To the bit, for the numbers are whole; in the type of x, whatever that of w."""
    x, w = integers(2, *size, 3), kernel(stride, 3, k)
    y = way(tf.constant(x, dtypes[0]), tf.constant(w, dtypes[1]))
    wanted = expected(stride, x, w)
    assert y.dtype == dtypes[0] and y.shape[1:] == wanted.shape[1:]
    with tf.Session() as sess:
        np.testing.assert_array_equal(sess.run(y).astype('d'), wanted)


@EVERY_WAY
def test_every_way_takes_a_batch_of_unknown_size(way, stride, size):
    x, w = integers(3, *size, 2), kernel(stride, 2, 4)
    at = tf.placeholder(tf.float32, [None, *size, 2])
    y = way(at, tf.constant(w, tf.float32))
    with tf.Session() as sess:
        for n in 1, 3:
            np.testing.assert_array_equal(sess.run(y, {at: x[:n]}), expected(stride, x[:n], w))


@pytest.mark.parametrize('way, stride, size', [(way, stride, sizes[-1]) for way, stride, sizes in WAYS])
def test_every_way_is_as_exact_as_float32_on_noise(way, stride, size):
    x, w = RANDOM.normal(size=[2, *size, 128]), RANDOM.normal(size=[4, 4, 128, 128])
    y = way(tf.constant(x, tf.float32), tf.constant(w, tf.float32))
    wanted = expected(stride, x, w)
    with tf.Session() as sess:
        np.testing.assert_allclose(sess.run(y), wanted, rtol=0, atol=1e-5 * wanted.std())


def test_winograd_in_bfloat16_is_off_by_less_than_one_percent_of_noise():
    """Its sums before and after the products cost some of the 8 bits."""
    x, w = RANDOM.normal(size=[2, 8, 8, 128]), RANDOM.normal(size=[4, 4, 128, 128])
    y = conv_winograd(tf.constant(x, tf.bfloat16), tf.constant(w, tf.float32))
    wanted = reference.conv(x, w, 1)
    with tf.Session() as sess:
        error = sess.run(y).astype('d') - wanted
    assert np.sqrt(np.mean(error ** 2)) < 0.01 * wanted.std()


@pytest.mark.parametrize('way, stride, size', [(conv_kn2row, 1, (6, 3)), (deconv_col2im, 1 / 2, (8, 2))])
def test_in_bfloat16_the_sums_for_few_channels_are_float32_and_rounded_once(way, stride, size):
    """Each product is a whole number up to 255, which bfloat16 holds, and the sum of 16 of them is not."""
    x, w = integers(2, *size, 1), RANDOM.randint(-255, 256, kernel(stride, 1, KN2ROW_MAX_CHANNELS).shape)
    y = way(tf.constant(x, tf.bfloat16), tf.constant(w, tf.float32))
    with tf.Session() as sess:
        np.testing.assert_array_equal(sess.run(y), expected(stride, x, w).astype(tf.bfloat16.as_numpy_dtype))


# The gradients of each way.

@pytest.mark.parametrize('dtype', [tf.float32, tf.bfloat16], ids='float32 bfloat16'.split())
@pytest.mark.parametrize('c, k', [(3, 5), (128, 128), (128, 1)])
@EVERY_WAY
def test_gradients_of_every_way(way, stride, size, c, k, dtype):
    check_gradients(way, stride, size, c, k, dtype)


def test_the_gradient_of_a_cut_is_one_op_in_a_batch_of_unknown_size_too():
    x = tf.placeholder(tf.float32, [None, 4, 3])
    [dx] = tf.gradients(cut(x, [0, 1, 0], [-1, 2, -1]), x)
    assert dx.op.type == 'Pad' and dx.op.inputs[1].op.type == 'Const'      # TensorFlow's own finds them out
    with tf.Session() as sess:
        got = sess.run(dx, {x: np.zeros([2, 4, 3])})
    np.testing.assert_array_equal(got, np.float32([[[0] * 3, [1] * 3, [1] * 3, [0] * 3]] * 2))


def test_a_cut_of_an_axis_of_unknown_length_has_no_gradient_rather_than_a_wrong_one():
    x = tf.placeholder(tf.float32, [None, 3])
    with pytest.raises(AssertionError):
        tf.gradients(cut(x, [1, 0], [-1, -1]), x)


def check_gradients(way, stride, size, c, k, dtype):
    """Of numbers so small that float32 holds all of it exactly, and bfloat16 the weights' gradients: a tap that is
    wrong or left out would be off by 7 (root mean square) in that of x."""
    x, w = integers(2, *size, c), kernel(stride, c, k)
    dy = integers(*expected(stride, x[..., :1], kernel(stride, 1, 1)).shape[:3], k)
    at, weights = tf.constant(x, dtype), tf.constant(w, tf.float32)
    y = tf.cast(way(at, weights), tf.float32)
    with tf.Session() as sess:
        dx, dw = sess.run(tf.gradients(y * tf.constant(dy, tf.float32), [at, weights]))
    wanted_dx, wanted_dw = expected_gradients(stride, x, w, dy)
    near = {'rtol': 0, 'atol': 0} if dtype == tf.float32 else {'rtol': 1e-2, 'atol': 2}
    np.testing.assert_allclose(dx.astype('d'), wanted_dx, **near)
    np.testing.assert_array_equal(dw, wanted_dw)


STRIDED = pytest.mark.parametrize('way, stride', [(conv_stride_2, 2), (deconv_stride_2, 1 / 2)])


@pytest.mark.parametrize('dtype', [tf.float32, tf.bfloat16], ids='float32 bfloat16'.split())
@STRIDED
def test_gradients_as_a_gpu_makes_them(way, stride, dtype, gpu):
    check_gradients(way, stride, (4, 10), 128, 128, dtype)


def has_filter_gradient_op(way, stride, c, k):
    """Whether TensorFlow's own op makes the weights' gradient."""
    with tf.Graph().as_default() as graph:
        w = tf.constant(kernel(stride, c, k), tf.float32)
        tf.gradients(way(tf.zeros([1, 4, 4, c]), w), w)
        return 'Conv2DBackpropFilter' in {op.type for op in graph.get_operations()}


@STRIDED
def test_filter_gradients_of_many_channels_are_products(way, stride):
    many = FILTER_GRADIENT_MIN_CHANNELS
    assert not has_filter_gradient_op(way, stride, many, many)
    assert has_filter_gradient_op(way, stride, many - 1, many) and has_filter_gradient_op(way, stride, many, many - 1)


def has_nine_products(size, channels, dtype):
    """Whether the weights' gradient is made in Winograd's way."""
    with tf.Graph().as_default() as graph:
        w = tf.constant(kernel(2, *channels), tf.float32)
        tf.gradients(conv_stride_2(tf.zeros([1, *size, channels[0]], dtype), w), w)
        return [9] in [op.outputs[0].shape[:1].as_list() for op in graph.get_operations() if 'MatMul' in op.type]


@pytest.mark.parametrize(['size', 'channels', 'dtype', 'avx2_alone', 'is_so'], [
    ((8, 12), (128, 128), tf.float32, True, True),
    ((8, 12), (127, 128), tf.float32, True, False),
    ((8, 12), (128, 127), tf.float32, True, False),
    ((6, 12), (128, 128), tf.float32, True, False),        # three rows come out
    ((8, 10), (128, 128), tf.float32, True, False),
    ((8, 12), (128, 128), tf.bfloat16, True, False),
    ((8, 12), (128, 128), tf.float32, False, False),
])
def test_filter_gradients_of_float32_on_avx2_are_winograd_s(size, channels, dtype, avx2_alone, is_so, monkeypatch):
    monkeypatch.setattr(convolution, 'has_avx2_alone', lambda: avx2_alone)
    assert has_nine_products(size, channels, dtype) == is_so


@pytest.mark.parametrize(['flags', 'is_so'], [
    ('avx avx2 bmi2', True), ('avx avx2 avx512f avx512_bf16', False), ('avx', False), ('asimd bf16', False)])
def test_avx2_alone_is_a_cpu_without_avx512(flags, is_so, tmp_path):
    (tmp_path / 'cpuinfo').write_text(f'processor\t: 0\nflags\t\t: fpu {flags} clflush\n')
    assert convolution.has_avx2_alone(str(tmp_path / 'cpuinfo')) is is_so
    assert not convolution.has_avx2_alone(str(tmp_path / 'none'))


@pytest.mark.parametrize('avx2_alone', [True, False])
@pytest.mark.parametrize('size', [(4, 8), (12, 4)])
@STRIDED
def test_filter_gradients_are_exact_in_both_ways(way, stride, size, avx2_alone, monkeypatch):
    monkeypatch.setattr(convolution, 'has_avx2_alone', lambda: avx2_alone)
    check_gradients(way, stride, size, 128, 130, tf.float32)


def test_winograd_s_filter_gradients_of_noise_are_as_exact_as_float32():
    x, dy = RANDOM.normal(size=[2, 16, 8, 128]), RANDOM.normal(size=[2, 8, 4, 128])
    with tf.Session() as sess:
        dw = sess.run(filter_gradient_winograd(tf.constant(x, tf.float32), tf.constant(dy, tf.float32)))
    wanted = expected_gradients(2, x, np.zeros([4, 4, 128, 128]), dy)[1]
    np.testing.assert_allclose(dw, wanted, atol=1e-5 * np.abs(wanted).max())


@STRIDED
def test_filter_gradients_on_a_gpu_are_its_own(way, stride, gpu):
    assert has_filter_gradient_op(way, stride, *[4 * FILTER_GRADIENT_MIN_CHANNELS] * 2)


def test_what_is_built_elsewhere_keeps_its_gradients():
    """The gradients with products know kernels of 4x4 at stride 2 alone."""
    conv_stride_2(tf.zeros([1, 4, 4, 128]), tf.zeros([4, 4, 128, 128]))
    w = tf.zeros([3, 3, 128, 128])
    [dw] = tf.gradients(tf.nn.conv2d(tf.zeros([1, 4, 4, 128]), w, 1, 'VALID'), w)
    assert dw.op.type == 'Conv2DBackpropFilter'


# Which way is taken.

def ops(build):
    """The types of the ops of a convolution, which differ from way to way."""
    with tf.Graph().as_default() as graph:
        build()
        return [op.type for op in graph.get_operations()]


def way_taken(stride, size, c, k):
    """The one way at this stride that builds the graph which conv() or deconv() builds."""
    x, w = (lambda: tf.zeros([1, *size, c])), (lambda: tf.zeros(kernel(stride, c, k).shape))
    taken = ops(lambda: convolution.deconv(x(), w()) if stride < 1 else convolution.conv(x(), w(), stride))
    even = size[0] % 2 == size[1] % 2 == 0
    [way] = [way for way, its_stride, _ in WAYS if its_stride == stride and (way is not conv_winograd or even)
             and ops(lambda way=way: way(x(), w())) == taken]
    return way


@pytest.mark.parametrize('rows, way', [(2 * IM2COL_MAX_ROWS, conv_im2col), (2 * IM2COL_MAX_ROWS + 2, conv_stride_2)])
@pytest.mark.parametrize('c, k', [(3, 64), (512, 512)])
def test_at_stride_2_few_rows_are_one_product(rows, way, c, k):
    assert way_taken(2, (rows, 64), c, k) is way


@pytest.mark.parametrize('rows, k, way', [
    (IM2COL_MAX_ROWS, KN2ROW_MAX_CHANNELS + 1, deconv_col2im),
    (IM2COL_MAX_ROWS + 1, KN2ROW_MAX_CHANNELS, deconv_col2im),
    (IM2COL_MAX_ROWS + 1, KN2ROW_MAX_CHANNELS + 1, deconv_stride_2)])
def test_transposed_few_rows_or_few_channels_are_one_product(rows, k, way):
    assert way_taken(1 / 2, (rows, 64), 512, k) is way


@pytest.mark.parametrize('size, c, k, way', [
    ((32, 32), WINOGRAD_MIN_CHANNELS, WINOGRAD_MIN_CHANNELS, conv_winograd),
    ((32, 32), WINOGRAD_MIN_CHANNELS - 1, WINOGRAD_MIN_CHANNELS, conv_stride_1),
    ((32, 32), WINOGRAD_MIN_CHANNELS, WINOGRAD_MIN_CHANNELS - 1, conv_stride_1),
    ((31, 32), WINOGRAD_MIN_CHANNELS, WINOGRAD_MIN_CHANNELS, conv_stride_1),
    ((32, 31), WINOGRAD_MIN_CHANNELS, WINOGRAD_MIN_CHANNELS, conv_stride_1),
    ((31, 31), 512, KN2ROW_MAX_CHANNELS, conv_kn2row),
    ((31, 31), 512, KN2ROW_MAX_CHANNELS + 1, conv_stride_1)])
def test_at_stride_1_many_channels_are_winograd_s_and_few_are_one_product(size, c, k, way):
    assert way_taken(1, size, c, k) is way


def test_on_a_gpu_stride_1_is_its_own(gpu):
    assert way_taken(1, (32, 32), WINOGRAD_MIN_CHANNELS, WINOGRAD_MIN_CHANNELS) is conv_stride_1


# What the tests compare with.

def test_the_reference_by_hand():
    """One pixel, in row 1 and column 2, is in row 2 and column 3 once a zero is put around the image."""
    x, w = np.zeros([1, 4, 4, 1]), np.arange(16.).reshape(4, 4, 1, 1)
    x[0, 1, 2] = 1
    # Output (i, j) sees padded rows i to i + 3 and columns j to j + 3, so it has the tap (2 - i, 3 - j): 4 to a row.
    assert reference.conv(x, w, 1)[0, ..., 0].tolist() == [[11, 10, 9], [7, 6, 5], [3, 2, 1]]
    assert reference.conv(x, w, 2)[0, ..., 0].tolist() == [[11, 9], [3, 1]]
    # Transposed, the kernel begins one pixel before the place (2, 4).
    y = np.zeros([8, 8])
    y[1:5, 3:7] = w[..., 0, 0]
    np.testing.assert_array_equal(reference.deconv(x, w)[0, ..., 0], y)


@pytest.mark.parametrize('stride', [1, 2, 1 / 2])
def test_the_reference_s_gradients_are_its_slopes(stride):
    """The sum of y * dy is linear in x, and in w: whatever stands for x, times its slope, gives it."""
    x, w = RANDOM.normal(size=[2, 4, 6, 3]), RANDOM.normal(size=kernel(stride, 3, 5).shape)
    dy, another_x, another_w = (RANDOM.normal(size=a.shape) for a in (expected(stride, x, w), x, w))
    dx, dw = expected_gradients(stride, x, w, dy)
    assert np.sum(another_x * dx) == pytest.approx(np.sum(expected(stride, another_x, w) * dy))
    assert np.sum(another_w * dw) == pytest.approx(np.sum(expected(stride, x, another_w) * dy))

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from numpy.lib.stride_tricks import sliding_window_view

from pix2pix.model.layers import batch_norm, conv, deconv, dropout
from tests import reference

RANDOM = np.random.RandomState(1)


def run(fetches, feed=None):
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run(fetches, feed)


@pytest.mark.parametrize('way, rows, stride, channels, width', [
    ('convolution', 20, 2, 3, 5), ('convolution', 8, 1, 3, 9), ('convolution', 7, 1, 128, 128),
    ('product', 16, 2, 3, 5), ('product', 2, 2, 3, 5), ('product', 8, 1, 3, 2), ('product', 8, 1, 3, 1),
    ('nine products', 8, 1, 128, 128), ('nine products', 2, 1, 130, 200)])
def test_conv(way, rows, stride, channels, width, monkeypatch):
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: [])
    x = RANDOM.normal(size=[2, rows, 6, channels]).astype('f')
    y = conv(tf.constant(x), 'c', width, stride)
    assert ways() == {way}
    [w] = tf.trainable_variables()
    y, w = run([y, w])
    assert y.shape == ((2, rows // 2, 3, width) if stride == 2 else (2, rows - 1, 5, width))
    np.testing.assert_allclose(y, reference.conv(x.astype('d'), w, stride), atol=1e-6 if channels < 128 else 1e-5)


def ways():
    """What the convolutions of the graph are made of."""
    names = {'Conv2D': 'convolution', 'Conv2DBackpropInput': 'convolution'}
    products = {1: 'product', 9: 'nine products'}
    return {products[op.outputs[0].shape[0]] if 'MatMul' in op.type else names[op.type]
            for op in tf.get_default_graph().get_operations() if 'MatMul' in op.type or op.type in names}


def test_a_gpu_keeps_its_own_at_stride_1(monkeypatch):
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: ['GPU'])
    conv(tf.zeros([2, 8, 8, 128]), 'c', 128, stride=1)
    assert ways() == {'convolution'}


@pytest.mark.parametrize('rows, width', [(20, 9), (8, 9), (1, 9), (20, 3)])      # convolution; products
def test_deconv(rows, width):
    x = RANDOM.normal(size=[2, rows, 6, 3]).astype('f')
    y = deconv(tf.constant(x), 'd', width)
    [w] = tf.trainable_variables()
    y, w = run([y, w])
    assert y.shape == (2, 2 * rows, 12, width)
    np.testing.assert_allclose(y, reference.deconv(x.astype('d'), w), atol=1e-6)


@pytest.mark.parametrize('dtype', [tf.float32, tf.bfloat16])
@pytest.mark.parametrize('layer, rows, stride, width', [
    ('conv', 18, 2, 128), ('conv', 5, 1, 128), ('deconv', 10, 2, 128),                  # convolutions
    ('conv', 8, 2, 128), ('conv', 5, 1, 1), ('deconv', 4, 2, 128), ('deconv', 10, 2, 3),        # products
    ('conv', 6, 1, 128)])                                                               # nine of them
def test_gradients(layer, rows, stride, width, dtype, monkeypatch):
    """Of small integers, w too, so that float32 holds all of it exactly, and bfloat16 the weights' gradients."""
    near = {tf.float32: {'rtol': 0, 'atol': 0}, tf.bfloat16: {'rtol': 1e-2, 'atol': 1}}[dtype]
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: [])
    inner = rows, rows + 2
    outer = [{'conv': size // stride - stride % 2, 'deconv': 2 * size}[layer] for size in inner]
    x, dy = (RANDOM.randint(-1, 2, [2, *shape]) for shape in ([*inner, 128], [*outer, width]))
    at, slope = (tf.constant(value, dtype) for value in (x, dy))
    y = {'conv': lambda: conv(at, 'l', width, stride), 'deconv': lambda: deconv(at, 'l', width)}[layer]()
    [w] = tf.trainable_variables()
    integers = RANDOM.randint(-1, 2, w.shape.as_list())
    with tf.Session() as sess:
        w.load(integers.astype('f'), sess)
        dw, dx = sess.run(tf.gradients(tf.cast(y, tf.float32) * tf.cast(slope, tf.float32), [w, at]))
    built = {op.type for op in tf.get_default_graph().get_operations()}
    assert ('Conv2DBackpropFilter' in built) == (stride == 1 and rows % 2 == 1 and width >= 128), built

    # The deconvolution is the convolution's adjoint: of the weights, with the parts of x and dy exchanged.
    large, small = (x, dy) if layer == 'conv' else (dy, x)
    taps = sliding_window_view(np.pad(large, [(0, 0), (1, 1), (1, 1), (0, 0)]), (4, 4), (1, 2))[:, ::stride, ::stride]
    np.testing.assert_array_equal(dw, np.einsum('nhwcij,nhwk->ijck', taps, small, optimize=True))
    if layer == 'deconv':
        np.testing.assert_allclose(dx.astype('d'), reference.conv(dy, integers, 2), **near)
    elif stride == 2:
        np.testing.assert_allclose(dx.astype('d'), reference.deconv(dy, integers), **near)
    else:       # a full correlation with the taps turned around
        taps = sliding_window_view(np.pad(dy, [(0, 0), (2, 2), (2, 2), (0, 0)]), (4, 4), (1, 2))
        turned = np.einsum('nhwkij,ijck->nhwc', taps, integers[::-1, ::-1])
        np.testing.assert_allclose(dx.astype('d'), turned, **near)


def test_weights_are_normal_and_depend_on_seed_and_name_only():
    def weights(seed, *names):
        with tf.Graph().as_default():
            tf.set_random_seed(seed)
            for name in names:
                conv(tf.zeros([1, 4, 4, 64]), name, 64)
            return run(tf.trainable_variables())[-1]
    w = weights(1, 'a', 'b')
    assert abs(w.mean()) < 1e-3 and w.std() == pytest.approx(0.02, rel=0.02)
    np.testing.assert_array_equal(w, weights(1, 'b'))
    assert not np.array_equal(w, weights(2, 'b')) and not np.array_equal(w, weights(1, 'a'))


def test_bias_only_where_asked():
    conv(tf.zeros([1, 4, 4, 3]), 'a', 2)
    assert [v.op.name for v in tf.trainable_variables()] == ['a/w']
    deconv(tf.zeros([1, 4, 4, 3]), 'b', 2, bias=True)
    assert [v.op.name for v in tf.trainable_variables()] == ['a/w', 'b/w', 'b/b']


def test_batch_norm_normalises_and_keeps_moving_statistics():
    x = RANDOM.normal(3, 2, [4, 5, 5, 2]).astype('f')
    with tf.variable_scope('', reuse=tf.AUTO_REUSE):
        y = batch_norm(tf.constant(x), 'n', 'update')
        moved = batch_norm(tf.constant(x), 'n', 'moving')
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    assert [v.op.name for v in tf.trainable_variables()] == ['n/scale', 'n/offset']
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        scale, offset = (sess.run(v) for v in tf.trainable_variables())
        normal = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
        np.testing.assert_allclose(sess.run(y), normal * scale + offset, atol=1e-4)
        # Before any update: mean 0, variance 1; after three: 0.9 ** 3 of that is left.
        np.testing.assert_allclose(sess.run(moved), x / np.sqrt(1 + 1e-5) * scale, atol=1e-4)
        for _ in range(3):
            sess.run(updates)
        mean = x.mean((0, 1, 2)) * (1 - 0.9 ** 3)
        variance = 0.9 ** 3 + x.var((0, 1, 2), ddof=1) * (1 - 0.9 ** 3)
        np.testing.assert_allclose(sess.run(moved), (x - mean) / np.sqrt(variance + 1e-5) * scale, atol=1e-3)


def test_batch_statistics_keep_nothing():
    batch_norm(tf.zeros([2, 4, 4, 3]), 'n', 'batch')
    assert len(tf.global_variables()) == 2 and not tf.get_collection(tf.GraphKeys.UPDATE_OPS)


def test_dropout_is_a_function_of_seed_and_name():
    seed = tf.placeholder(tf.int64, [2])
    x = tf.ones([1, 64, 64, 4])
    a, b, few = (dropout(x, *how) for how in [('a', 0.5, seed), ('b', 0.5, seed), ('a', 0.25, seed)])
    first = run([a, b, few], {seed: [1, 2]})
    for one, again in zip(first, run([a, b, few], {seed: [1, 2]})):
        np.testing.assert_array_equal(one, again)
    assert set(np.unique(first[0])) == {0, 2} and first[0].mean() == pytest.approx(1, abs=0.03)
    assert set(np.unique(first[2])) == {0, 4} and first[2].mean() == pytest.approx(1, abs=0.06)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], run(a, {seed: [1, 3]})) and not np.array_equal(first[0], run(a, {seed: [2, 2]}))

"""Each layer: what it computes, and the variables that it owns."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.model.layers import batch_norm, conv, deconv, dropout
from tests import reference

RANDOM = np.random.RandomState(1)


def run(fetches, feed=None):
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run(fetches, feed)


@pytest.mark.parametrize('dtype', [tf.float32, tf.bfloat16], ids='float32 bfloat16'.split())
@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('layer, stride, shape', [('conv', 2, [2, 4, 3, 5]), ('conv', 1, [2, 7, 5, 5]),
                                                  ('deconv', None, [2, 16, 12, 5])])
def test_a_layer_convolves_by_its_w_and_adds_its_b(layer, stride, shape, bias, dtype):
    """Of small whole numbers, and so exact in both precisions; the variables are float32 in both."""
    x = RANDOM.randint(-1, 2, [2, 8, 6, 3])
    at = tf.constant(x, dtype)
    y = conv(at, 'l', 5, stride, bias) if layer == 'conv' else deconv(at, 'l', 5, bias)
    assert y.shape == shape and y.dtype == dtype
    variables = {v.op.name: v for v in tf.trainable_variables()}
    assert variables.keys() == ({'l/w', 'l/b'} if bias else {'l/w'})
    assert {v.dtype.base_dtype for v in variables.values()} == {tf.float32}
    with tf.Session() as sess:
        values = {'l/b': 0}
        for name, v in variables.items():
            values[name] = RANDOM.randint(-1, 2, v.shape.as_list())
            v.load(values[name].astype('f'), sess)
        y = sess.run(y).astype('d')
    wanted = reference.conv(x, values['l/w'], stride) if layer == 'conv' else reference.deconv(x, values['l/w'])
    np.testing.assert_array_equal(y, wanted + values['l/b'])


def test_a_convolution_is_at_stride_2_and_without_bias_unless_told_otherwise():
    assert conv(tf.zeros([1, 8, 8, 3]), 'a', 2).shape == [1, 4, 4, 2]
    assert deconv(tf.zeros([1, 8, 8, 3]), 'b', 2).shape == [1, 16, 16, 2]
    assert [v.op.name for v in tf.trainable_variables()] == ['a/w', 'b/w']


def test_first_weights_are_normal_and_depend_on_seed_and_name_only():
    """So that what comes before a layer, or is left out, does not change it."""
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


def test_a_transposed_convolution_begins_with_such_weights_too():
    deconv(tf.zeros([1, 4, 4, 64]), 'a', 64)
    [w] = run(tf.trainable_variables())
    assert abs(w.mean()) < 1e-3 and w.std() == pytest.approx(0.02, rel=0.02)


def test_batch_norm_begins_with_scales_around_one_and_no_offset():
    batch_norm(tf.zeros([1, 4, 4, 10_000]), 'n', 'batch')
    scale, offset = run(tf.trainable_variables())
    assert scale.mean() == pytest.approx(1, abs=1e-3) and scale.std() == pytest.approx(0.02, rel=0.05)
    assert not offset.any()


def test_batch_norm_normalises_each_channel_and_keeps_moving_statistics():
    """The mean and the unbiased variance, of which each step leaves nine tenths."""
    x = RANDOM.normal(3, 2, [4, 5, 5, 2]).astype('f')
    with tf.variable_scope('', reuse=tf.AUTO_REUSE):
        y = batch_norm(tf.constant(x), 'n', 'update')
        moved = batch_norm(tf.constant(x), 'n', 'moving')
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    assert [v.op.name for v in tf.trainable_variables()] == ['n/scale', 'n/offset']
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        scale = sess.run(tf.trainable_variables()[0])
        offset = np.array([0.5, -2], 'f')
        tf.trainable_variables()[1].load(offset, sess)
        normal = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
        np.testing.assert_allclose(sess.run(y), normal * scale + offset, atol=1e-4)
        # Before any update: mean 0, variance 1; after three: 0.9 ** 3 of that is left.
        np.testing.assert_allclose(sess.run(moved), x / np.sqrt(1 + 1e-5) * scale + offset, atol=1e-4)
        for _ in range(3):
            sess.run(updates)
        mean = x.mean((0, 1, 2)) * (1 - 0.9 ** 3)
        variance = 0.9 ** 3 + x.var((0, 1, 2), ddof=1) * (1 - 0.9 ** 3)
        wanted = (x - mean) / np.sqrt(variance + 1e-5) * scale + offset
        np.testing.assert_allclose(sess.run(moved), wanted, atol=1e-3)


def test_batch_statistics_are_the_same_and_keep_nothing():
    """Of so little variance that the 1e-5 beside it counts."""
    x = RANDOM.normal(0, [0.003, 0.03], [4, 5, 5, 2]).astype('f')
    y = batch_norm(tf.constant(x), 'n')
    assert [v.op.name for v in tf.global_variables()] == ['n/scale', 'n/offset']
    assert not tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    y, scale = run([y, tf.trainable_variables()[0]])
    np.testing.assert_allclose(y, (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5) * scale, atol=1e-4)


@pytest.mark.parametrize('dtype', [tf.float32, tf.bfloat16], ids='float32 bfloat16'.split())
def test_each_image_s_own_statistics(dtype):
    """Of images so unlike that those of the batch would be far off."""
    x = RANDOM.normal([[[[0]]], [[[5]]], [[[-9]]]], [[[[0.1]]], [[[1]]], [[[7]]]], [3, 5, 6, 2])
    y = batch_norm(tf.constant(x, dtype), 'n', 'each')
    alone = batch_norm(tf.constant(x[1:2], dtype), 'm', 'each')
    assert y.dtype == alone.dtype == dtype
    assert sorted(v.op.name for v in tf.global_variables()) == ['m/offset', 'm/scale', 'n/offset', 'n/scale']
    with tf.Session() as sess:
        for v in tf.global_variables():
            v.load([2, 3] if v.op.name.endswith('scale') else [4, 5], sess)
        y, alone = sess.run([y, alone])
    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    wanted = (x - mean) / np.sqrt(variance + 1e-5) * [2, 3] + [4, 5]
    tolerance = 1e-3 if dtype == tf.float32 else 0.2
    np.testing.assert_allclose(y.astype('d'), wanted, atol=tolerance)
    np.testing.assert_allclose(alone.astype('d'), wanted[1:2], atol=tolerance)


def test_statistics_that_nobody_knows_are_refused():
    with pytest.raises(AssertionError):
        batch_norm(tf.zeros([2, 4, 4, 3]), 'n', 'running')


def test_batch_norm_in_bfloat16_keeps_its_variables_and_statistics_in_float32():
    y = batch_norm(tf.zeros([2, 4, 4, 3], tf.bfloat16), 'n', 'update')
    assert y.dtype == tf.bfloat16
    assert [v.dtype.base_dtype for v in tf.global_variables()] == [tf.float32] * 4


def test_dropout_is_a_function_of_seed_and_name():
    """Values are 0, or scaled by the inverse of the probability to keep them."""
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


def test_all_images_may_have_the_mask_of_one():
    x, seed = tf.ones([3, 16, 16, 4]), [1, 2]
    alone, shared, own = run([dropout(x[:1], 'a', 0.5, seed), dropout(x, 'a', 0.5, seed, one_mask=True),
                              dropout(x, 'a', 0.5, seed)])
    for image in shared:
        np.testing.assert_array_equal(image, alone[0])
    assert (own[0] != own[1]).any() and (own[1] != own[2]).any()

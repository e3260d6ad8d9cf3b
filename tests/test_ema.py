"""The average of weights: its formula by hand, where it begins, and how networks are built on it."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.model import ema
from pix2pix.model.architecture import Architecture
from pix2pix.model.networks import trained_generator


def follow_a_count(decay, steps):
    """The values of the average of a variable that is 1, 2, 3 ... after the steps, and 0 before them."""
    v = tf.get_variable('v', initializer=0.0)
    k = tf.placeholder(tf.int64, [])
    ops = ema.follow([v], decay, k)
    [average] = tf.global_variables('average/')
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        seen = []
        for step in range(steps):
            v.load(step + 1, sess)
            sess.run(ops, {k: step})
            seen.append(sess.run(average))
    return seen


def test_it_warms_up_by_one_and_k_over_ten_and_k():
    first = 0.9 * 1
    second = 2 / 11 * first + 9 / 11 * 2
    third = 3 / 12 * second + 9 / 12 * 3
    assert follow_a_count(0.999, 3) == pytest.approx([first, second, third], rel=1e-6)


def test_it_never_decays_more_slowly_than_it_is_told():
    assert follow_a_count(0.1, 3) == pytest.approx([0.9, 1.89, 2.889], rel=1e-6)


def test_it_begins_where_its_variable_does():
    v = tf.get_variable('v', [100], initializer=tf.random_normal_initializer())
    ema.follow([v], 0.999, tf.constant(0))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        first, average = sess.run([v, tf.global_variables('average/')[0]])
    np.testing.assert_array_equal(average, first)
    assert first.any() and tf.trainable_variables() == [v]


def test_a_generator_can_be_drawn_from_its_averages():
    """From those alone, in float32 and under their own names."""
    image, tiny = tf.zeros([1, 256, 256, 3]), Architecture(base_filters=1)
    outputs = [trained_generator(image, tiny, averaged=averaged, statistics='moving') for averaged in (False, True)]
    raw, averages = tf.global_variables('generator/'), tf.global_variables('average/generator/')
    assert [v.op.name for v in averages] == ['average/' + v.op.name for v in raw]
    assert len(tf.global_variables()) == 2 * len(raw) and not tf.trainable_variables('average/')
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        bias = next(v for v in averages if v.op.name.endswith('up8/b'))
        bias.load([0.5, 0.5, 0.5], sess)
        plain, averaged = sess.run(outputs)
    np.testing.assert_allclose(np.arctanh(averaged) - np.arctanh(plain), 0.5, atol=1e-5)

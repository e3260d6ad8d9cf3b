"""The learning rate over the steps, by hand."""

import pytest
import tensorflow.compat.v1 as tf

from pix2pix.model.schedule import Decay, learning_rate


def rates(highest, decay, steps):
    done = tf.placeholder(tf.int64, [])
    rate = learning_rate(highest, decay, done)
    assert rate.dtype == tf.float32 and rate.shape == []
    with tf.Session() as sess:
        return [sess.run(rate, {done: step}) for step in steps]


def test_it_is_whole_up_to_the_start_and_falls_in_equal_parts_to_zero_at_the_end():
    assert rates(0.8, Decay(2, 6), range(8)) == pytest.approx([0.8, 0.8, 0.8, 0.6, 0.4, 0.2, 0, 0])


def test_the_step_alone_decides():
    assert rates(0.8, Decay(2, 6), [5, 0, 3, 5]) == pytest.approx([0.2, 0.8, 0.6, 0.2])


def test_it_is_exact_over_millions_of_steps():
    """The last step of 16 million moves by one part of them."""
    end = 2 ** 24
    assert rates(2e-4, Decay(0, end), [0, end // 2, end - 1]) == pytest.approx([2e-4, 1e-4, 2e-4 / end], rel=1e-6)

"""The learning rate over the steps of a run."""

from typing import NamedTuple

import tensorflow.compat.v1 as tf


class Decay(NamedTuple):
    """The steps between which the learning rate falls linearly: whole after `start` of them, and 0 after `end`."""
    start: int
    end: int


def learning_rate(highest, decay, steps_done):
    """The rate of the step behind `steps_done`, a function of that alone: a float32 scalar.

    `highest` up to decay.start steps done, then falling; the last step, with end - 1 done, still moves by a little.
    """
    left = tf.cast(decay.end - steps_done, tf.float32) / (decay.end - decay.start)
    return highest * tf.clip_by_value(left, 0.0, 1.0)

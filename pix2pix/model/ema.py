"""An exponential moving average of a network's variables: a second set of them, which follows those that are trained.

The average of 'generator/down1/w' is 'average/generator/down1/w'.
"""

import tensorflow.compat.v1 as tf

SCOPE = 'average/'


def follow(variables, decay, steps_done):
    """Ops that let the average a of each variable w follow it by a step: a becomes d a + (1 - d) w.

    d is min(decay, (1 + k) / (10 + k)) after k steps, so that the first weights are soon forgotten. An average begins
    where its variable does.
    """
    k = tf.cast(steps_done, tf.float32)
    rate = 1 - tf.minimum(decay, (1 + k) / (10 + k))
    averages = [tf.get_variable(SCOPE + v.op.name, initializer=v.initial_value, trainable=False) for v in variables]
    # a - (1 - d) (a - w), in one pass less over 54 million weights than by assign_sub.
    return [tf.raw_ops.ResourceApplyGradientDescent(var=a.handle, alpha=rate, delta=a.read_value() - v.read_value())
            for a, v in zip(averages, variables)]


def averaged(getter, name, **how):
    """A getter of variables, for tf.variable_scope, which gives their averages in place of them."""
    return getter(SCOPE + name, **{**how, 'trainable': False})

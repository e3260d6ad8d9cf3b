"""The generator in plain operations of TensorFlow, for any batch and size, that other runtimes know too."""

import tensorflow.compat.v1 as tf

from pix2pix.export import rows
from pix2pix.model.layers import EPSILON


def draw(source, architecture, variables, statistics, dropped=None):
    """source [N, H, W, C] in [-1, 1] -> what the generator draws, each picture by its own statistics.

    `dropped` as in rows.draw().
    Mean and variance are over height and width alone: a server that joins requests to one batch mixes no pictures.
    """
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        drawn = rows.draw(Network(variables, statistics), source, architecture, dropped)
    drawn.set_shape([*source.shape[:3], architecture.target_channels])
    return tf.identity(drawn, 'picture')


def fill(sess, variables):
    """Give the variables of the graph their values, which are then not in the graph a second time."""
    for v in tf.global_variables('generator/'):
        v.load(variables[v.op.name], sess)


class Network:
    """The operations of the rows, on variables of the names and shapes of ours."""

    leaky, relu, tanh = staticmethod(tf.nn.leaky_relu), staticmethod(tf.nn.relu), staticmethod(tf.nn.tanh)

    def __init__(self, variables, statistics):
        self.variables, self.statistics = variables, statistics

    def of(self, name):
        value = self.variables.get(f'generator/{name}')
        return None if value is None else tf.get_variable(name, value.shape, tf.float32, tf.zeros_initializer())

    def join(self, x, skip):
        return tf.concat([x, skip], axis=-1)

    def times(self, x, name, mask):
        return x * mask

    def shrink(self, x, name, norm):
        return self.finished(tf.nn.conv2d(x, self.of(name + '/w'), 2, 'SAME'), name, norm)

    def grow(self, x, name, norm):
        w, shape = self.of(name + '/w'), tf.shape(x)
        fixed = None not in x.shape.as_list()
        size = [x.shape[0], 2 * x.shape[1], 2 * x.shape[2]] if fixed else [shape[0], 2 * shape[1], 2 * shape[2]]
        return self.finished(tf.nn.conv2d_transpose(x, w, [*size, w.shape[2]], 2, 'SAME'), name, norm)

    def finished(self, x, name, norm):
        """With the bias and the norm that the row has."""
        x = x if self.of(name + '/b') is None else x + self.of(name + '/b')
        if not norm:
            return x
        mean, variance = self.of(name + '_norm/moving_mean'), self.of(name + '_norm/moving_variance')
        if self.statistics == 'batch':
            mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, self.of(name + '_norm/offset'),
                                         self.of(name + '_norm/scale'), EPSILON)

"""How measure.py runs a SavedModel."""

import tensorflow as tf


def load(path, statistics):
    model = tf.saved_model.load(path)
    return lambda source: model.signatures['serving_default'](source=tf.constant(source))['picture'].numpy()

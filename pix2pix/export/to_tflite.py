"""The generator as a file of TensorFlow Lite (LiteRT), of one size."""

import os

import tensorflow.compat.v1 as tf

from pix2pix.export import in_tensorflow, rows, suffix


def write(folder, generator, weights, size):
    """A Generator's network for [1, height, width, C] -> a file with its weights as WEIGHTS has them: its path."""
    path = os.path.join(folder, f'model{suffix(generator, weights)}.tflite')
    architecture = generator.architecture
    dropped = rows.masks(generator, size)
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(device_count={'GPU': 0})) as sess:
        source = tf.placeholder(tf.float32, [1, *size, architecture.source_channels], 'source')
        variables = generator.weights()
        picture = in_tensorflow.draw(source, architecture, variables, generator.statistics, dropped)
        in_tensorflow.fill(sess, variables)
        converter = tf.lite.TFLiteConverter.from_session(sess, [source], [picture])
        if weights != 'float32':
            converter.optimizations = [tf.lite.Optimize.DEFAULT]        # of itself it makes int8 of weights
        if weights == 'float16':
            converter.target_spec.supported_types = [tf.float16]
        content = converter.convert()
    with open(path, 'wb') as file:
        file.write(content)
    return path

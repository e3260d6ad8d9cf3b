"""The generator as a SavedModel, for TensorFlow Serving and whatever else loads one; this package is not needed."""

import os

import tensorflow.compat.v1 as tf

from pix2pix.export import in_tensorflow, rows, suffix


def write(folder, generator, weights, size=None):
    """A Generator's network -> a folder in `folder`: its path. It has two signatures, or where has_png() is false one:

    serving_default   source [N, H, W, C] in [-1, 1] -> picture, H and W multiples of 2 ** depth, or `size`
    png               png [N], files of 8 bits of any size -> picture [N], PNG files of the same sizes
    """
    path, architecture = os.path.join(folder, 'savedmodel' + suffix(generator)), generator.architecture
    dropped = rows.masks(generator, size)
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(device_count={'GPU': 0})) as sess:
        source = tf.placeholder(tf.float32, [None, *(size or (None, None)), architecture.source_channels], 'source')
        variables = generator.weights()

        def draw(source):
            return in_tensorflow.draw(source, architecture, variables, generator.statistics, dropped)
        signatures = {'serving_default': ({'source': source}, {'picture': draw(source)})}
        if has_png(generator):
            png = tf.placeholder(tf.string, [None], 'png')
            drawn = tf.map_fn(lambda content: draw_png(content, draw, architecture), png)
            signatures['png'] = {'png': png}, {'picture': drawn}
        in_tensorflow.fill(sess, variables)
        builder = tf.saved_model.Builder(path)
        builder.add_meta_graph_and_variables(sess, ['serve'], {
            name: tf.saved_model.predict_signature_def(*ends) for name, ends in signatures.items()})
        builder.save()
    return path


def has_png(generator):
    """Whether it draws from PNG files: gray or RGB as it comes, and of any size, as without masks of dropout."""
    return generator.form.is_plain and not generator.form.labels and not generator.dropout


def draw_png(content, draw, architecture):
    """The bytes of a picture of any size -> those of what is drawn."""
    picture = tf.io.decode_png(content, channels=architecture.source_channels)
    height, width = tf.shape(picture)[0], tf.shape(picture)[1]
    rows, top = mirrored(height, architecture.multiple)
    columns, left = mirrored(width, architecture.multiple)
    padded = tf.gather(tf.gather(tf.cast(picture, tf.float32), rows), columns, axis=1)
    drawn = draw(padded[None] * (2 / 255) - 1)[0, top:top + height, left:left + width]
    return tf.io.encode_png(tf.cast(tf.round((tf.clip_by_value(drawn, -1, 1) + 1) * 127.5), tf.uint8))


def mirrored(size, multiple):
    """(indices that fill a side up to the next multiple by reflection, how many come before the first)."""
    missing = -size % multiple
    before, period = missing // 2, tf.maximum(2 * (size - 1), 1)
    places = (tf.range(size + missing) - before) % period
    return tf.minimum(places, period - places), before

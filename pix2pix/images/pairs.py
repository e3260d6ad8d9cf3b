"""A pair: one file with both halves, or two files of one name. How it becomes a source and a target.

A pair is given by its path, or by the paths of A and of B.
"""

import numpy as np
import tensorflow as tf

from pix2pix.devices import cpu_session
from pix2pix.errors import reason
from pix2pix.images import decode, palette, samples, units
from pix2pix.images.bounds import is_irregular
from pix2pix.images.diagnose import ImageError, try_read
from pix2pix.sizes import Size


def files_of(pair):
    """The paths of a pair: one, or those of A and B."""
    return (pair,) if isinstance(pair, str) else tuple(pair)


def target_file(pair, form):
    """The path of the file that holds the target."""
    return files_of(pair)[-1 if form.direction == 'AtoB' else 0]


def source_file(pair, form):
    """The path of the file that holds the source."""
    return files_of(pair)[0 if form.direction == 'AtoB' else -1]


def name_of(pair):
    """A pair in words."""
    return ' with '.join(map(repr, files_of(pair)))


def decode_pair(files, form):
    """The paths of a pair, a tensor of one string or of two -> (source, target), float32 [H, W, C] in [0, 255]."""
    return decode_contents([tf.io.read_file(file) for file in tf.unstack(tf.reshape(files, [-1]))], form)


def decode_contents(contents, form):
    """The bytes of a pair's files, one or two -> what decode_pair() gives."""
    if form.is_plain:
        source, target = sides([decode.rgb_of(content) for content in contents], form)
        target = decode.luma(target) if form.target_channels == 1 else target
        source = decode.luma(source) if form.colours == 1 else source
    else:
        source, target = tf.numpy_function(lambda *contents: arrays(contents, form), contents, [tf.float32, tf.float32])
    source.set_shape([None, None, form.colours])
    target.set_shape([None, None, form.target_channels])
    if form.labels:
        source = tf.numpy_function(lambda rgb: palette.one_hot(rgb, form.labels), [source], tf.float32)
        source.set_shape([None, None, form.source_channels])
    same = tf.debugging.Assert(tf.reduce_all(tf.equal(tf.shape(source)[:2], tf.shape(target)[:2])), ['unlike sizes'])
    with tf.control_dependencies([same]):
        return tf.identity(source), tf.identity(target)


def sides(images, form):
    """The images of a pair's files, tensors -> (source, target)."""
    if len(images) == 1:
        even = tf.debugging.Assert(tf.equal(tf.shape(images[0])[1] % 2, 0), ['odd width'])
        with tf.control_dependencies([even]):
            images = tf.split(images[0], 2, axis=1)
    return images if form.direction == 'AtoB' else images[::-1]


def arrays(contents, form):
    """The bytes of a pair's files -> (source, target), float32 [H, W, C] in [0, 255]. ValueError where they do not
    fit."""
    found = [samples.read(content) for content in contents]
    if len(found) == 1:
        [(values, highest)] = found
        check_halves(values)
        found = [units.Samples(half, highest) for half in np.split(values, 2, axis=1)]
    source, target = found if form.direction == 'AtoB' else found[::-1]
    return (scaled('source', source, form.colours, form.source_range),
            scaled('target', target, form.target_channels, form.target_range))


def scaled(side, *what):
    try:
        return units.scaled(*what)
    except ValueError as error:
        raise ValueError(f'{side} of {error}') from None


def check_halves(values):
    height, width = values.shape[:2]
    if width % 2:
        raise ValueError(f'{width} x {height} pixels; an odd width has no equal halves')


def try_pairs(pairs, form):
    """Read pairs one by one: yields (pair, (source, target), None), or (pair, None, ImageError).

    float32 [H, W, C] in [0, 255], at their own size. An error names the file, and says why a training would end at it.
    """
    with tf.Graph().as_default(), cpu_session() as sess:
        graphs = {}
        for pair in pairs:
            paths = files_of(pair)
            if any(map(is_irregular, paths)):       # it would be waited for without end
                yield pair, None, why_not(pair, form, 'a pipe or a device')
                continue
            if len(paths) not in graphs:
                files = tf.compat.v1.placeholder(tf.string, [len(paths)])
                graphs[len(paths)] = files, decode_pair(files, form)
            files, both = graphs[len(paths)]
            try:
                source, target = sess.run(both, {files: list(paths)})
            except tf.errors.OpError as error:
                yield pair, None, why_not(pair, form, reason(error))
                continue
            fault = misfit(Size(*source.shape[:2]), form)
            yield (pair, None, ImageError(f'{name_of(pair)}: {fault}')) if fault else (pair, (source, target), None)


def why_not(pair, form, why):
    """The ImageError of a pair that cannot be read for that reason: by each of its files, where one tells."""
    paths, sizes = files_of(pair), []
    read = decode.rgb_uint16 if form.is_plain else in_own_units
    for _, image, error in try_read(paths, read, pairs=len(paths) == 1):
        if error:
            return error
        sizes.append(Size(*image.shape[:2]))
    if len(set(sizes)) > 1:
        return ImageError(f'{name_of(pair)}: {sizes[0].in_words} and {sizes[1].in_words} pixels; both must be as '
                          'large')
    return ImageError(f'{name_of(pair)}: {why}')


def in_own_units(path):
    """A file -> float64 [H, W, C], a tensor of its samples as they are stored."""
    def values(content):
        return np.float64(samples.read(content).values)
    return tf.numpy_function(values, [tf.io.read_file(path)], tf.float64)


def misfit(size, form):
    """Why a picture of that size cannot be trained on in this way, or None."""
    crop, words = form.crop_size, f'{size.in_words} pixels'
    if form.preprocess == 'crop' and (size.height < crop.height or size.width < crop.width):
        return f'{words}, less than the crop of {crop.in_words}; preprocess fit would enlarge it'
    if form.preprocess == 'none' and size.padded(2 ** form.depth) != crop:
        return f'{words}, and the first is padded to {crop.in_words}; with preprocess none all must be as large'
    if form.preprocess == 'none' and any((wanted - side + 1) // 2 >= side for side, wanted in zip(size, crop)):
        return f'{words} are too few to be padded to {crop.in_words}; give a smaller depth'
    return None


def first_unreadable(pairs, form):
    """The first of these pairs that cannot be trained on, and why, as an ImageError; None where all can."""
    return next((error for _, _, error in try_pairs(pairs, form) if error), None)

"""Files -> tf.data of (source, target) float32 batches in [-1, 1].

A pair is one image file, A on the left and B on the right in equal halves. Which files make up a batch, and how each
is cropped and mirrored, is a function of (seed, epoch, index) alone: a run that starts at step k reads what the
unbroken run reads from there.
"""

import collections
import os

import numpy as np
import tensorflow as tf

from pix2pix.images import decode
from pix2pix.images.arrays import GRAY, upright

EXTENSIONS = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp')


class ReaderError(Exception):
    """A file or folder that cannot be read, and why, in one line."""


def is_image(name):
    """By its extension; hidden files are none, such as the ._NAME.jpg that macOS leaves beside NAME.jpg."""
    return name.lower().endswith(EXTENSIONS) and not name.startswith('.')


def list_images(folder):
    """The names of the images in a folder, sorted; not opened."""
    try:
        names = sorted(n for n in tf.io.gfile.listdir(folder) if is_image(n))
    except tf.errors.OpError as error:
        raise ReaderError(f'{folder}: cannot be listed ({type(error).__name__}); is it the folder you meant?') from None
    except UnicodeDecodeError as error:
        raise ReaderError(f'{folder}: {error.object!r} is a name in no UTF-8; rename it') from None
    if not names:
        raise ReaderError(f'{folder}: no images in it ({" ".join(EXTENSIONS)})')
    return names


def walk(path, without=None):
    """The names of a file, or of all images under a folder, sorted, below that folder; not those under `without`."""
    if os.path.isfile(path):
        return [os.path.basename(path)]
    found, seen, apart = [], set(), os.path.abspath(without) if without else None
    if apart and not apart.startswith(os.path.abspath(path) + os.sep):
        apart = None

    def stop(error):
        raise ReaderError(f'{error.filename}: cannot be listed ({error.strerror})')
    for folder, folders, names in os.walk(path, onerror=stop if os.path.isdir(path) else None, followlinks=True):
        if os.path.realpath(folder) in seen or os.path.abspath(folder) == apart:     # a link in a circle; the output
            folders.clear()
            continue
        seen.add(os.path.realpath(folder))
        found += [os.path.join(folder, name) for name in names if is_image(name)]
    if not found:
        raise ReaderError(f'{path}: no images in it ({" ".join(EXTENSIONS)})' if os.path.isdir(path) else
                          f'{path}: no such file or folder')
    return sorted(os.path.relpath(name, path) for name in found)


def unique_stems(names):
    """The names without extension, or with it where two would be the same; always as many as there are names."""
    stems = [os.path.splitext(name)[0] for name in names]
    count = collections.Counter(stems)
    stems = [stem if count[stem] == 1 else name for name, stem in zip(names, stems)]
    return stems if len(set(stems)) == len(names) else list(names)


def steps_per(epochs, images, batch_size):
    """Steps that show every image `epochs` times; a batch may straddle the end of an epoch, so none is dropped."""
    return -(-epochs * images // batch_size)


def training_batches(folder, names, seed, steps, first_step=0, batch_size=4, direction='AtoB', load_size=286,
                     crop_size=256, flip=True, source_channels=3, target_channels=3, task=0, tasks=1, parallel=None):
    """The batches of steps first_step + 1 .. steps: (source, target), [N, crop, crop, channels] in [-1, 1].

    `first_step`, the steps already done, may be a tensor. Of `tasks`, each reads `batch_size` pairs a step, together
    those that one would read with a batch of all. `parallel` pairs are decoded at a time; by default one a core.
    """
    name_at = lookup(names)

    def pair(position):
        index, epoch = place(position, len(names), seed)
        both = decode_pair(tf.strings.join([folder, '/', name_at(index)]), direction, source_channels, target_channels)
        both = resize(both, load_size)
        draw = tf.random.experimental.stateless_fold_in(tf.stack([tf.constant(seed, tf.int64), epoch]), index)
        both = tf.image.stateless_random_crop(both, [crop_size, crop_size, source_channels + target_channels], draw)
        both = tf.image.stateless_random_flip_left_right(both, draw) if flip else both
        return tuple(tf.split(normalise(both), [source_channels, target_channels], axis=-1))

    first_step = tf.cast(first_step, tf.int64)
    data = tf.data.Dataset.range(first_step * batch_size, steps * batch_size)
    if tasks > 1:
        data = data.map(lambda i: own_position(i, batch_size, task, tasks))
    data = data.map(pair, num_parallel_calls=parallel or os.cpu_count(), deterministic=True)
    data = data.batch(batch_size, drop_remainder=True).prefetch(2)
    return data.with_options(no_autotune())


def no_autotune():
    """Its thread sleeps up to a minute, and closing the session waits for it."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def lookup(names):
    """Strings -> a function of an index tensor that gives one of them. They are held in one string and the places
    where they end, 8 bytes each: as a tensor of strings a million took five seconds and a gigabyte."""
    encoded = [name.encode() for name in names]
    text = tf.constant(b''.join(encoded))
    ends = tf.constant(np.cumsum([0] + [len(name) for name in encoded]), tf.int64)
    return lambda index: tf.strings.substr(text, ends[index], ends[index + 1] - ends[index])


def own_position(i, batch_size, task, tasks):
    """The i-th pair that a task reads -> its position in the stream, of which a step takes tasks * batch_size."""
    return (i // batch_size * tasks + task) * batch_size + i % batch_size


def place(position, images, seed):
    """Position in the endless stream of images -> (index, epoch), int64: each epoch is a shuffle of its own."""
    epoch = position // images
    seeds = tf.stack([tf.constant(seed, tf.int64), epoch])
    return tf.random.experimental.index_shuffle(position % images, seeds, images - 1), epoch


def whole_pair(path, direction='AtoB', size=256, source_channels=3, target_channels=3):
    """One pair as test.py sees it, resized whole: path -> (source, target), [1, size, size, channels] in [-1, 1]."""
    both = normalise(resize(decode_pair(path, direction, source_channels, target_channels), size))
    return tf.split(both[None], [source_channels, target_channels], axis=-1)


def whole_pairs(paths, *how):
    """The pairs of `paths` one by one, read ahead: yields (source, target), [size, size, channels] in [-1, 1].

    `how` is that of whole_pair. ReaderError names the first that cannot be read.
    """
    with tf.Graph().as_default(), cpu_session() as sess:
        pairs = tf.data.Dataset.from_tensor_slices(paths).map(lambda path: tuple(whole_pair(path, *how)),
                                                              num_parallel_calls=2, deterministic=True).prefetch(2)
        pair = tf.compat.v1.data.make_one_shot_iterator(pairs.with_options(no_autotune())).get_next()
        for path in paths:
            try:
                source, target = sess.run(pair)
            except tf.errors.OpError as error:
                raise explain([path]) or error from None
            yield source[0], target[0]


def pictures(paths):
    """Single images one by one, upright: yields (path, RGB [H, W, 3] of uint8, or uint16 where the file has more
    than 8 bits, None), or (path, None, ReaderError)."""
    for path, pixels, error in inspect(paths, decode.rgb_uint16, pairs=False):
        if error:
            yield path, None, error
            continue
        if decode.bits(path) == 8:
            pixels //= 257
            pixels = pixels.astype(np.uint8)
        yield path, upright(pixels, decode.orientation(path)), None


def decode_pair(path, direction, source_channels, target_channels):
    """A pair's file -> [H, W / 2, source_channels + target_channels] in [0, 255], source first."""
    image = decode.rgb(path)
    even = tf.debugging.Assert(tf.equal(tf.shape(image)[1] % 2, 0), ['odd width', path])
    with tf.control_dependencies([even]):
        left, right = tf.split(image, 2, axis=1)
    source, target = (left, right) if direction == 'AtoB' else (right, left)
    return tf.concat([to_channels(source, source_channels), to_channels(target, target_channels)], axis=-1)


def to_channels(image, channels):
    """RGB [H, W, 3] -> [H, W, channels]: 3 as it is, 1 by luma."""
    return image if channels == 3 else tf.tensordot(image, tf.constant(GRAY), 1)[..., None]


def resize(image, size):
    """[H, W, C] -> [size, size, C], bilinear, averaging over what shrinks; the same size is left alone."""
    return tf.image.resize(image, [size, size], antialias=True)


def normalise(image):
    """[0, 255] -> [-1, 1]."""
    return image * (2 / 255) - 1


def cpu_session():
    return tf.compat.v1.Session(config=tf.compat.v1.ConfigProto(device_count={'GPU': 0}))


def inspect(paths, read=decode.rgb, pairs=True):
    """Read files one by one: yields (path, what `read` makes of it, None) or (path, None, ReaderError).

    Of `pairs` an odd width is an error too.
    """
    with tf.Graph().as_default(), cpu_session() as sess:
        path = tf.compat.v1.placeholder(tf.string, [])
        content, image = tf.io.read_file(path), read(path)
        for name in paths:
            try:
                pixels = sess.run(image, {path: name})
            except tf.errors.OpError as error:
                try:
                    data = sess.run(content, {path: name})
                except tf.errors.OpError:
                    data = None
                yield name, None, ReaderError(f'{name!r}: {fault(data, reason(error))}')
                continue
            height, width = pixels.shape[:2]
            odd = ReaderError(f'{name!r}: {width} x {height} pixels; an odd width is no pair of equal halves')
            yield (name, None, odd) if pairs and width % 2 else (name, pixels, None)


def fault(data, why):
    """What is wrong with a file of these bytes (None: it did not open) that failed for that reason."""
    if data is None:
        return f'cannot be opened ({why})'
    if not data:
        return 'is empty'
    kind = decode.format_of(data)
    return f'does not decode as {kind} ({why})' if kind else 'is not a PNG, JPEG, BMP, TIFF or WebP image'


def explain(paths):
    """The first of `paths` that cannot be read as a pair, and why, as a ReaderError; None where all can."""
    return next((error for _, _, error in inspect(paths) if error), None)


def reason(error):
    """The one line of a TensorFlow error that says what happened."""
    if isinstance(error, tf.errors.NotFoundError):
        return 'no such file'
    lines = [line.strip() for line in error.message.splitlines() if line.strip() not in ('', 'Graph execution error:')]
    return (lines or [type(error).__name__])[0].removeprefix('ValueError: ').removeprefix('assertion failed: ')[:200]


def paths_of_step(folder, names, seed, step, batch_size, task=0, tasks=1):
    """The files that a task reads for training step `step` (1 is the first), in the order of its batch."""
    with tf.Graph().as_default(), cpu_session() as sess:
        positions = own_position(np.arange((step - 1) * batch_size, step * batch_size), batch_size, task, tasks)
        indices = [place(tf.constant(p), len(names), seed)[0] for p in positions]
        return [f'{folder}/{names[i]}' for i in sess.run(indices)]

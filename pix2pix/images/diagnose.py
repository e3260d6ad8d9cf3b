"""Which file cannot be read, and why. TensorFlow's own errors never name the file."""

import tensorflow as tf

from pix2pix.devices import cpu_session
from pix2pix.errors import UserError, reason
from pix2pix.images import decode
from pix2pix.images.bounds import is_irregular
from pix2pix.images.formats import NAMES, format_of


class ImageError(UserError):
    """One image file that cannot be read. The next one may be good."""


def try_read(paths, read=decode.rgb, pairs=True):
    """Read files one by one: yields (path, what `read` makes of it, None) or (path, None, ImageError).

    Of `pairs` an odd width is an error too.
    """
    with tf.Graph().as_default(), cpu_session() as sess:
        path = tf.compat.v1.placeholder(tf.string, [])
        content, image = tf.io.read_file(path), read(path)
        for name in paths:
            if is_irregular(name):
                yield name, None, ImageError(f'{name!r}: is a pipe or a device, and no file; remove it')
                continue
            if any('\udc80' <= letter <= '\udcff' for letter in name):     # which Python has for bytes of no letter
                yield name, None, ImageError(f'{name!r}: the name is not valid UTF-8; rename the file')
                continue
            try:
                pixels = sess.run(image, {path: name})
            except tf.errors.OpError as error:
                try:
                    data = sess.run(content, {path: name})
                except tf.errors.OpError:
                    data = None
                yield name, None, ImageError(f'{name!r}: {diagnose(data, reason(error))}')
                continue
            height, width = pixels.shape[:2]
            odd = ImageError(f'{name!r}: {width} x {height} pixels; an odd width has no equal halves')
            yield (name, None, odd) if pairs and width % 2 else (name, pixels, None)


def diagnose(data, why):
    """What is wrong with a file of these bytes (None: it did not open) that failed for that reason."""
    if data is None:
        return f'cannot be opened ({why})'
    if not data:
        return 'is empty'
    kind = format_of(data)
    return f'does not decode as {kind} ({why})' if kind else f'is not a {NAMES} image'

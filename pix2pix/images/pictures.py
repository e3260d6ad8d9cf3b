"""Whole pictures as they are meant to be seen: upright, RGB, with the bits of their file."""

import os

import numpy as np
from PIL import Image

from pix2pix.errors import reason
from pix2pix.images import decode, samples
from pix2pix.images.arrays import full_range
from pix2pix.images.bounds import is_irregular
from pix2pix.images.diagnose import ImageError, diagnose, try_read
from pix2pix.images.plain import from_pil


def as_array(picture):
    """A path, a PIL image or an array -> an array. An array stays as it is; the others become upright RGB [H, W, 3].

    A path is read as read_pictures reads it: ImageError says why it cannot be. A PIL image gives what its file gives,
    but 8 bits where PIL has no more: of colour. ValueError for one of 32 bits, whose range nobody knows.
    """
    if isinstance(picture, str | os.PathLike):
        [(_, pixels, error)] = read_pictures([os.fspath(picture)])
        if error:
            raise error
        return pixels
    return from_pil(picture) if isinstance(picture, Image.Image) else np.asarray(picture)


def read_pictures(paths):
    """Read pictures one by one: yields (path, RGB [H, W, 3], None) or (path, None, ImageError).

    A picture is of uint8, or of uint16 where the file has more than 8 bits.
    """
    for path, pixels, error in try_read(paths, decode.rgb_uint16, pairs=False):
        if not error and decode.bits(path) == 8:
            pixels = (pixels // 257).astype(np.uint8)
        yield path, pixels, error


def read_samples(path, *, as_stored):
    """A file's samples, upright, [H, W, C]: as they are stored, or else whole numbers of fewer bits than their type
    brought to its range. ImageError says why it cannot be read."""
    if is_irregular(path):
        raise ImageError(f'{path!r}: is a pipe or a device, and no file; remove it')
    data = None
    try:
        with open(path, 'rb') as file:
            data = file.read()
        values, highest = samples.read(data)
    except Exception as error:      # of many kinds: damage upsets decoders in many ways
        raise ImageError(f'{path!r}: {diagnose(data, reason(error))}') from None
    if as_stored or not highest or values.dtype.kind != 'u':
        return values
    return full_range(values, int(highest).bit_length())


def read_each(paths, *, as_stored):
    """As read_pictures, but what read_samples makes of each."""
    for path in paths:
        try:
            yield path, read_samples(path, as_stored=as_stored), None
        except ImageError as error:
            yield path, None, error

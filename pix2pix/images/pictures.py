"""Whole pictures as they are meant to be seen: upright, RGB, with the bits of their file."""

import numpy as np

from pix2pix.images import decode
from pix2pix.images.diagnose import try_read


def read_pictures(paths):
    """Read pictures one by one: yields (path, RGB [H, W, 3], None) or (path, None, ImageError).

    A picture is of uint8, or of uint16 where the file has more than 8 bits.
    """
    for path, pixels, error in try_read(paths, decode.rgb_uint16, pairs=False):
        if not error and decode.bits(path) == 8:
            pixels = (pixels // 257).astype(np.uint8)
        yield path, pixels, error

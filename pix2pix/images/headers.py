"""Pairs that cannot be read, found by their headers: before a training begins, and not in the middle of it."""

import os
import time
import warnings

from PIL import Image

from pix2pix.images import decode
from pix2pix.images.bounds import is_irregular
from pix2pix.images.formats import HEADER, MAX_BYTES, RGB16, format_of
from pix2pix.images.pairs import files_of, first_unreadable, misfit
from pix2pix.sizes import Size

ENDS = {'PNG': b'IEND', 'JPEG': b'\xff\xd9'}        # what stands in the last bytes of a file that is whole
TAIL = 12       # bytes that are searched for it
SECONDS = 2     # that it may take: 18,000 to 28,000 files of those that the system had in memory, where it was tried


def check_headers(pairs, form, seconds=SECONDS):
    """Look at the headers of pairs, local files, for so many seconds; returns how many pairs that were.

    ImageError names the first that cannot be trained on. What looks wrong is decoded, so nothing is refused that a
    training would read. Damage in the middle of a file is not seen.
    """
    end = time.monotonic() + seconds
    for looked_at, pair in enumerate(pairs):
        if time.monotonic() >= end:
            return looked_at
        error = first_unreadable([pair], form) if looks_wrong(pair, form) else None
        if error:
            raise error
    return len(pairs)


def looks_wrong(pair, form):
    """Whether the headers of a pair's files, or their ends, are not as they should be."""
    if any(map(is_irregular, files_of(pair))):
        return True
    try:
        paths, exactly = files_of(pair), form.preprocess in ('crop', 'none')
        [size] = {size_of(path, exactly) for path in paths}      # of two files they are equal
        halves = len(paths) == 1
        return bool(halves and size.width % 2 or misfit(Size(size.height, size.width // (2 if halves else 1)), form))
    except Exception:       # of many kinds: damage upsets Pillow in many ways
        return True


def size_of(path, exactly):
    """The Size of a picture by its header, upright where it must be `exactly` so, or where a side is odd.

    An exception, of many kinds, where something looks wrong.
    """
    with warnings.catch_warnings(), open(path, 'rb') as file:
        warnings.simplefilter('error')
        known = format_of(file.read(HEADER))
        image = Image.open(file)
        width, height = image.size
        file.seek(-TAIL, os.SEEK_END)
        whole = ENDS.get(image.format, b'') in file.read()
        if not known or not whole or width * height * RGB16 > MAX_BYTES:
            raise ValueError
    turned = (exactly or height % 2) and decode.orientation(path) > 4      # by a quarter, to see which takes time
    return Size(width, height) if turned else Size(height, width)

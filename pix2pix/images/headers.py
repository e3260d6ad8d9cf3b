"""Files of pairs that cannot be read, found by their headers: before a training begins, and not in the middle of it."""

import os
import time
import warnings

from PIL import Image

from pix2pix.images import decode
from pix2pix.images.bounds import is_irregular
from pix2pix.images.diagnose import first_unreadable
from pix2pix.images.formats import HEADER, MAX_BYTES, RGB16, format_of

ENDS = {'PNG': b'IEND', 'JPEG': b'\xff\xd9'}        # what stands in the last bytes of a file that is whole
TAIL = 12       # bytes that are searched for it
SECONDS = 2     # that it may take: 18,000 to 28,000 files of those that the system had in memory, where it was tried


def check_headers(paths, seconds=SECONDS):
    """Look at the headers of pairs, local files, for so many seconds; returns how many files that were.

    ImageError names the first that cannot be read. What looks wrong is decoded, so nothing is refused that a training
    would read. Damage in the middle of a file is not seen.
    """
    end = time.monotonic() + seconds
    for looked_at, path in enumerate(paths):
        if time.monotonic() >= end:
            return looked_at
        error = first_unreadable([path]) if looks_wrong(path) else None
        if error:
            raise error
    return len(paths)


def looks_wrong(path):
    """Whether the header of a pair's file, or its end, is not as it should be."""
    if is_irregular(path):
        return True
    try:
        with warnings.catch_warnings(), open(path, 'rb') as file:
            warnings.simplefilter('error')
            known = format_of(file.read(HEADER))
            image = Image.open(file)
            width, height = image.size
            odd = width % 2 or height % 2 and decode.orientation(path) > 4      # a quarter turn makes it the width
            file.seek(-TAIL, os.SEEK_END)
            whole = ENDS.get(image.format, b'') in file.read()
            return bool(not known or odd or width * height * RGB16 > MAX_BYTES or not whole)
    except Exception:       # of many kinds: damage upsets Pillow in many ways
        return True

"""What a file may ask of those who open and decode it, beside its size. Each bound is one of time: without it a file of
a few KB, or a pipe, would be waited for without end."""

import io
import os
import re
import stat

from PIL import Image

from pix2pix.files import is_remote
from pix2pix.images.formats import BOMB

MAX_SCANS = 100         # of a JPEG, as libvips has it; programs write about ten
MAX_RUNS = 2 ** 24      # pixels of a run-length encoded BMP, which Pillow decodes in Python, at 0.2 to 0.6 us a pixel
MAX_SEGMENTS = 2 ** 17  # strips or tiles of a TIFF, at 18 us each

MARKER = re.compile(rb'\xff+([^\xff\x00\x01\xd0-\xd8])')        # one behind which its length stands
SCAN, END = b'\xda', b'\xd9'


def is_irregular(path):
    """Whether a path leads to a pipe, a socket or a device. One that leads nowhere does not."""
    try:
        mode = 0 if is_remote(path) else os.stat(path).st_mode
    except (OSError, ValueError):       # whoever opens it says why not
        return False
    return any(kind(mode) for kind in (stat.S_ISFIFO, stat.S_ISSOCK, stat.S_ISCHR, stat.S_ISBLK))


def check_scans(jpeg):
    """ValueError where a JPEG, bytes, has more scans than are read."""
    at, scans = 2, 0
    while (marker := MARKER.search(jpeg, at)) and marker[1] != END:
        scans += marker[1] == SCAN
        at = marker.end() + int.from_bytes(jpeg[marker.end():marker.end() + 2], 'big')
        if scans > MAX_SCANS:
            raise ValueError(f'more than {MAX_SCANS} scans are not read: save it anew')


def check_runs(picture):
    """ValueError where a PIL image that is not decoded yet is a run-length encoded BMP of more pixels than are read."""
    width, height = picture.size
    if picture.tile and picture.tile[0][0] == 'bmp_rle' and width * height > MAX_RUNS:
        raise ValueError(f'{width} x {height} pixels in runs, and {MAX_RUNS:,} are the limit; save it without '
                         'compression, or make it smaller')


def check_segment(segment, size):
    """ValueError where a strip or tile, the bytes of a JPEG, PNG or WebP, says that it is more than (height, width):
    its decoder allocates by this."""
    try:
        with Image.open(io.BytesIO(segment), formats=('JPEG', 'PNG', 'WEBP')) as picture:
            width, height = picture.size
    except Image.DecompressionBombError:
        raise ValueError(f'a strip or tile is {BOMB}') from None
    except (OSError, SyntaxError):
        raise ValueError('a strip or tile is damaged') from None
    if height > size[0] or width > size[1]:
        raise ValueError(f'a strip or tile of {size[1]} x {size[0]} pixels says that it has {width} x {height}')
    check_scans(segment)

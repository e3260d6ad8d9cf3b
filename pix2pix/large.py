"""Pictures too large for memory: libvips decodes them into a scratch file, and encodes from another."""

import contextlib
import os
import shutil
import tempfile

import numpy as np
import pyvips

from pix2pix import files

LARGE = 2 ** 24     # pixels; what is smaller is read whole
INTERPRETATIONS = ('srgb', 'rgb', 'rgb16', 'b-w', 'grey16')
FORMATS = {'uchar': np.dtype(np.uint8), 'ushort': np.dtype(np.uint16)}
pyvips.cache_set_max(0)     # else it keeps the last pictures open, and their scratch files


class Picture:
    """A picture in a file as an array: [H, W, 1 or 3] of uint8 or uint16, upright, read where it is sliced.

    Its scratch file is in $TMPDIR and goes with the object. OSError says why it cannot be read.
    """

    def __init__(self, path):
        with one_line(path):
            image = opened(path).autorot()
        self.path, self.image = path, image[:image.bands - 1] if image.hasalpha() else image
        self.dtype = FORMATS[image.format]
        self.shape = (self.image.height, self.image.width, self.image.bands)
        needed, folder = int(np.prod(self.shape)) * self.dtype.itemsize, tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise OSError(f'{path}: {self.shape[1]} x {self.shape[0]} pixels need {needed / 2 ** 20:,.0f} MiB in '
                          f'{folder}, which has {free / 2 ** 20:,.0f}; set TMPDIR to a larger one')

    def __getitem__(self, spans):
        (top, bottom, _), (left, right, _) = (span.indices(size) for span, size in zip(spans, self.shape))
        with one_line(f'{self.path}: does not decode'):
            pixels = self.image.crop(left, top, right - left, bottom - top).numpy()
        return pixels.reshape(bottom - top, right - left, self.shape[2])


def is_large(path):
    """Whether a file is a picture of more pixels than are read whole, gray or RGB, 8 or 16 bits, that libvips reads."""
    try:
        image = opened(path)
    except pyvips.Error:
        return False
    return image.width * image.height > LARGE and image.interpretation in INTERPRETATIONS and image.format in FORMATS


def opened(path):
    """A file's header; the pixels are decoded when they are asked for."""
    return pyvips.Image.new_from_file(path, fail_on='error')


def write_png(path, bands):
    """Bands of rows from top to bottom, [h, W, 1 or 3] of uint8 or uint16 -> a PNG file, whole or not at all."""
    height = 0
    with files.replacing(path) as partial, tempfile.NamedTemporaryFile(dir=os.path.dirname(partial)) as scratch:
        for band in bands:
            scratch.write(np.ascontiguousarray(band))
            height += len(band)
        scratch.flush()
        format = next(name for name, dtype in FORMATS.items() if dtype == band.dtype)
        interpretation = {('uchar', 1): 'b-w', ('uchar', 3): 'srgb', ('ushort', 1): 'grey16', ('ushort', 3): 'rgb16'}
        with one_line('libvips'):
            pyvips.Image.rawload(scratch.name, band.shape[1], height, band.shape[2], format=format,
                                 interpretation=interpretation[format, band.shape[2]]).pngsave(partial, compression=1)


@contextlib.contextmanager
def one_line(what):
    """An error of libvips as OSError, by its first line."""
    try:
        yield
    except pyvips.Error as error:
        raise OSError(f'{what}: {(error.detail or error.message).strip().splitlines()[0]}') from None

"""Pictures too large for memory: libvips decodes them into a scratch file; a PNG is written as its rows come."""

import itertools
import math
import shutil
import struct
import tempfile
import zlib

import numpy as np
import pyvips

from pix2pix import files
from pix2pix.images import arrays as images

LARGE = 2 ** 24     # pixels; what is smaller is read whole
LOADERS = ('jpegload', 'pngload', 'tiffload', 'webpload')       # libvips knows more formats, by their content
UP = b'\2'      # of the filters of a PNG's rows
pyvips.cache_set_max(0)     # else a file that has changed since is the old one

#         interpretation, bands, format
KINDS = {('b-w', 1, 'uchar'):     np.uint8,
         ('srgb', 3, 'uchar'):    np.uint8,
         ('grey16', 1, 'ushort'): np.uint16,
         ('rgb16', 3, 'ushort'):  np.uint16}


class Picture:
    """A picture in a file as an array, upright, of which only what is sliced is in memory: [H, W, 1 or 3] of uint8 or
    uint16.

    Its pixels lie in a file without a name in `folder`, which goes with the object, however the process ends.
    OSError says why it cannot be read.
    """

    def __init__(self, path, folder):
        image = opened(path)
        self.stored, self.dtype = (image.height, image.width, image.bands), np.dtype(KINDS[kind(image)])
        self.orientation = image.get('orientation') if image.get_typeof('orientation') else 1
        needed, free = math.prod(self.stored) * self.dtype.itemsize, shutil.disk_usage(folder).free
        if needed > free:
            raise OSError(f'{path}: {image.width:,} x {image.height:,} pixels need {needed / 2 ** 20:,.0f} MiB of '
                          f'scratch space in {folder}, which has {free / 2 ** 20:,.0f}; give another --output')
        self.scratch = tempfile.TemporaryFile(dir=folder)
        try:
            image.rawsave_target(pyvips.Target.new_to_descriptor(self.scratch.fileno()))
        except pyvips.Error as error:
            why = (error.detail or error.message).strip().splitlines()[0]
            raise OSError(f'{path}: does not decode into a file in {folder}: {why}') from None
        self.shape = self.mapped().shape

    def __getitem__(self, spans):
        return np.array(self.mapped()[spans])

    def mapped(self):
        """The file mapped into memory, anew each time: what was touched before does not add up."""
        return images.upright(np.memmap(self.scratch, self.dtype, 'r', shape=self.stored), self.orientation)


def is_large(path):
    """Whether a file is a picture of more than LARGE pixels that can become a Picture."""
    try:
        image = opened(path)
    except pyvips.Error:
        return False
    return image.width * image.height > LARGE and image.get('vips-loader') in LOADERS and kind(image) in KINDS


def opened(path):
    """A file's header; its pixels, without alpha, are decoded once, from top to bottom."""
    image = pyvips.Image.new_from_file(path, access='sequential', fail_on='error')
    return image[:image.bands - 1] if image.hasalpha() else image


def kind(image):
    return image.interpretation, image.bands, image.format


def write_png(path, height, bands):
    """Bands of `height` rows in all, [h, W, 1 or 3] of uint8 or uint16 -> a PNG file, whole or not at all."""
    with files.replacing(path) as partial, open(partial, 'wb') as file:
        def chunk(kind, data):
            file.write(struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data)))
        stream, above = zlib.compressobj(1), None
        for row in itertools.chain.from_iterable(bands):
            if above is None:
                file.write(b'\x89PNG\r\n\x1a\n')
                bits, colour = 8 * row.itemsize, {1: 0, 3: 2}[row.shape[1]]
                chunk(b'IHDR', struct.pack('>2I5B', len(row), height, bits, colour, 0, 0, 0))
            row = row.astype(row.dtype.newbyteorder('>')).view(np.uint8).ravel()
            data = stream.compress(UP + (row if above is None else row - above).tobytes())
            if data:
                chunk(b'IDAT', data)
            above = row
        chunk(b'IDAT', stream.flush())
        chunk(b'IEND', b'')

"""PNG files, from a picture or from its rows as they come; whole or not there at all."""

import itertools
import struct
import zlib

import imagecodecs
import numpy as np

from pix2pix import files

UP = b'\2'      # of the filters of a PNG's rows


def encode(picture):
    """uint8 or uint16, [H, W] or [H, W, 1 or 3] -> bytes. A tenth larger than by the defaults, five times as fast."""
    return imagecodecs.png_encode(np.ascontiguousarray(picture), level=1, filter=imagecodecs.PNG.FILTER.PAETH)


def write(path, picture):
    """uint8 or uint16, [H, W] or [H, W, 1 or 3] -> a PNG file."""
    files.write(path, encode(picture))


def write_bands(path, height, bands):
    """Bands of `height` rows in all, [h, W, 1 or 3] of uint8 or uint16 -> a PNG file; no more than a band is held."""
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

"""The formats of image files that are read: how names end, how content begins, and how large a picture may be."""

import re

PNG, JPEG = b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff'
RGB16 = 6                   # bytes a pixel of RGB in 16 bits, which every picture becomes
MAX_BYTES = 2 ** 27 * RGB16     # of one picture that is held whole, when decoded: 768 MiB, by what its header declares
BOMB = f'too large: more than {2 * MAX_BYTES:,} bytes when decoded, and {MAX_BYTES:,} is the limit; make it smaller'
MAX_STREAMED = 2 ** 36      # of one that is decoded into a file: 64 GiB

#           format       endings                   first bytes
FORMATS = [('PNG',       '.png',                   re.escape(PNG)),
           ('JPEG',      '.jpg .jpeg .jpe .jfif',  re.escape(JPEG)),
           ('BMP',       '.bmp',                   rb'BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0'),
           ('TIFF',      '.tif .tiff',             rb'II[*+]\0|MM\0[*+]'),      # +: BigTIFF
           ('WebP',      '.webp',                  rb'RIFF.{4}WEBP'),
           ('GIF',       '.gif',                   rb'GIF8[79]a'),
           ('AVIF',      '.avif',                  rb'.{4}ftypavi[fs]'),
           ('JPEG 2000', '.jp2 .j2k',              rb'\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51'),
           ('NumPy',     '.npy .npz',              rb'\x93NUMPY|PK\x03\x04')]
EXTENSIONS = tuple(' '.join(endings for _, endings, _ in FORMATS).split())
ARRAYS = ('.npy', '.npz')
NAMES = ' or '.join(', '.join(name for name, _, _ in FORMATS).rsplit(', ', 1))
HEADER = 18                 # bytes that tell the format


def is_image(name):
    """By its extension. Hidden files do not count, such as the ._NAME.jpg that macOS leaves beside NAME.jpg."""
    return name.lower().endswith(EXTENSIONS) and not name.startswith('.')


def format_of(content):
    """The name of the format by its first bytes, or None."""
    return next((name for name, _, start in FORMATS if re.match(start, content[:HEADER], re.DOTALL)), None)


def check_size(size, bytes_a_pixel=RGB16, limit=MAX_BYTES):
    """ValueError where a picture of (height, width) is nothing, or more bytes than the limit when it is decoded.

    bytes_a_pixel  samples times the bytes of one, as the decoder allocates them
    """
    height, width = map(int, size)      # of 64 bits and more: no overflow
    if min(height, width) < 1:
        raise ValueError(f'{width} x {height} pixels')
    needed = height * width * int(bytes_a_pixel)
    if needed > limit:
        raise ValueError(f'too large: {width} x {height} pixels, {needed:,} bytes when decoded, and {limit:,} is the '
                         'limit; make it smaller')

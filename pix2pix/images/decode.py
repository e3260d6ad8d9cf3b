"""Image files -> pixels, RGB: JPEG and PNG by TensorFlow, BMP, TIFF and WebP by Pillow and tifffile."""

import io
import warnings

import imageio.v3 as iio
import numpy as np
import tensorflow as tf
import tifffile
from PIL import Image

from pix2pix.images.arrays import GRAY

MAX_PIXELS = 2 ** 27        # of one file, by its declared size: a decompression bomb is refused before it is decoded
ORIENTATION = 0x0112        # the EXIF tag
Image.MAX_IMAGE_PIXELS = MAX_PIXELS     # else Pillow warns from 2 ** 26 on

#           first bytes            format
FORMATS = [(b'\xff\xd8\xff',       'JPEG'),
           (b'\x89PNG\r\n\x1a\n',  'PNG'),
           (b'BM',                 'BMP'),
           (b'II*\0',              'TIFF'),
           (b'MM\0*',              'TIFF'),
           (b'II+\0',              'TIFF'),     # BigTIFF
           (b'MM\0+',              'TIFF'),
           (b'RIFF',               'WebP')]


def rgb(path):
    """An image file -> float32 RGB [H, W, 3] in [0, 255]; 16 bits keep their precision, alpha is dropped."""
    return tf.cast(rgb_uint16(path), tf.float32) / 257


def rgb_uint16(path):
    """An image file -> uint16 RGB [H, W, 3]; a value v of 8 bits is v * 257, which rgb() gives back exactly."""
    content = tf.io.read_file(path)
    jpeg = tf.equal(tf.strings.substr(content, 0, 3), FORMATS[0][0])
    png = tf.equal(tf.strings.substr(content, 0, 8), FORMATS[1][0]) & (tf.strings.length(content) >= 24)
    image = tf.case([(jpeg, lambda: decode_jpeg(content)), (png, lambda: decode_png(content))],
                    lambda: tf.numpy_function(decode_other, [content], tf.uint16))
    return tf.ensure_shape(image, [None, None, 3])


def luma(image):
    """RGB [H, W, 3] -> gray [H, W, 1]."""
    return tf.tensordot(image, tf.constant(GRAY), 1)[..., None]


def decode_jpeg(content):
    """The accurate DCT: the default one is off by up to 4 of 255."""
    with tf.control_dependencies([assert_size(tf.image.extract_jpeg_shape(content)[:2])]):
        return tf.cast(tf.io.decode_jpeg(content, channels=3, dct_method='INTEGER_ACCURATE'), tf.uint16) * 257


def decode_png(content):
    size = tf.io.decode_raw(tf.strings.substr(content, 16, 8), tf.int32, little_endian=False)
    with tf.control_dependencies([assert_size(size)]):
        return tf.io.decode_png(content, channels=3, dtype=tf.uint16)


def assert_size(size):
    pixels = tf.reduce_prod(tf.cast(size, tf.int64))
    message = f'{MAX_PIXELS:,} pixels are read at most, not'
    return tf.debugging.Assert(tf.reduce_all(size > 0) & (pixels <= MAX_PIXELS), [message, size])


def decode_other(content):
    """BMP, TIFF and WebP, which TensorFlow decodes not at all or not in full: bytes -> uint16 [H, W, 3]."""
    kind = format_of(content)
    if kind not in ('BMP', 'TIFF', 'WebP'):
        raise ValueError('its header is cut off' if kind else 'not a PNG, JPEG, BMP, TIFF or WebP image')
    if kind == 'TIFF':
        image = decode_tiff(content)
    else:
        properties = iio.improps(content, plugin='pillow', index=0)
        check_size(properties.shape[:2])
        image = iio.imread(content, plugin='pillow', index=0, mode='RGB')
    if image.dtype.kind == 'f' and not np.isfinite(image).all():
        raise ValueError('NaN or infinity among its values')
    half = 0.5 / 65535      # what rounding takes to the nearest of 16 bits
    if image.dtype.kind == 'f' and not -half <= image.min() <= image.max() <= 1 + half:
        raise ValueError(f'values from {image.min():g} to {image.max():g}; floats must be in [0, 1]')
    if image.dtype.kind == 'f':
        image = np.rint(np.clip(image, 0, 1) * np.float64(65535)).astype(np.uint16)
    scale = {'bool': 65535, 'uint8': 257, 'uint16': 1}
    if image.dtype.name not in scale:
        raise ValueError(f'{image.dtype} values; 8 or 16 bits, or floats in [0, 1], can be read')
    image = image * np.uint16(scale[image.dtype.name])
    image = image.reshape(image.shape[:2] + (-1,))
    return np.ascontiguousarray(np.broadcast_to(image[..., :3] if image.shape[-1] > 2 else image[..., :1],
                                                image.shape[:2] + (3,)))


def decode_tiff(content):
    """The first page of a TIFF, palette applied: bytes -> [H, W] or [H, W, C] as stored."""
    with tifffile.TiffFile(io.BytesIO(content)) as tiff:
        page = tiff.pages[0]
        check_size((page.imagelength, page.imagewidth))
        image = page.asarray()
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            return np.moveaxis(np.uint8(page.colormap >> 8)[:, image], 0, -1)     # stored as v * 256 or v * 257
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            image = ~image if image.dtype != bool else np.logical_not(image)
        return np.moveaxis(image, 0, -1) if page.planarconfig == 2 and image.ndim == 3 else image


def check_size(size):
    if min(size) < 1 or int(size[0]) * int(size[1]) > MAX_PIXELS:
        raise ValueError(f'{size[1]} x {size[0]} pixels; 1 to {MAX_PIXELS:,} can be read')


def format_of(content):
    """The name of the format by its first bytes, or None."""
    return next((name for start, name in FORMATS if content.startswith(start)), None)


def bits(path):
    """8, or 16 for a file that has more."""
    with tf.io.gfile.GFile(path, 'rb') as file:
        header = file.read(32)
        rest = file.read() if format_of(header) == 'TIFF' else b''
    if format_of(header) == 'PNG':
        return 16 if header[24] == 16 else 8
    if format_of(header) == 'TIFF':
        with tifffile.TiffFile(io.BytesIO(header + rest)) as tiff:
            return 16 if tiff.pages[0].dtype.itemsize > 1 else 8
    return 8


def orientation(path):
    """That of a file's EXIF data, 1 to 8: 1 where there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')     # of a damaged EXIF part
            with Image.open(path) as header:
                return header.getexif().get(ORIENTATION, 1)
    except (OSError, ValueError, SyntaxError):      # no header that Pillow knows
        return 1

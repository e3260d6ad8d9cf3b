"""Image files -> pixels, RGB, upright: JPEG and PNG by TensorFlow, the others by Pillow, tifffile and OpenJPEG."""

import io
import mmap

import numpy as np
import tensorflow as tf
import tifffile
from PIL import Image, UnidentifiedImageError

from pix2pix.errors import reason
from pix2pix.images import bounds, exif, jpeg2000, samples, tiff, units
from pix2pix.images.arrays import GRAY, upright
from pix2pix.images.formats import BOMB, HEADER, JPEG, MAX_BYTES, NAMES, PNG, RGB16, check_size, format_of

Image.MAX_IMAGE_PIXELS = MAX_BYTES // RGB16     # else Pillow warns from 2 ** 26 on
SMALL = 2 ** 24     # pixels up to which the size of a JPEG or PNG is not asked about
QUICK = 2 ** 37     # pixels times bytes up to which the scans of a JPEG are not counted: they take 6 s at most


def rgb(path):
    """An image file -> float32 RGB [H, W, 3] in [0, 255], upright; 16 bits keep their precision, alpha is dropped."""
    return rgb_of(tf.io.read_file(path))


def rgb_of(content):
    """The bytes of an image file -> what rgb() gives."""
    return tf.cast(rgb_uint16_of(content), tf.float32) / 257


def rgb_uint16(path):
    """An image file -> uint16 RGB [H, W, 3], upright; v of 8 bits becomes v * 257, which rgb() gives back exactly."""
    return rgb_uint16_of(tf.io.read_file(path))


def rgb_uint16_of(content):
    """The bytes of an image file -> what rgb_uint16() gives."""
    image = by_format(content, lambda: turned(decode_jpeg(content), content, mark='Exif'),
                      lambda: turned(decode_png(content), content, mark='eXIf'),
                      lambda: tf.numpy_function(decode_other, [content], tf.uint16))
    return tf.ensure_shape(image, [None, None, 3])


def by_format(content, jpeg, png, other):
    """What one of these functions gives, by the first bytes of a file."""
    is_jpeg = tf.equal(tf.strings.substr(content, 0, len(JPEG)), JPEG)
    is_png = tf.equal(tf.strings.substr(content, 0, len(PNG)), PNG) & (tf.strings.length(content) >= 24)
    return tf.case([(is_jpeg, jpeg), (is_png, png)], other)


def declared_bytes(content):
    """The bytes of an image file -> how many it becomes when decoded, by its header; an int64."""
    def of(size):
        return tf.reduce_prod(tf.cast(size, tf.int64)) * RGB16
    size = by_format(content, lambda: of(tf.image.extract_jpeg_shape(content)[:2]), lambda: of(png_size(content)),
                     lambda: tf.numpy_function(declared_bytes_of_other, [content], tf.int64))
    return tf.ensure_shape(size, [])


def declared_bytes_of_other(content):
    """0 for what cannot be read: decoding says why."""
    if format_of(content) == 'NumPy':
        return np.int64(len(content))
    try:
        if format_of(content) == 'TIFF':
            with tifffile.TiffFile(io.BytesIO(content)) as file:
                page = file.pages[0]
                return np.int64(tiff.bytes_a_pixel(page) * page.imagelength * page.imagewidth)
        with Image.open(io.BytesIO(content)) as file:
            return np.int64(file.width * file.height * RGB16)
    except Exception:       # of many kinds: damage upsets Pillow in many ways
        return np.int64(0)


def luma(image):
    """RGB [H, W, 3] -> gray [H, W, 1]."""
    return tf.tensordot(image, tf.constant(GRAY), 1)[..., None]


def turned(image, content, *, mark):
    """Pixels as they are stored in a file of these bytes -> upright by its EXIF data, before which `mark` stands.

    The search for the mark costs less than a call of Python for every file.
    """
    def turn():
        return tf.numpy_function(upright, [image, tf.numpy_function(exif.orientation, [content], tf.int64)], tf.uint16)
    marked = tf.strings.regex_full_match(content, rf'\C*{mark}\C*')        # \C is any byte
    return tf.cond(marked, turn, lambda: image)


def decode_jpeg(content):
    """The accurate DCT: the default one is off by up to 4 of 255."""
    with tf.control_dependencies([checked(content, tf.image.extract_jpeg_shape(content)[:2])]):
        return tf.cast(tf.io.decode_jpeg(content, channels=3, dct_method='INTEGER_ACCURATE'), tf.uint16) * 257


def decode_png(content):
    with tf.control_dependencies([checked(content, png_size(content))]):
        return tf.io.decode_png(content, channels=3, dtype=tf.uint16)


def png_size(content):
    return tf.io.decode_raw(tf.strings.substr(content, 16, 8), tf.int32, little_endian=False)[::-1]


def checked(content, size):
    """An operation that fails where a JPEG or PNG of so many pixels is refused.

    A call of Python for every file would cost too much, so only those are asked about that may be refused.
    """
    pixels, length = tf.reduce_prod(tf.cast(size, tf.int64)), tf.cast(tf.strings.length(content), tf.int64)
    fine = tf.reduce_all(size > 0) & (pixels <= SMALL) & (pixels * length <= QUICK)
    return tf.cond(fine, lambda: pixels, lambda: tf.numpy_function(check, [content, size], tf.int64))


def check(content, size):
    """ValueError where a JPEG or PNG, bytes, of (height, width) is refused."""
    check_size(size)
    if content[:3] == JPEG:
        bounds.check_scans(content)
    return np.int64(0)


def decode_other(content):
    """What TensorFlow decodes not at all or not in full: bytes -> uint16 [H, W, 3], upright."""
    kind = format_of(content)
    if kind in (None, 'PNG', 'JPEG'):
        raise ValueError('its header is cut off' if kind else f'not a {NAMES} image')
    readers = {'TIFF': tiff.decode, 'JPEG 2000': jpeg2000.decode, 'NumPy': decode_array}
    image = readers.get(kind, decode_by_pillow)(content)
    image = image * np.uint16(257) if image.dtype == np.uint8 else image
    image = image.reshape(*image.shape[:2], -1)
    return np.ascontiguousarray(np.broadcast_to(image[..., :3] if image.shape[-1] > 2 else image[..., :1],
                                                image.shape[:2] + (3,)))


def decode_array(content):
    """A NumPy file of gray or RGB, of 8 or 16 bits or of floats in [0, 1]: bytes -> uint16 [H, W, 1 or 3]."""
    found = samples.read(content)
    return np.uint16(np.rint(units.scaled(found, 1 if found.values.shape[-1] == 1 else 3) * 257))


def decode_by_pillow(content):
    """BMP, WebP, AVIF, and the first frame of a GIF: bytes -> uint8 [H, W, 3], upright."""
    avif = format_of(content) == 'AVIF'
    content = without_exif(content) if avif else content
    try:
        with Image.open(io.BytesIO(content)) as file:
            check_size(file.size[::-1])
            bounds.check_runs(file)
            # An AVIF has its orientation outside of its EXIF data. Pillow gives it as if it were inside.
            orientation = file.getexif().get(exif.ORIENTATION, 1) if avif else exif.orientation(content)
            return upright(np.asarray(file.convert('RGB')), orientation)
    except UnidentifiedImageError:
        raise ValueError('its header is damaged') from None
    except Image.DecompressionBombError:        # Pillow's own limit, twice as high
        raise ValueError(BOMB) from None


def without_exif(avif):
    """An AVIF whose EXIF data has another name: where it is damaged, the whole file would be refused."""
    head, mark, pixels = avif.partition(b'mdat')
    return head.replace(b'Exif', b'none') + mark + pixels


def bits(path):
    """8, or 16 for a file that has more."""
    try:
        with tf.io.gfile.GFile(path, 'rb') as file:
            content = file.read(HEADER + 8)
            kind = format_of(content)
            content += file.read() if kind in ('JPEG 2000', 'TIFF', 'NumPy') else b''
    except tf.errors.OpError as error:
        raise OSError(f'{path} cannot be opened ({reason(error)})') from None
    if kind == 'PNG':
        return 16 if content[24] == 16 else 8
    if kind == 'JPEG 2000':
        return 16 if jpeg2000.bits_of(content) > 8 else 8
    if kind == 'NumPy':
        return 8 if samples.read(content).values.dtype.itemsize == 1 else 16
    if kind == 'TIFF':
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            return 16 if file.pages[0].dtype.itemsize > 1 else 8
    return 8


def orientation(path):
    """That of a JPEG, PNG, WebP or TIFF, 1 to 8, without decoding it: 1 where it says none."""
    with open(path, 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if format_of(content[:HEADER]) != 'TIFF':
            return int(exif.orientation(content))
    with tifffile.TiffFile(path) as file:
        return tiff.orientation(file.pages[0])

"""The samples of files as they are stored: any number of channels, whole numbers or floats, in units of their own."""

import io
import struct
import zipfile

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from pix2pix.images import bounds, exif, jpeg2000, tiff
from pix2pix.images.arrays import upright
from pix2pix.images.formats import MAX_BYTES, check_size, format_of
from pix2pix.images.units import KINDS, of_array

NUMPY = b'\x93NUMPY'
MOST = 4 * 2      # bytes a pixel of a PNG, at most


def read(content):
    """The bytes of a file -> Samples, upright. ValueError says what is not read."""
    kind = format_of(content)
    if kind == 'NumPy':
        values = array(content)
        bits = 8 * values.dtype.itemsize
    elif kind == 'TIFF':
        values, bits = of_tiff(content)
    elif kind == 'PNG':
        values = upright(by_imagecodecs(content), exif.orientation(content))
        bits = 8 * values.dtype.itemsize
    elif kind == 'JPEG 2000':
        values = jpeg2000.decode(content)
        bits = 8 * values.dtype.itemsize
    else:
        values, bits = by_pillow(content), 8
    if values.dtype.name not in KINDS:
        raise ValueError(f'{values.dtype} values; {" ".join(KINDS)} can be read')
    samples = of_array(values)
    return samples._replace(highest=2 ** bits - 1) if samples.highest and values.dtype.kind == 'u' else samples


def array(content):
    """The bytes of a .npy or an .npz with one array -> [H, W, C]; ValueError where they hold no such array."""
    file = io.BytesIO(content)
    if content[:len(NUMPY)] != NUMPY:
        with zipfile.ZipFile(file) as arrays:
            names = [info for info in arrays.infolist() if info.filename.endswith('.npy')]
            if len(names) != 1:
                raise ValueError(f'{len(names)} arrays in it; one can be read')
            if names[0].file_size > MAX_BYTES:
                raise ValueError(f'too large: {names[0].file_size:,} bytes when unpacked, and {MAX_BYTES:,} is the '
                                 'limit')
            file = io.BytesIO(arrays.read(names[0]))
    version = np.lib.format.read_magic(file)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    shape, _, dtype = header(file) if header else ((), None, None)
    if len(shape) not in (2, 3) or 0 in shape or dtype.hasobject:
        raise ValueError(f'an array {list(shape)}; [H, W] or [H, W, C] of numbers can be read')
    a_pixel, held = int(np.prod(shape[2:], dtype=object)) * dtype.itemsize, len(file.getvalue()) - file.tell()
    check_size(shape[:2], a_pixel)
    if shape[0] * shape[1] * a_pixel > held:
        raise ValueError('it is cut off')
    file.seek(0)
    values = np.lib.format.read_array(file, allow_pickle=False)
    values = values.astype(values.dtype.newbyteorder('='), copy=False)
    return values.reshape(*shape[:2], -1)


def of_tiff(content):
    """(all bands of the first page as they are stored, bits a sample). Inks and palettes become RGB."""
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page = file.pages[0]
        tiff.check_bounds(page, content)
        if page.photometric not in (tiff.PHOTOMETRIC.MINISBLACK, tiff.PHOTOMETRIC.RGB) or page.imagedepth != 1 or \
                not isinstance(page.bitspersample, int) or page.bitspersample == 1:
            values = tiff.decode(content)
            return values, 8 * values.dtype.itemsize
        values = page.asarray()
        values = np.moveaxis(values, 0, -1) if page.planarconfig == tiff.SEPARATE and values.ndim == 3 else values
        values = values.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
        return upright(values, tiff.orientation(page)), page.bitspersample


def by_imagecodecs(content):
    if len(content) >= 24:
        check_size(struct.unpack_from('>II', content, 16)[::-1], MOST)
    try:
        values = imagecodecs.png_decode(content)
    except (imagecodecs.PngError, RuntimeError) as error:
        raise ValueError(f'{error}') from None
    return values.reshape(*values.shape[:2], -1)


def by_pillow(content):
    """Formats of 8 bits and up to three channels."""
    try:
        with Image.open(io.BytesIO(content)) as file:
            check_size(file.size[::-1])
            bounds.check_runs(file)
            if file.format == 'JPEG':
                bounds.check_scans(content)
            pixels = np.asarray(file.convert('L' if file.mode == 'L' else 'RGB'))
            return upright(pixels.reshape(*pixels.shape[:2], -1), exif.orientation(content))
    except UnidentifiedImageError:
        raise ValueError('its format is not known here, or its header is damaged') from None
    except (OSError, SyntaxError) as error:
        raise ValueError(f'{error}') from None

"""TIFF files -> pixels: which kinds are read, and how each becomes gray or RGB."""

import io

import numpy as np
import tifffile
from tifffile import PHOTOMETRIC

from pix2pix.images.arrays import full_range, upright
from pix2pix.images.bounds import MAX_SEGMENTS, check_segment
from pix2pix.images.formats import RGB16, check_size

ORIENTATION, INK_SET = 274, 332         # tags
CMYK = 1                                # an ink set
OLD_JPEG, JPEG = 6, 7                   # compressions
OF_LIBVIPS = (1, 2, 3, 4, 5, JPEG, 8, 32773, 32946, 50001)      # none, fax, LZW, JPEG, Deflate, PackBits, WebP
OF_KNOWN_SIZE = (1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 34926, 50000)   # the decoder is told: LZMA and Zstandard too
PICTURES = (OLD_JPEG, JPEG, 34927, 34933, 50001)                # a strip says it of itself: JPEG, WebP, PNG
ASSOCIATED = 1                          # an alpha by which the colours are multiplied already
SEPARATE = 2                            # a configuration of planes


def decode(content):
    """The first page of a TIFF, upright: bytes -> uint8 or uint16 [H, W, 1 or 3]. ValueError says what is not read."""
    with tifffile.TiffFile(io.BytesIO(content)) as tiff:
        page = tiff.pages[0]
        check(page)
        check_bounds(page, content)
        image = page.asarray()
        image = np.moveaxis(image, 0, -1) if page.planarconfig == SEPARATE and image.ndim == 3 else image
        image = image.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
        if page.photometric == PHOTOMETRIC.PALETTE:
            return upright(palette(page.colormap, image[..., 0]), orientation(page))
        image = whole_numbers(image, page.bitspersample)
        return upright(gray_or_rgb(image, page.photometric, page.extrasamples), orientation(page))


def check(page):
    """ValueError says why a page is not read."""
    kind, bands, alphas = page.photometric, page.samplesperpixel, len(page.extrasamples)
    if kind not in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.RGB, PHOTOMETRIC.PALETTE,
                    PHOTOMETRIC.SEPARATED, PHOTOMETRIC.YCBCR):
        raise ValueError(f'{getattr(kind, "name", kind)} is not read: convert it to RGB')
    if kind == PHOTOMETRIC.YCBCR and (page.compression not in (OLD_JPEG, JPEG) or bands != 3 or
                                      page.planarconfig == SEPARATE):     # tifffile would leave it as it is
        raise ValueError('YCbCr is read from JPEG inside a TIFF alone: convert it to RGB')
    if kind == PHOTOMETRIC.SEPARATED and (page.tags.valueof(INK_SET, CMYK) != CMYK or bands - alphas != 4 or
                                          alphas > 1):
        raise ValueError(f'{bands} bands of inks; CMYK, with or without alpha, can be read')
    if kind != PHOTOMETRIC.SEPARATED and bands > 4:
        raise ValueError(f'{bands} bands; 1 or 3, with or without alpha, can be read')
    if page.imagedepth != 1:
        raise ValueError(f'a volume of {page.imagedepth} slices is not read')
    if not isinstance(page.bitspersample, int):
        raise ValueError(f'{" ".join(map(str, page.bitspersample))} bits a sample are not read: '
                         'all samples must have as many')


def bytes_a_pixel(page):
    """When it is decoded: those of all its samples, or of what they become."""
    return max(RGB16, page.samplesperpixel * (page.dtype.itemsize if page.dtype else 1))


def check_bounds(page, content):
    """ValueError where a page, in these bytes of a file, would take more memory or time than a picture may."""
    size = height, width = page.imagelength, page.imagewidth
    strip = (min(page.rowsperstrip, height), width)
    if page.is_tiled:       # they are decoded whole
        strip = page.tilelength * page.tiledepth, page.tilewidth
        size = [-(-whole // max(part, 1)) * part for whole, part in zip(size, strip)]
    check_size(size, bytes_a_pixel(page))
    if len(page.dataoffsets) > MAX_SEGMENTS:
        raise ValueError(f'{len(page.dataoffsets):,} strips or tiles, and {MAX_SEGMENTS:,} are the limit; save it with '
                         'larger ones')
    if page.compression not in OF_KNOWN_SIZE + PICTURES:
        raise ValueError(f'the compression {getattr(page.compression, "name", page.compression)} is not read: save it '
                         'with LZW or Deflate')
    if page.compression in PICTURES:
        for at, length in zip(page.dataoffsets, page.databytecounts):
            if length:      # else it is left out, and black
                check_segment(content[at:at + length], strip)


def is_see_through(content):
    """Whether a TIFF has a band behind its colours, alpha or of unknown meaning, in which not all is opaque."""
    with tifffile.TiffFile(io.BytesIO(content)) as tiff:
        page = tiff.pages[0]
        bands, colours = page.samplesperpixel, 4 if page.photometric == PHOTOMETRIC.SEPARATED else 3
        colours = colours if bands >= colours else 1
        if bands == colours:
            return False
        image = page.asarray()
        last = image[-1] if page.planarconfig == SEPARATE else image[..., -1]
        return bool((last < (1 if last.dtype.kind == 'f' else 2 ** page.bitspersample - 1)).any())


def is_plain(path):
    """Whether a TIFF is one that is read, and that libvips reads in the same way.

    libvips divides by no alpha, takes the planes of gray and alpha for another picture, and reads no tiles of planes.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages[0]
            check(page)
            if page.is_tiled:
                check_size((page.tilelength, page.tilewidth), bytes_a_pixel(page))
            planes = page.planarconfig == SEPARATE and (page.photometric != PHOTOMETRIC.RGB or page.is_tiled)
            fine_palette = page.photometric == PHOTOMETRIC.PALETTE and page.bitspersample > 8
            return page.compression in OF_LIBVIPS and not (ASSOCIATED in page.extrasamples or planes or fine_palette)
    except (ValueError, IndexError):        # not read; no pages
        return False


def orientation(page):
    """As that of EXIF data: 1 to 8, and 1 where there is none."""
    value = page.tags.valueof(ORIENTATION)
    return value if value in range(1, 9) else 1


def palette(colours, numbers):
    """Numbers of colours [H, W] -> uint8 [H, W, 3]. Colours are stored as v * 256 or v * 257, by some programs as v."""
    colours = np.uint8(colours >> 8 if colours.max() > 255 else colours)
    return np.moveaxis(colours[:, numbers * np.uint8(1)], 0, -1)        # two colours are numbered by booleans


def whole_numbers(image, bits):
    """Values as stored -> uint8 or uint16, black 0 and white the highest of them. Floats are from 0 to 1."""
    if image.dtype == bool:
        return image * np.uint8(255)
    if image.dtype in (np.uint8, np.uint16):
        return full_range(image, bits)
    if image.dtype.kind != 'f':
        raise ValueError(f'{image.dtype} values; 8 or 16 bits, or floats in [0, 1], can be read')
    if not np.isfinite(image).all():
        raise ValueError('NaN or infinity among its values')
    half = 0.5 / 65535      # what rounding takes to the nearest of 16 bits
    if not -half <= image.min() <= image.max() <= 1 + half:
        raise ValueError(f'values from {image.min():g} to {image.max():g}; floats must be in [0, 1]')
    return np.rint(np.clip(image, 0, 1) * np.float64(65535)).astype(np.uint16)


def gray_or_rgb(image, kind, extrasamples):
    """uint8 or uint16 [H, W, C] -> [H, W, 1 or 3], without alpha, which is divided by where it was multiplied by."""
    high, bands = np.iinfo(image.dtype).max, image.shape[-1]
    colours = 4 if kind == PHOTOMETRIC.SEPARATED else 3 if bands > 2 else 1
    image, alpha = image[..., :colours], image[..., colours:]
    if alpha.shape[-1] and extrasamples[-1:] == (ASSOCIATED,):
        image = rounded(image * (np.float32(high) / np.maximum(alpha, 1)), image.dtype)     # clear: black
    if kind == PHOTOMETRIC.MINISWHITE:
        image = high - image
    if kind == PHOTOMETRIC.SEPARATED:
        image = high - image
        image = rounded(image[..., :3] * (image[..., 3:] / np.float32(high)), image.dtype)
    return image


def rounded(values, dtype):
    return np.clip(np.rint(values), 0, np.iinfo(dtype).max).astype(dtype)

"""Pictures as they are meant to be seen, read without TensorFlow: by imagecodecs where they are PNG, else by Pillow."""

import os

import imagecodecs
import numpy as np
from PIL import Image, UnidentifiedImageError

from pix2pix.errors import UserError, reason
from pix2pix.images import bounds, exif
from pix2pix.images.arrays import upright
from pix2pix.images.formats import BOMB, JPEG, MAX_BYTES, PNG, RGB16, check_size

Image.MAX_IMAGE_PIXELS = MAX_BYTES // RGB16     # else Pillow warns from 2 ** 26 on


def as_array(picture):
    """A path, a PIL image or an array -> an array. An array stays as it is; the others become upright RGB [H, W, 3].

    uint8, or uint16 of a PNG or a gray TIFF with more than 8 bits. UserError where a file cannot be read.
    """
    if isinstance(picture, str | os.PathLike):
        return read(os.fspath(picture))
    return from_pil(picture) if isinstance(picture, Image.Image) else np.asarray(picture)


def read(path):
    if bounds.is_irregular(path):
        raise UserError(f'{path!r} is a pipe or a device, and no file')
    try:
        with open(path, 'rb') as file, Image.open(file) as header:
            file.seek(0)
            content = file.read()
            check_size(header.size[::-1])
            bounds.check_runs(header)
            if content[:3] == JPEG:
                bounds.check_scans(content)
            if content[:8] != PNG or header.mode == 'P':
                return from_pil(header)
            pixels, turned = imagecodecs.png_decode(content), exif.orientation(content)
    except UnidentifiedImageError:
        raise UserError(f'{path!r} cannot be read (it is no picture of a known format)') from None
    except Image.DecompressionBombError:        # Pillow's own limit, twice as high
        raise UserError(f'{path!r} cannot be read ({BOMB})') from None
    except (OSError, ValueError, SyntaxError, RuntimeError) as error:
        raise UserError(f'{path!r} cannot be read ({getattr(error, "strerror", None) or reason(error)})') from None
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    colour = pixels[..., :3] if pixels.shape[-1] > 2 else np.repeat(pixels[..., :1], 3, axis=-1)    # without alpha
    return upright(colour, turned)


def from_pil(picture):
    """A PIL image -> what its file gives, but 8 bits where PIL has no more: of colour. ValueError for one of 32 bits,
    whose range nobody knows."""
    if picture.mode in ('I', 'F'):
        raise ValueError(f'a PIL image of 32 bits (mode {picture.mode}): give one of 8 or 16 bits')
    if picture.mode.startswith('I;16'):
        pixels = np.repeat(np.asarray(picture).astype(np.uint16)[..., None], 3, axis=-1)
    else:
        pixels = np.asarray(picture.convert('RGBA' if picture.mode == 'P' else 'RGB'))[..., :3]     # P has a palette
    return upright(pixels, picture.getexif().get(exif.ORIENTATION, 1))


def in_own_bands(picture):
    """A PIL image or an array -> an array. An array stays as it is; a PIL image becomes its own bands, upright,
    [H, W, C], as its file is read where pictures have bands or a range."""
    if not isinstance(picture, Image.Image):
        return np.asarray(picture)
    own = picture.mode in ('L', 'LA', 'RGB', 'RGBA', 'I', 'F') or picture.mode.startswith('I;16')
    pixels = np.asarray(picture if own else picture.convert({'1': 'L', 'PA': 'RGBA'}.get(picture.mode, 'RGB')))
    pixels = pixels.astype(np.uint16) if picture.mode.startswith('I;16') else pixels
    return upright(pixels.reshape(*pixels.shape[:2], -1), picture.getexif().get(exif.ORIENTATION, 1))

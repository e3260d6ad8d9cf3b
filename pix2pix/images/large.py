"""Pictures too large for memory: libvips decodes them into a scratch file."""

import math
import shutil
import tempfile

import numpy as np
import pyvips

from pix2pix.errors import reason
from pix2pix.images import decode, tiff
from pix2pix.images.arrays import upright
from pix2pix.images.bounds import is_irregular
from pix2pix.images.diagnose import ImageError
from pix2pix.images.formats import MAX_BYTES, MAX_STREAMED, check_size

LARGE = 2 ** 24     # pixels; what is smaller is read whole
MAX_WIDTH = 2 ** 17 # pixels: a row of tiles is held in floats
LOADERS = ('jpegload', 'pngload', 'tiffload', 'webpload')       # libvips knows more formats, by their content
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
    ImageError says why it cannot be read.
    """

    def __init__(self, path, folder):
        try:
            image = opened(path)
        except pyvips.Error as error:
            raise ImageError(f'{path}: cannot be opened ({reason(error)})') from None
        self.stored, self.dtype = (image.height, image.width, image.bands), np.dtype(KINDS[kind(image)])
        self.orientation = decode.orientation(path)
        width = self.stored[0 if self.orientation > 4 else 1]       # a quarter turn
        try:
            check_size(self.stored[:2], image.bands * self.dtype.itemsize,
                       MAX_BYTES if is_held_whole(image) else MAX_STREAMED)
        except ValueError as error:
            raise ImageError(f'{path}: {error}') from None
        if width > MAX_WIDTH:
            raise ImageError(f'{path}: {width:,} pixels wide, and {MAX_WIDTH:,} is the limit; cut it')
        needed, free = math.prod(self.stored) * self.dtype.itemsize, shutil.disk_usage(folder).free
        if needed > free:
            raise ImageError(f'{path}: {image.width:,} x {image.height:,} pixels need {needed / 2 ** 20:,.0f} MiB of '
                             f'scratch space in {folder}, which has {free / 2 ** 20:,.0f}; name another folder')
        self.scratch = tempfile.TemporaryFile(dir=folder)
        try:
            image.rawsave_target(pyvips.Target.new_to_descriptor(self.scratch.fileno()))
        except pyvips.Error as error:
            why = (error.detail or error.message).strip().splitlines()[0]
            raise ImageError(f'{path}: does not decode into a file in {folder}: {why}') from None
        self.shape = self.mapped().shape

    def __getitem__(self, spans):
        return np.array(self.mapped()[spans])

    def mapped(self):
        """The file mapped into memory, anew each time: what was touched before does not add up."""
        return upright(np.memmap(self.scratch, self.dtype, 'r', shape=self.stored), self.orientation)


def is_large(path, pixels=LARGE):
    """Whether a file is a picture of more than so many pixels that can become a Picture."""
    try:
        image = None if is_irregular(path) else opened(path)
    except (pyvips.Error, UnicodeEncodeError):      # a name that is not UTF-8
        return False
    if not image:
        return False
    loader = image.get('vips-loader')
    return image.width * image.height > pixels and loader in LOADERS and kind(image) in KINDS and \
        (loader != 'tiffload' or tiff.is_plain(path))


def opened(path):
    """A file's header; its pixels, without alpha, are decoded once, from top to bottom."""
    image = pyvips.Image.new_from_file(path, access='sequential', fail_on='error')
    return image[:image.bands - 1] if image.hasalpha() else image


def is_held_whole(image):
    """Whether libvips cannot decode it from top to bottom: a WebP, a progressive JPEG, an interlaced PNG."""
    return image.get('vips-loader') == 'webpload' or image.get_typeof('interlaced') != 0


def kind(image):
    return image.interpretation, image.bands, image.format

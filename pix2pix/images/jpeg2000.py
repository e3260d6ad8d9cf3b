"""JPEG 2000 files -> pixels, by OpenJPEG."""

import io
import struct
from typing import NamedTuple

import imagecodecs
from PIL import Image, UnidentifiedImageError

from pix2pix.images.arrays import full_range
from pix2pix.images.formats import RGB16, check_size

CODESTREAM = b'\xff\x4f\xff\x51'        # how it begins: two markers, and behind them the sizes of all that follows
READ = ('L', 'LA', 'I;16', 'RGB', 'RGBA')       # Pillow's names of what the boxes around it say


class Header(NamedTuple):
    """What the codestream says of itself: the decoder allocates by this, and not by the boxes around it."""
    size: tuple             # height, width
    components: list        # of each its bits - 1, with the sign as the highest bit, and its steps across and down


def decode(content):
    """bytes -> uint8 or uint16 [H, W] or [H, W, 2 to 4], the alpha last. ValueError says what is not read."""
    try:
        size, components = header_of(content)
        if len(components) > 4:
            raise ValueError(f'{len(components)} bands; 1 or 3, with or without alpha, can be read')
        if len(set(components)) != 1 or components[0][1:] != (1, 1) or bits_of(content) > 16:
            raise ValueError('bands that differ, have a sign, or more than 16 bits are not read: convert it to 8 bits')
        check_size(size, max(RGB16, 2 * len(components)))
        with Image.open(io.BytesIO(content)) as file:
            if file.mode not in READ:
                raise ValueError(f'{file.mode} is not read in JPEG 2000: convert it to RGB')
    except (struct.error, UnidentifiedImageError):
        raise ValueError('its header is damaged') from None
    return full_range(imagecodecs.jpeg2k_decode(content), bits_of(content))


def bits_of(content):
    """Bits a sample. Over 128 they have a sign."""
    return header_of(content).components[0][0] + 1


def header_of(content):
    at = 0
    while content[at:at + 4] != CODESTREAM:     # a box: go to the next, or into the one that holds the codestream
        length, kind = struct.unpack_from('>I4s', content, at)
        head = 8
        if length == 1:
            length, head = struct.unpack_from('>Q', content, at + 8)[0], 16
        at += head if kind == b'jp2c' else max(length, 8)
    width, height, left, top, count = struct.unpack_from('>8x4I16xH', content, at)
    return Header((height - top, width - left), list(struct.iter_unpack('3B', content[at + 42:at + 42 + 3 * count])))

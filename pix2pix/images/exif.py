"""Which way up a picture is meant to be seen: the orientation in the EXIF data of a JPEG, PNG or WebP."""

import struct

import numpy as np

from pix2pix.images.formats import JPEG, PNG

ORIENTATION = 0x0112        # the tag
LONG = 4                    # a type of number; orientations are SHORT, and some programs write LONG


def orientation(content):
    """A file's bytes -> 1 to 8, an int64; 1 (as stored) where there is no EXIF data, or where it is damaged."""
    try:
        return np.int64(orientation_of(exif_of(content).removeprefix(b'Exif\0\0')))
    except struct.error:
        return np.int64(1)


def exif_of(content):
    """The EXIF data in the bytes of a file; b'' where there is none."""
    if content[:3] == JPEG:
        at = 2
        while content[at:at + 1] == b'\xff' and content[at + 1:at + 2] != b'\xda':     # the pixels
            size = struct.unpack_from('>H', content, at + 2)[0]
            if content[at + 1:at + 2] == b'\xe1' and content[at + 4:at + 10] == b'Exif\0\0':
                return content[at + 4:at + 2 + size]
            at += 2 + max(size, 2)
    if content[:8] == PNG:
        at = 8
        while at < len(content):
            size, kind = struct.unpack_from('>I4s', content, at)
            if kind == b'eXIf':
                return content[at + 8:at + 8 + size]
            at += 12 + size
    if content[:4] == b'RIFF':
        at = 12
        while at < len(content):
            kind, size = struct.unpack_from('<4sI', content, at)
            if kind == b'EXIF':
                return content[at + 8:at + 8 + size]
            at += 8 + size + size % 2
    return b''


def orientation_of(tags):
    """The orientation among the tags of EXIF data, which has the form of a TIFF."""
    order = {b'II*\0': '<', b'MM\0*': '>'}.get(tags[:4])
    if not order:
        return 1
    start = struct.unpack_from(order + 'I', tags, 4)[0]
    for i in range(struct.unpack_from(order + 'H', tags, start)[0]):
        tag, kind = struct.unpack_from(order + 'HH', tags, start + 2 + 12 * i)
        if tag == ORIENTATION:
            value = struct.unpack_from(order + ('I' if kind == LONG else 'H'), tags, start + 10 + 12 * i)[0]
            return value if 1 <= value <= 8 else 1
    return 1

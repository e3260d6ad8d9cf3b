"""JPEG 2000: 8 and 16 bits and those between, gray and colour, and what is refused by name."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from pix2pix.images import jpeg2000

RGB = np.random.RandomState(0).randint(0, 256, [6, 8, 3]).astype(np.uint8)
FINE = np.random.RandomState(1).randint(0, 65536, [6, 8, 3]).astype(np.uint16)


def encoded(image, **how):
    """A lossless file in memory."""
    return imagecodecs.jpeg2k_encode(np.ascontiguousarray(image), level=0, **how)


@pytest.mark.parametrize('image', [RGB, RGB[..., 0], RGB[..., :2], np.dstack([RGB, RGB[..., :1]]), FINE, FINE[..., 0]],
                         ids=['rgb', 'gray', 'gray alpha', 'rgba', 'fine', 'fine gray'])
@pytest.mark.parametrize('form', ['jp2', 'j2k'])
def test_what_was_written_comes_back(image, form):
    decoded = jpeg2000.decode(encoded(image, codecformat=form))
    assert decoded.dtype == image.dtype
    np.testing.assert_array_equal(decoded, image)


def test_pillow_s_own_files_are_read():
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, 'JPEG2000')
    np.testing.assert_array_equal(jpeg2000.decode(file.getvalue()), RGB)


@pytest.mark.parametrize('bits', [4, 10, 12, 15])
def test_other_numbers_of_bits_reach_from_black_to_white(bits):
    values = (FINE >> (16 - bits)).astype(np.uint16 if bits > 8 else np.uint8)
    content = encoded(values, bitspersample=bits)
    high = 65535 if bits > 8 else 255
    np.testing.assert_array_equal(jpeg2000.decode(content), np.rint(values / (2 ** bits - 1) * high))
    assert jpeg2000.bits_of(content) == bits


def converted(mode):
    file = io.BytesIO()
    Image.fromarray(RGB).convert(mode).save(file, 'JPEG2000')
    return file.getvalue()


def patched(content, place, new):
    """The file with other bytes so many behind the beginning of its codestream."""
    at = content.index(b'\xff\x4f\xff\x51') + place
    return content[:at] + new + content[at + len(new):]


@pytest.mark.parametrize('content, why', [
    (converted('CMYK'), 'CMYK is not read in JPEG 2000: convert it to RGB'),
    (encoded(np.dstack([RGB, RGB[..., :2]])), '5 bands; 1 or 3, with or without alpha, can be read'),
    (encoded(FINE[..., 0].astype(np.int16)), 'have a sign'),
    (patched(encoded(RGB), 46, b'\x02'), 'bands that differ'),             # the second is half as wide
    (encoded(RGB)[:60], 'its header is damaged'),
    (encoded(RGB)[:100], 'its header is damaged')])
def test_what_is_not_read_is_refused_by_name(content, why):
    with pytest.raises(ValueError, match=why):
        jpeg2000.decode(content)


def test_a_bomb_is_refused_by_the_size_that_the_decoder_would_allocate_by():
    """The boxes around the codestream say 8 x 6, and an earlier box holds what looks like a small codestream."""
    content = patched(encoded(RGB), 8, struct.pack('>2I', 60000, 60000))
    decoy = encoded(RGB, codecformat='j2k')
    box = struct.pack('>I4s', 8 + len(decoy), b'free') + decoy
    for bomb in content, content[:12] + box + content[12:]:
        with pytest.raises(ValueError, match='too large: 60000 x 60000 pixels'):
            jpeg2000.decode(bomb)


def test_a_box_of_a_long_length_is_passed():
    content = encoded(RGB)
    box = struct.pack('>I4sQ', 1, b'free', 16 + 5) + bytes(5)
    assert jpeg2000.header_of(content[:12] + box + content[12:]) == jpeg2000.header_of(content) == (
        (6, 8), [(7, 1, 1)] * 3)

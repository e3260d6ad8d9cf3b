"""The orientation in the EXIF data of a file, which is 1 where there is none or where it is damaged."""

import io
import mmap
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pix2pix.images import exif

RGB = np.random.RandomState(0).randint(0, 256, [6, 8, 3]).astype(np.uint8)
FORMATS = ('JPEG', 'PNG', 'WebP')


def tags(*rows, order='<'):
    """EXIF data by the letter of the standard: rows are (tag, type, value)."""
    head = {'<': b'II*\0', '>': b'MM\0*'}[order] + struct.pack(order + 'IH', 8, len(rows))
    return head + b''.join(struct.pack(order + 'HHI', tag, kind, 1) + struct.pack(order + layout, value).ljust(4, b'\0')
                           for tag, kind, value in rows for layout in ['I' if kind == 4 else 'H']) + bytes(4)


def encoded(kind, data=None, prefix=b'Exif\0\0'):
    """A picture in memory, by Pillow, with this EXIF data."""
    file = io.BytesIO()
    data = prefix + data if isinstance(data, bytes) else data
    Image.fromarray(RGB).save(file, kind, **({} if data is None else {'exif': data}))
    return file.getvalue()


@pytest.mark.parametrize('kind', FORMATS)
@pytest.mark.parametrize('orientation', range(1, 9))
def test_the_orientation_is_what_pillow_writes_and_reads(kind, orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    content = encoded(kind, data)
    assert Image.open(io.BytesIO(content)).getexif()[0x0112] == orientation
    assert exif.orientation(content) == orientation and exif.orientation(content).dtype == np.int64


@pytest.mark.parametrize('kind, prefix', [('JPEG', b'Exif\0\0'), ('PNG', b''), ('WebP', b'')])
@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('number', [3, 4])        # SHORT, LONG
def test_both_byte_orders_and_both_types_of_numbers_are_read_behind_other_tags(kind, prefix, order, number):
    data = tags((0x0100, 3, 5), (0x0101, 4, 7), (0x0112, number, 6), (0x0128, 3, 2), order=order)
    assert exif.orientation(encoded(kind, data, prefix)) == 6


def test_some_programs_write_the_prefix_of_jpeg_into_a_webp_too():
    data = b'Exif\0\0' + tags((0x0112, 3, 7))
    assert exif.orientation(b'RIFF\xff\0\0\0WEBPXXXX\1\0\0\0a\0EXIF' + struct.pack('<I', len(data)) + data) == 7


@pytest.mark.parametrize('kind', FORMATS)
@pytest.mark.parametrize('data', [
    None, tags((0x0110, 3, 6)), tags((0x0112, 3, 0)), tags((0x0112, 3, 9)), tags((0x0112, 4, 2 ** 31)), tags(),
    b'II*\0', b'II*\0\x08\0\0\0\xff\xff\x12\x01', b'MM\0*\xff\xff\xff\xff'])
def test_it_is_1_where_none_is_given_or_none_can_be_read(kind, data):
    assert exif.orientation(encoded(kind, data)) == 1


@pytest.mark.parametrize('content', [
    b'', b'\xff\xd8\xff', b'\xff\xd8\xff\xe1', b'\xff\xd8\xff\xe1\0\0Exif\0\0', b'\x89PNG\r\n\x1a\n', b'RIFF',
    b'\x89PNG\r\n\x1a\n\xff\xff\xff\xffeXIf', b'hello', b'Exif\0\0' + tags((0x0112, 3, 6))])
def test_it_is_1_for_what_is_no_picture(content):
    assert exif.orientation(content) == 1


def test_it_is_found_behind_a_colour_profile_of_many_segments():
    content = encoded('JPEG', tags((0x0112, 3, 8)))
    profile = b'\xff\xe2' + struct.pack('>H', 65000) + bytes(64998)
    assert exif.orientation(content[:2] + 3 * profile + content[2:]) == 8


def test_it_is_found_behind_the_pixels_of_a_png():
    content, data = encoded('PNG'), tags((0x0112, 3, 3))
    chunk = struct.pack('>I', len(data)) + b'eXIf' + data + struct.pack('>I', zlib.crc32(b'eXIf' + data))
    assert content[-8:-4] == b'IEND' and exif.orientation(content[:-12] + chunk + content[-12:]) == 3


def test_what_looks_like_exif_data_among_the_pixels_is_none():
    content = encoded('JPEG')
    scan = content.index(b'\xff\xda')
    fake = b'\xff\xe1' + struct.pack('>H', 100) + b'Exif\0\0' + tags((0x0112, 3, 6))
    assert exif.orientation(content[:scan + 14] + fake + content[scan + 14:]) == 1


def test_a_file_mapped_into_memory_is_read_as_bytes_are(tmp_path):
    (tmp_path / 'a').write_bytes(encoded('PNG', tags((0x0112, 3, 5))))
    with open(tmp_path / 'a', 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        assert exif.orientation(content) == 5


@pytest.mark.parametrize('kind', FORMATS)
def test_damage_never_raises(kind):
    whole, chance = encoded(kind, tags((0x0100, 3, 5), (0x0112, 3, 6))), random.Random(0)
    for length in range(len(whole)):
        assert exif.orientation(whole[:length]) in (1, 6)
    for _ in range(3000):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 5)):
            content[chance.randrange(min(len(content), 120))] = chance.choice([0, 255, chance.randrange(256)])
        assert exif.orientation(bytes(content)) in range(1, 9)

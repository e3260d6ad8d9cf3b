"""What the endings and the first bytes of files say."""

import io

import numpy as np
import pytest
from PIL import Image

from pix2pix.images import formats


@pytest.mark.parametrize('content, name', [
    (b'\xff\xd8\xff\xe0', 'JPEG'), (b'\x89PNG\r\n\x1a\n', 'PNG'), (b'BM' + bytes(12) + b'\x28\0\0\0', 'BMP'),
    (b'II*\0', 'TIFF'), (b'MM\0*', 'TIFF'), (b'II+\0', 'TIFF'), (b'MM\0+', 'TIFF'), (b'RIFF\n\0\0\0WEBP', 'WebP'),
    (b'GIF87a', 'GIF'), (b'GIF89a', 'GIF'), (b'\0\0\0\x1cftypavif', 'AVIF'), (b'\0\0\0\x1cftypavis', 'AVIF'),
    (b'\0\0\0\x0cjP  \r\n\x87\n', 'JPEG 2000'), (b'\xff\x4f\xff\x51\0\x2f', 'JPEG 2000'),
    (b'\x93NUMPY\1\0', 'NumPy'), (b'PK\3\4\x14\0', 'NumPy'),
    # A list of cars, a sound, a photo in HEIC, a film, and what is cut off.
    (b'BMW 320i, BMW 520d, BMW', None), (b'RIFF\x24\0\0\0WAVEfmt ', None), (b'\0\0\0\x18ftypheic', None),
    (b'\0\0\0\x18ftypisom', None), (b'', None), (b'PNG', None), (b'\x89PNG\n', None), (b'RIFF', None), (b'BM', None)])
def test_a_format_is_known_by_its_first_bytes(content, name):
    assert formats.format_of(content) == name
    assert formats.format_of(content[:formats.HEADER]) == name


@pytest.mark.parametrize('ending', [ending for ending in formats.EXTENSIONS if ending not in formats.ARRAYS])
def test_what_pillow_writes_under_an_ending_is_of_a_format_that_is_read(ending):
    file = io.BytesIO()
    Image.fromarray(np.zeros([4, 4, 3], np.uint8)).save(file, Image.registered_extensions()[ending])
    assert formats.format_of(file.getvalue())


def test_all_formats_are_named_and_every_ending_once():
    assert formats.NAMES == 'PNG, JPEG, BMP, TIFF, WebP, GIF, AVIF, JPEG 2000 or NumPy'
    assert len(set(formats.EXTENSIONS)) == len(formats.EXTENSIONS)
    assert {'.png', '.jpg', '.jpeg', '.jfif', '.jpe', '.avif', '.gif', '.jp2'} <= set(formats.EXTENSIONS)


@pytest.mark.parametrize('size, good', [
    ((1, 1), True), ((8192, 16384), True), ((8192, 16385), False), ((0, 5), False), ((5, 0), False), ((-1, -1), False),
    ((np.uint32(65536), np.uint32(65536)), False),          # whose product is 0 in 32 bits
    ((4096, 8192, 24), True), ((4096, 8193, 24), False), ((2 ** 15, 2 ** 15, 3, 2 ** 36), True)])
def test_a_picture_has_a_pixel_or_more_and_at_most_so_many_bytes(size, good):
    size, rest = size[:2], size[2:]
    if good:
        return formats.check_size(size, *rest)
    with pytest.raises(ValueError, match='[0-9] x [0-9-]+ pixels($|.* bytes when decoded, and 805,306,368 is the l)'):
        formats.check_size(size, *rest)


@pytest.mark.parametrize('name, image', [
    ('a.png', True), ('a.jpg', True), ('a.jpeg', True), ('a.bmp', True), ('a.tif', True), ('a.tiff', True),
    ('a.webp', True), ('A.PNG', True), ('a.b.Tif', True), ('a.gif', True), ('a.jfif', True), ('a.JPE', True),
    ('a.avif', True), ('a.jp2', True), ('a.heic', False), ('a.npy', True), ('a.npz', True), ('a.mat', False),
    ('png', False), ('a.png.txt', False),
    ('.a.png', False), ('._a.jpeg', False)])
def test_an_image_is_known_by_its_extension_and_is_not_hidden(name, image):
    assert formats.is_image(name) is image

"""PNG files, read back by decoders that are not ours: whole or not there at all."""

import weakref

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest

from pix2pix.images import png

KINDS = [(dtype, channels) for dtype in (np.uint8, np.uint16) for channels in (1, 3)]


def noise(height, width, channels, dtype):
    return np.random.RandomState(0).randint(0, np.iinfo(dtype).max + 1, [height, width, channels]).astype(dtype)


def header(content):
    """(bits, colour type) of a PNG: 0 is gray, 2 is RGB."""
    assert content[:8] == b'\x89PNG\r\n\x1a\n' and content[12:16] == b'IHDR'
    return content[24], content[25]


@pytest.mark.parametrize('dtype, channels', KINDS)
def test_a_picture_comes_back_pixel_by_pixel_with_its_bits_and_channels(tmp_path, dtype, channels):
    picture, path = noise(5, 4, channels, dtype), tmp_path / 'new/folder/it.png'
    png.write(str(path), picture)
    content = path.read_bytes()
    assert header(content) == (8 * np.dtype(dtype).itemsize, {1: 0, 3: 2}[channels])
    np.testing.assert_array_equal(imagecodecs.png_decode(content).reshape(picture.shape), picture)
    assert [p.name for p in path.parent.iterdir()] == ['it.png']


def test_a_picture_of_two_axes_or_of_a_view_is_encoded_as_it_looks():
    picture = noise(6, 9, 3, np.uint8)
    for view in picture[..., 1], picture[::2, ::-1], np.swapaxes(picture, 0, 1):
        np.testing.assert_array_equal(iio.imread(png.encode(view), extension='.png'), view)


@pytest.mark.parametrize('dtype, channels', KINDS)
@pytest.mark.parametrize('height, width', [(100, 30), (1, 1)])
def test_bands_become_the_picture_that_they_are_together(tmp_path, dtype, channels, height, width):
    picture, path = noise(height, width, channels, dtype), tmp_path / 'new/it.png'
    png.write_bands(str(path), height, (picture[i:i + 32] for i in range(0, height, 32)))
    content = path.read_bytes()
    assert header(content) == (8 * np.dtype(dtype).itemsize, {1: 0, 3: 2}[channels])
    back = imagecodecs.png_decode(content)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back.reshape(picture.shape), picture)
    if (dtype, channels) != (np.uint16, 3):         # which Pillow cuts to 8 bits
        np.testing.assert_array_equal(iio.imread(path).reshape(picture.shape), picture)
    assert [p.name for p in path.parent.iterdir()] == ['it.png']


def test_no_more_than_two_bands_are_in_memory(tmp_path):
    alive = []

    def bands():
        for _ in range(6):
            band = noise(4, 5, 3, np.uint8)
            alive.append(weakref.ref(band))
            yield band
            del band
            assert sum(each() is not None for each in alive) <= 1
    png.write_bands(str(tmp_path / 'it.png'), 24, bands())
    assert len(alive) == 6


def test_where_the_bands_end_in_an_error_there_is_no_file_and_the_error_names_it(tmp_path):
    def bands():
        yield noise(10, 10, 3, np.uint8)
        raise OSError('input ended')
    (tmp_path / 'it.png').write_text('from before')
    with pytest.raises(OSError, match='it.png could not be written: input ended'):
        png.write_bands(str(tmp_path / 'it.png'), 20, bands())
    assert [p.name for p in tmp_path.iterdir()] == ['it.png'] and (tmp_path / 'it.png').read_text() == 'from before'


def test_where_nothing_can_be_written_the_error_names_the_file(tmp_path):
    (tmp_path / 'file').write_text('no folder')
    with pytest.raises(OSError, match='file/it.png could not be written'):
        png.write(str(tmp_path / 'file/it.png'), noise(2, 2, 3, np.uint8))

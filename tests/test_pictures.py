"""Whole pictures as they are meant to be seen."""

import pathlib

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from pix2pix.images.diagnose import ImageError
from pix2pix.images.pictures import as_array, read_pictures, read_samples


def corners(image):
    """The colours of the four corners, as letters."""
    names = {(255, 0, 0): 'r', (0, 255, 0): 'g', (0, 0, 255): 'b', (255, 255, 255): 'w'}
    return ''.join(names[tuple(int(v > 128) * 255 for v in image[y, x])] for y in (0, -1) for x in (0, -1))


@pytest.mark.parametrize('extension', ['jpg', 'png', 'tif', 'webp'])
def test_photos_come_out_upright_as_pillow_turns_them(tmp_path, extension):
    picture = np.zeros([16, 32, 3], np.uint8)
    picture[:8, :16, 0] = picture[:8, 16:, 1] = picture[8:, :16, 2] = 255
    picture[8:, 16:] = 255
    seen = set()
    for orientation in range(1, 9):
        path = str(tmp_path / f'{orientation}.{extension}')
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(picture).save(path, exif=exif, quality=95)
        with Image.open(path) as image:
            expected = np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
        [(found, upright, error)] = read_pictures([path])
        assert error is None and found == path and upright.shape == expected.shape and upright.dtype == np.uint8
        assert corners(upright) == corners(expected), orientation
        seen.add((upright.shape, corners(upright)))
    assert len(seen) == 8


def test_a_picture_has_the_bits_of_its_file_and_is_always_rgb(tmp_path):
    fine = np.random.RandomState(0).randint(0, 65536, [6, 7, 3]).astype(np.uint16)
    (tmp_path / 'fine.png').write_bytes(imagecodecs.png_encode(fine))
    tifffile.imwrite(tmp_path / 'fine.tif', fine, photometric='rgb')
    (tmp_path / 'gray.png').write_bytes(imagecodecs.png_encode(fine[..., 0].copy()))
    iio.imwrite(tmp_path / 'eight.png', (fine >> 8).astype(np.uint8))
    Image.fromarray(fine[..., 0] > 32767).save(tmp_path / 'one.png')
    expected = {'fine.png': fine, 'fine.tif': fine, 'gray.png': np.repeat(fine[..., :1], 3, axis=-1),
                'eight.png': (fine >> 8).astype(np.uint8),
                'one.png': np.repeat(np.uint8(255) * (fine[..., :1] > 32767), 3, axis=-1)}
    for (name, wanted), (_, picture, error) in zip(
            expected.items(), read_pictures([str(tmp_path / name) for name in expected]), strict=True):
        assert error is None and picture.dtype == wanted.dtype, name
        np.testing.assert_array_equal(picture, wanted, name)


def test_one_that_cannot_be_read_is_named_and_the_next_one_is_read(tmp_path):
    (tmp_path / 'bad.png').write_bytes(b'')
    iio.imwrite(tmp_path / 'good.png', np.full([3, 5, 3], 9, np.uint8))
    (_, nothing, error), (path, picture, none) = read_pictures([str(tmp_path / 'bad.png'), str(tmp_path / 'good.png')])
    assert nothing is None and isinstance(error, ImageError) and "bad.png': is empty" in str(error)
    assert path == str(tmp_path / 'good.png') and none is None and picture.tolist() == np.full([3, 5, 3], 9).tolist()


# One picture, of whatever kind.

COLOURS = np.random.RandomState(2).randint(0, 256, [5, 9, 3]).astype(np.uint8)
GRAY = COLOURS[..., 0]
FINE = np.random.RandomState(3).randint(0, 65536, [5, 9]).astype(np.uint16)


def of_palette(**more):
    """Colours by their number in a palette."""
    image = Image.fromarray(np.arange(45, dtype=np.uint8).reshape(5, 9))
    image.putpalette(COLOURS.tobytes())
    image.info.update(more)
    return image


@pytest.mark.parametrize('image, expected', [
    (Image.fromarray(COLOURS), COLOURS),
    (of_palette(), COLOURS),
    (of_palette(transparency=bytes(range(45))), COLOURS),
    (Image.fromarray(np.dstack([COLOURS, GRAY])), COLOURS),
    (Image.fromarray(GRAY), np.dstack([GRAY] * 3)),
    (Image.fromarray(np.dstack([GRAY, GRAY[::-1]])), np.dstack([GRAY] * 3)),
    (Image.fromarray(GRAY > 99), np.dstack([GRAY > 99] * 3) * np.uint8(255)),
    (Image.fromarray(FINE), np.dstack([FINE] * 3))], ids='colour palette cut-out alpha gray gray-alpha bits 16'.split())
@pytest.mark.filterwarnings('error')
def test_a_pil_image_gives_what_its_file_gives(tmp_path, image, expected):
    image.save(tmp_path / 'it.png', **image.info)
    with Image.open(tmp_path / 'it.png') as opened:
        for picture in image, opened, tmp_path / 'it.png', str(tmp_path / 'it.png'):
            array = as_array(picture)
            assert array.dtype == expected.dtype, picture
            np.testing.assert_array_equal(array, expected, str(picture))


@pytest.mark.parametrize('mode', ['RGB', 'L', 'P', 'I;16'])
def test_a_pil_image_comes_out_upright(tmp_path, mode):
    stored = Image.fromarray(FINE) if mode == 'I;16' else Image.fromarray(COLOURS).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6                                                # to be turned clockwise
    stored.save(tmp_path / 'turned.png', exif=exif)
    with Image.open(tmp_path / 'turned.png') as image:
        assert image.mode == mode
        expected = np.rot90(as_array(stored), -1)
        np.testing.assert_array_equal(as_array(image), expected)
        np.testing.assert_array_equal(as_array(tmp_path / 'turned.png'), expected)
        np.testing.assert_array_equal(as_array(ImageOps.exif_transpose(image)), expected)      # not twice


@pytest.mark.parametrize('mode', ['I', 'F'])
def test_a_pil_image_of_32_bits_is_refused(mode):
    with pytest.raises(ValueError, match=f'mode {mode}.: give one of 8 or 16 bits'):
        as_array(Image.new(mode, (3, 3)))


def test_an_array_stays_as_it_is():
    for array in COLOURS, FINE, np.zeros([2, 2], np.float32), np.zeros([3]):
        assert as_array(array) is array
    assert as_array([[1, 2]]).tolist() == [[1, 2]]


def test_a_path_that_gives_no_picture_is_named(tmp_path):
    (tmp_path / 'bad.png').write_bytes(b'')
    with pytest.raises(ImageError, match="bad.png': is empty"):
        as_array(tmp_path / 'bad.png')
    with pytest.raises(ImageError, match='none.png.: cannot be opened .no such file'):
        as_array(pathlib.Path('none.png'))


def test_samples_of_fewer_bits_are_as_they_are_stored_or_brought_to_the_range_of_their_type(tmp_path):
    """With a range of their own they must be as they are stored, which is as a training reads them."""
    path = str(tmp_path / 'twelve.tif')
    tifffile.imwrite(path, np.uint16([[[0, 7, 4095]]]), photometric='rgb', bitspersample=12)
    assert read_samples(path, as_stored=True).tolist() == [[[0, 7, 4095]]]
    assert read_samples(path, as_stored=False).tolist() == [[[0, 112, 65535]]]

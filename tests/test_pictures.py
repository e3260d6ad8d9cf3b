"""Whole pictures as they are meant to be seen."""

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from pix2pix.images.diagnose import ImageError
from pix2pix.images.pictures import read_pictures


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

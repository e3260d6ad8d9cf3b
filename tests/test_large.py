"""Pictures that libvips holds in a scratch file: the same pixels as those that are read whole."""

import shutil
import types

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.images import large
from pix2pix.images.arrays import to_channels
from pix2pix.images.diagnose import ImageError
from pix2pix.images.pictures import read_pictures


def noise(height, width, channels=3, dtype=np.uint8):
    return np.random.RandomState(0).randint(0, np.iinfo(dtype).max + 1, [height, width, channels]).astype(dtype)


def files_of_all_kinds(folder):
    """The paths of gray, colour and 16-bit pictures of 90 x 60 pixels in each format that can hold them."""
    small, gray, fine = noise(60, 90), noise(60, 90, 1)[..., 0], noise(60, 90, dtype=np.uint16)
    alpha = np.concatenate([small, gray[..., None]], axis=-1)
    for name, picture in ('rgb', small), ('gray', gray), ('alpha', alpha):
        Image.fromarray(picture).save(folder / f'{name}.png')
    for name, picture in ('rgb', small), ('gray', gray):
        Image.fromarray(picture).save(folder / f'{name}.jpg')
        Image.fromarray(picture).save(folder / f'{name}.tif')
    Image.fromarray(small).quantize(16).save(folder / 'palette.png')
    for orientation in range(1, 9):
        turned = Image.Exif()
        turned[0x0112] = orientation
        for ending in 'jpg', 'png', 'tif', 'webp':
            Image.fromarray(small).save(folder / f'turned{orientation}.{ending}', exif=turned)
    Image.fromarray(small).save(folder / 'progressive.jpg', progressive=True)
    Image.fromarray(small).save(folder / 'rgb.webp', lossless=True)
    (folder / 'fine.png').write_bytes(imagecodecs.png_encode(fine))
    (folder / 'finegray.png').write_bytes(imagecodecs.png_encode(fine[..., 0].copy()))
    tifffile.imwrite(folder / 'fine.tif', fine, photometric='rgb')
    tifffile.imwrite(folder / 'alpha.tif', alpha, photometric='rgb', extrasamples=['unassalpha'])
    tifffile.imwrite(folder / 'planes.tif', np.moveaxis(fine, -1, 0), photometric='rgb', planarconfig='separate')
    tifffile.imwrite(folder / 'bigtiff.tif', small, photometric='rgb', bigtiff=True,
                     extratags=[(274, 'H', 1, 6, True)])
    tifffile.imwrite(folder / 'mask.tif', gray > 127, photometric='miniswhite')
    tifffile.imwrite(folder / 'white.tif', fine[..., 0], photometric='miniswhite')
    for bits in 2, 4:
        tifffile.imwrite(folder / f'{bits}.tif', gray >> (8 - bits), photometric='minisblack', bitspersample=bits)
    colours = np.random.RandomState(1).randint(0, 256, [3, 256]).astype(np.uint16)
    for factor in 1, 256, 257:
        tifffile.imwrite(folder / f'palette{factor}.tif', gray, photometric='palette',
                         colormap=colours * np.uint16(factor))
    Image.fromarray(small).save(folder / 'jpeg.tif', compression='jpeg')
    return sorted(str(path) for path in folder.iterdir())


def test_both_ways_of_reading_agree(tmp_path):
    paths = files_of_all_kinds(tmp_path)
    assert len(paths) == 56
    for path, whole, error in read_pictures(paths):
        assert error is None and large.is_large(path, pixels=60 * 90 - 1), path
        picture = large.Picture(path, str(tmp_path))
        assert picture.dtype == whole.dtype and picture.shape[:2] == whole.shape[:2], path
        rows, columns = slice(10, 50), slice(5, 55)
        np.testing.assert_array_equal(to_channels(picture[rows, columns], 3), whole[rows, columns], path)


def test_only_a_picture_of_more_pixels_than_the_limit_is_large(tmp_path):
    Image.fromarray(noise(8, 9)).save(tmp_path / 'picture.png')
    path = str(tmp_path / 'picture.png')
    assert large.is_large(path, pixels=71) and not large.is_large(path, pixels=72)
    assert not large.is_large(path)


def test_a_picture_of_16_million_pixels_and_more_is_large_unasked(tmp_path):
    Image.new('1', (4096, 4096)).convert('L').save(tmp_path / 'at the limit.png')
    Image.new('1', (4096, 4097)).convert('L').save(tmp_path / 'over it.png')
    assert not large.is_large(str(tmp_path / 'at the limit.png'))
    assert large.is_large(str(tmp_path / 'over it.png'))


def test_what_libvips_reads_in_another_way_or_not_at_all_is_never_large(tmp_path):
    Image.fromarray(noise(8, 8)).save(tmp_path / 'picture.bmp')
    Image.fromarray(noise(8, 8)).save(tmp_path / 'picture.gif')
    Image.new('CMYK', (8, 8)).save(tmp_path / 'cmyk.jpg')
    tifffile.imwrite(tmp_path / 'float.tif', np.zeros([8, 8], np.float32))
    for name in 'picture.avif', 'picture.jp2':
        Image.fromarray(noise(8, 8)).save(tmp_path / name)
    Image.fromarray(noise(8, 8)).convert('YCbCr').save(tmp_path / 'ycbcr.tif')
    Image.fromarray(noise(8, 8)).convert('LAB').save(tmp_path / 'lab.tif')
    tifffile.imwrite(tmp_path / 'volume.tif', noise(16, 16, 5), photometric='minisblack', volumetric=True,
                     tile=(1, 16, 16))
    tifffile.imwrite(tmp_path / 'multiplied.tif', noise(8, 8, 4), photometric='rgb', extrasamples=['assocalpha'])
    tifffile.imwrite(tmp_path / 'planes.tif', noise(2, 8, 8), photometric='minisblack', planarconfig='separate')
    tifffile.imwrite(tmp_path / 'bands.tif', noise(8, 8, 5), photometric='rgb')
    for bits in 3, 12:
        tifffile.imwrite(tmp_path / f'{bits}.tif', noise(8, 8, dtype=np.uint16 if bits > 8 else np.uint8) % 2 ** bits,
                         photometric='rgb', bitspersample=bits)
    (tmp_path / 'broken.png').write_bytes(b'no picture')
    (tmp_path / 'drawing.png').write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    (tmp_path / 'folder.png').mkdir()
    Image.fromarray(noise(8, 8)).save(tmp_path / 'picture.png')
    assert [path.name for path in tmp_path.iterdir() if large.is_large(str(path), pixels=1)] == ['picture.png']


def test_a_file_that_has_changed_since_is_read_anew(tmp_path):
    path = str(tmp_path / 'picture.png')
    for value in 1, 2:
        Image.fromarray(np.full([8, 8, 3], value, np.uint8)).save(path)
        assert (large.Picture(path, str(tmp_path))[:, :] == value).all()


def test_the_scratch_file_has_no_name_in_the_folder(tmp_path):
    Image.fromarray(noise(8, 8)).save(tmp_path / 'picture.png')
    (tmp_path / 'scratch').mkdir()
    picture = large.Picture(str(tmp_path / 'picture.png'), str(tmp_path / 'scratch'))
    assert picture.shape == (8, 8, 3) and not list((tmp_path / 'scratch').iterdir())
    np.testing.assert_array_equal(picture[2:4, 1:], noise(8, 8)[2:4, 1:])


def test_a_picture_that_is_cut_off_is_named_in_one_line(tmp_path):
    whole = imagecodecs.png_encode(noise(300, 300))
    (tmp_path / 'cut.png').write_bytes(whole[:len(whole) // 2])
    with pytest.raises(ImageError) as raised:
        large.Picture(str(tmp_path / 'cut.png'), str(tmp_path))
    assert f'{tmp_path}/cut.png: does not decode into a file in {tmp_path}: ' in str(raised.value)
    assert '\n' not in str(raised.value)


def test_a_picture_that_the_disk_has_no_room_for_is_named_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, 'disk_usage', lambda folder: types.SimpleNamespace(free=5 * 2 ** 20))
    Image.new('RGB', (3000, 2000)).save(tmp_path / 'picture.png')       # 18,000,000 bytes are 17.2 MiB
    with pytest.raises(ImageError, match='picture.png: 3,000 x 2,000 pixels need 17 MiB of scratch space in .*, '
                                         'which has 5; name another folder'):
        large.Picture(str(tmp_path / 'picture.png'), str(tmp_path))
    Image.new('RGB', (1000, 1000)).save(tmp_path / 'picture.png')
    assert large.Picture(str(tmp_path / 'picture.png'), str(tmp_path)).shape == (1000, 1000, 3)

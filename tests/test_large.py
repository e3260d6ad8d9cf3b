import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

import reader
from pix2pix.images import arrays as images
from pix2pix.images import decode, large
from tests.test_inference import noise


def files_of_all_kinds(folder):
    """Name -> path of a gray, a colour and a 16-bit picture in each format that can hold it."""
    small, gray, fine = noise(60, 90), noise(60, 90, 1)[..., 0], noise(60, 90, dtype=np.uint16) + np.uint16(77)
    alpha = np.concatenate([small, gray[..., None]], axis=-1)
    for name, picture in ('rgb', small), ('gray', gray), ('alpha', alpha):
        Image.fromarray(picture).save(folder / f'{name}.png')
    for name, picture in ('rgb', small), ('gray', gray):
        Image.fromarray(picture).save(folder / f'{name}.jpg')
        Image.fromarray(picture).save(folder / f'{name}.tif')
    Image.fromarray(small).quantize(16).save(folder / 'palette.png')
    for orientation in range(1, 9):
        turned = Image.Exif()
        turned[decode.ORIENTATION] = orientation
        for ending in 'jpg', 'png', 'tif', 'webp':
            Image.fromarray(small).save(folder / f'turned{orientation}.{ending}', exif=turned)
    Image.fromarray(small).save(folder / 'progressive.jpg', progressive=True)
    Image.fromarray(small).save(folder / 'rgb.webp', lossless=True)
    (folder / 'fine.png').write_bytes(imagecodecs.png_encode(fine))
    (folder / 'finegray.png').write_bytes(imagecodecs.png_encode(fine[..., 0].copy()))
    tifffile.imwrite(folder / 'fine.tif', fine, photometric='rgb')
    return sorted(str(path) for path in folder.iterdir())


def test_both_ways_of_reading_agree(tmp_path, monkeypatch):
    monkeypatch.setattr(large, 'LARGE', 60 * 90 - 1)
    paths = files_of_all_kinds(tmp_path)
    assert len(paths) == 45
    for path, whole, error in reader.pictures(paths):
        assert error is None and large.is_large(path), path
        picture = large.Picture(path, str(tmp_path))
        assert picture.dtype == whole.dtype and picture.shape[:2] == whole.shape[:2], path
        rows, columns = slice(10, 50), slice(5, 55)
        np.testing.assert_array_equal(images.to_channels(picture[rows, columns], 3), whole[rows, columns], path)


def test_what_is_not_for_libvips_is_left_to_the_reader(tmp_path, monkeypatch):
    monkeypatch.setattr(large, 'LARGE', 1)
    Image.fromarray(noise(8, 8)).save(tmp_path / 'picture.bmp')
    Image.fromarray(noise(8, 8)).save(tmp_path / 'picture.gif')
    Image.new('CMYK', (8, 8)).save(tmp_path / 'cmyk.jpg')
    tifffile.imwrite(tmp_path / 'float.tif', np.zeros([8, 8], np.float32))
    (tmp_path / 'broken.png').write_bytes(b'no picture')
    (tmp_path / 'drawing.png').write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    (tmp_path / 'folder.png').mkdir()
    assert not any(large.is_large(str(path)) for path in tmp_path.iterdir())
    Image.fromarray(noise(8, 8)).save(tmp_path / 'small.png')
    assert large.is_large(str(tmp_path / 'small.png'))
    monkeypatch.setattr(large, 'LARGE', 64)
    assert not large.is_large(str(tmp_path / 'small.png'))


def test_bands_become_one_png(tmp_path):
    for dtype in np.uint8, np.uint16:
        for channels in 1, 3:
            picture = noise(100, 30, channels, dtype)
            path = tmp_path / 'new/it.png'
            large.write_png(str(path), 100, (picture[i:i + 32] for i in range(0, 100, 32)))
            back = imagecodecs.png_decode(path.read_bytes())
            assert back.dtype == dtype
            np.testing.assert_array_equal(back.reshape(picture.shape), picture)
    assert [p.name for p in path.parent.iterdir()] == ['it.png']


def test_errors_are_one_line_and_leave_nothing(tmp_path, monkeypatch):
    whole = imagecodecs.png_encode(np.random.RandomState(0).randint(0, 256, [300, 300, 3]).astype(np.uint8))
    (tmp_path / 'cut.png').write_bytes(whole[:len(whole) // 2])
    with pytest.raises(OSError, match=r'cut\.png: does not decode into a file in [^\n]+$'):
        large.Picture(str(tmp_path / 'cut.png'), str(tmp_path))

    def bands():
        yield noise(10, 10)
        raise OSError('input ended')
    (tmp_path / 'out').mkdir()
    with pytest.raises(OSError, match='it.png could not be written: input ended'):
        large.write_png(str(tmp_path / 'out/it.png'), 10, bands())
    assert not list((tmp_path / 'out').iterdir())
    monkeypatch.setattr(large.shutil, 'disk_usage', lambda folder: large.shutil._ntuple_diskusage(1, 1, 1000))
    (tmp_path / 'whole.png').write_bytes(whole)
    with pytest.raises(OSError, match='whole.png: 300 x 300 pixels need 0 MiB of .*; give another --output'):
        large.Picture(str(tmp_path / 'whole.png'), str(tmp_path))

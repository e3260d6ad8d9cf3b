"""What cannot be read is named, in one line, with its reason."""

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

import reader
from pix2pix.errors import UserError
from pix2pix.images import decode, diagnose
from pix2pix.images.form import PairFormat
from pix2pix.images.pairs import first_unreadable
from pix2pix.sizes import Size

RGB = np.random.RandomState(0).randint(0, 256, [6, 8, 3]).astype(np.uint8)
FORM = PairFormat(direction='AtoB', crop_size=Size(256, 256), source_channels=3, target_channels=3)


def encoded(image, extension):
    return iio.imwrite('<bytes>', image, extension=extension)


def png_that_says_it_is(width, height):
    content = bytearray(encoded(RGB, '.png'))
    content[16:24] = width.to_bytes(4, 'big') + height.to_bytes(4, 'big')
    return bytes(content)


def tiff_of(folder, image, **how):
    tifffile.imwrite(folder / 'tiff', image, **how)
    return (folder / 'tiff').read_bytes()


def turned(path, image, orientation):
    """A JPEG that says how it is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(image).save(path, 'JPEG', exif=exif)
    return path.read_bytes()


HOSTILE = {     # name: (content, or what makes it of a folder; what the error says)
    'empty.png': (b'', 'is empty'),
    'text.png': (b'hello, world', 'is not a PNG, JPEG, BMP, TIFF, WebP, GIF, AVIF, JPEG 2000 or NumPy image'),
    'photo.png': (b'\0\0\0\x18ftypheic', 'is not a PNG, JPEG, BMP, TIFF, WebP, GIF, AVIF, JPEG 2000 or NumPy image'),
    'header.png': (encoded(RGB, '.png')[:12], 'does not decode as PNG (its header is cut off)'),
    'half.png': (encoded(RGB, '.png')[:100], 'does not decode as PNG'),
    'half.jpg': (encoded(RGB, '.jpg')[:300], 'does not decode as JPEG'),
    'half.bmp': (encoded(RGB, '.bmp')[:40], 'does not decode as BMP'),
    'half.tif': (encoded(RGB, '.tif')[:40], 'does not decode as TIFF'),
    'half.webp': (encoded(RGB, '.webp')[:40], 'does not decode as WebP'),
    'half.gif': (encoded(RGB, '.gif')[:100], 'does not decode as GIF'),
    'head.gif': (encoded(RGB, '.gif')[:8], 'does not decode as GIF'),
    'half.avif': (iio.imwrite('<bytes>', RGB, extension='.avif', plugin='pillow')[:300], 'does not decode as AVIF'),
    'head.avif': (iio.imwrite('<bytes>', RGB, extension='.avif', plugin='pillow')[:40],
                  'does not decode as AVIF (its header is damaged)'),
    'half.jp2': (imagecodecs.jpeg2k_encode(RGB)[:-50], 'does not decode as JPEG 2000'),
    'head.jp2': (imagecodecs.jpeg2k_encode(RGB)[:60], 'does not decode as JPEG 2000 (its header is damaged)'),
    'odd width.png': (encoded(RGB[:, :7], '.png'), '7 x 6 pixels; an odd width has no equal halves'),
    'one pixel.png': (encoded(RGB[:1, :1], '.png'), '1 x 1 pixels; an odd width has no equal halves'),
    'bomb\nñ.png': (png_that_says_it_is(60000, 60000), 'does not decode as PNG (too large: 60000 x 60000 pixels, 2'),
    'nothing.png': (png_that_says_it_is(0, 0), 'does not decode as PNG'),
    'nan.tif': (lambda folder: tiff_of(folder, np.full([4, 4], np.nan, 'f')), 'NaN or infinity'),
    'infinite.tif': (lambda folder: tiff_of(folder, np.full([4, 4], np.inf, 'f')), 'NaN or infinity'),
    'integers.tif': (lambda folder: tiff_of(folder, np.zeros([4, 4], np.int32)), 'int32 values; 8 or 16 bits'),
    'bands.tif': (lambda folder: tiff_of(folder, np.zeros([4, 4, 5], np.uint8), planarconfig='contig'),
                  'does not decode as TIFF (5 bands; 1 or 3, with or without alpha, can be read)'),
    'lab.tif': (lambda folder: tiff_of(folder, RGB, photometric='cielab'),
                'does not decode as TIFF (CIELAB is not read: convert it to RGB)'),
    'turned.jpg': (lambda folder: turned(folder / 'turned', RGB[:5], 6), '5 x 8 pixels; an odd width')}


@pytest.mark.parametrize('name', HOSTILE)
def test_a_hostile_file_is_named_with_its_reason_in_one_line(tmp_path, name):
    content, message = HOSTILE[name]
    path = tmp_path / name
    path.write_bytes(content(tmp_path) if callable(content) else content)
    with pytest.raises(tf.errors.OpError), tf.compat.v1.Session() as sess:      # training fails of it
        sess.run(reader.validation_pair(str(path), FORM))
    error = first_unreadable([str(path)], FORM)
    assert isinstance(error, diagnose.ImageError) and isinstance(error, UserError)
    assert message in str(error) and str(error).startswith(repr(str(path)) + ': ') and '\n' not in str(error)
    assert 'node' not in str(error) and 'Traceback' not in str(error)


def test_a_file_that_does_not_open_is_named(tmp_path):
    (tmp_path / 'folder.png').mkdir()
    assert f"'{tmp_path}/folder.png': cannot be opened (" in str(
        first_unreadable([f'{tmp_path}/folder.png'], FORM))
    assert str(first_unreadable([f'{tmp_path}/gone.png'], FORM)) == \
        f"'{tmp_path}/gone.png': cannot be opened (no such file)"


def test_of_many_files_the_first_that_cannot_be_read_is_found(tmp_path):
    iio.imwrite(tmp_path / 'good.png', RGB)
    (tmp_path / 'bad.png').write_text('no')
    good, bad, gone = (str(tmp_path / name) for name in ('good.png', 'bad.png', 'gone.png'))
    assert first_unreadable([good] * 3, FORM) is None and first_unreadable([], FORM) is None
    assert 'bad.png' in str(first_unreadable([good, bad, gone], FORM))


def test_files_are_read_one_by_one_and_an_error_does_not_end_it(tmp_path):
    iio.imwrite(tmp_path / 'good.png', RGB)
    iio.imwrite(tmp_path / 'odd.png', RGB[:, :7])
    (tmp_path / 'bad.png').write_text('no')
    paths = [str(tmp_path / name) for name in ('good.png', 'bad.png', 'odd.png', 'good.png')]
    found = list(diagnose.try_read(paths))
    assert [path for path, _, _ in found] == paths
    assert [error is None for _, _, error in found] == [True, False, False, True]
    for i in 0, 3:
        np.testing.assert_array_equal(found[i][1], RGB)
    assert found[1][1] is None and found[2][1] is None


def test_the_width_is_that_of_the_upright_picture(tmp_path):
    """7 x 6 pixels are stored, and 6 x 7 are seen: a pair."""
    turned(tmp_path / 'a.jpg', RGB[:, :7], 8)
    [(_, pixels, error)] = diagnose.try_read([str(tmp_path / 'a.jpg')])
    assert error is None and pixels.shape == (7, 6, 3)


def test_an_odd_width_is_an_error_of_pairs_alone(tmp_path):
    iio.imwrite(tmp_path / 'odd.png', RGB[:, :7])
    [(_, pixels, error)] = diagnose.try_read([str(tmp_path / 'odd.png')], decode.rgb_uint16, pairs=False)
    assert error is None and pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, RGB[:, :7].astype(np.uint16) * 257)

"""Two folders of like-named images become pairs of the pixels that training would have read from each."""

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

from datasets.combine import combine, join, main, parse
from pix2pix.errors import UserError

RGB = np.random.RandomState(0).randint(0, 256, [4, 6, 3]).astype(np.uint8)
FINE = np.random.RandomState(1).randint(0, 65536, [4, 6, 3]).astype(np.uint16)


@pytest.fixture
def folders(tmp_path):
    """A and B, which are there, and OUT, which is not."""
    for name in 'A', 'B':
        (tmp_path / name).mkdir()
    return tmp_path / 'A', tmp_path / 'B', tmp_path / 'OUT'


def flat(path, value, size=(4, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    iio.imwrite(path, np.full([*size, 3], value, np.uint8))


def the_pair(a, b, out, name='x.png'):
    """The one pair that is written, as stored, and its two halves."""
    assert combine(str(a), str(b), str(out)) == (1, [])
    content = (out / name).read_bytes()
    assert content[12:16] == b'IHDR'
    pair = imagecodecs.png_decode(content)
    return pair, *np.split(pair, 2, axis=1)


# What is joined.

def test_pairs_are_of_the_same_name_in_the_same_sub_folder_and_the_rest_is_reported(folders, capsys):
    a, b, out = folders
    flat(a / 'train/one.png', 10)
    flat(b / 'train/one.bmp', 200)
    flat(a / 'two.png', 1)
    flat(b / 'three.png', 2)
    flat(a / 'four.png', 1)
    flat(b / 'four.png', 2, size=(4, 8))
    (a / 'five.png').write_text('not an image')
    flat(b / 'five.png', 2)
    flat(a / 'six.png', 60)
    flat(b / 'six.png', 61)
    flat(b / 'six.tif', 62)
    (a / '._one.png').write_text('what macOS leaves')
    (a / 'notes.txt').write_text('no image')
    (b / 'train/photo.heic').write_text('of a phone')
    written, problems = combine(str(a), str(b), str(out))
    assert capsys.readouterr().out == '2 files passed over (.heic .txt)\n'
    assert sorted(str(path.relative_to(out)) for path in out.rglob('*.*')) == ['six.png', 'train/one.png']
    assert written == 2
    for name, left, right in ('train/one.png', 10, 200), ('six.png', 60, 61):
        pair = iio.imread(out / name)
        assert (pair[:, :6] == left).all() and (pair[:, 6:] == right).all() and pair.shape[:2] == (4, 12)
    assert sorted(problems) == sorted([
        f"'{a}/five.png': is not a PNG, JPEG, BMP, TIFF, WebP, GIF, AVIF or JPEG 2000 image",
        f'{a}/four.png and {b}/four.png: 6 x 4 beside 8 x 4 pixels',
        f'{a}/two.png: nothing of that name in {b}',
        f'{b}/six.tif: left out, there is also six.png',
        f'{b}/three.png: nothing of that name in {a}'])


def test_nothing_is_overwritten_unasked_and_the_rest_is_written(folders):
    a, b, out = folders
    for side, value in (a, 1), (b, 2):
        flat(side / 'x.png', value)
    assert combine(str(a), str(b), str(out)) == (1, [])
    flat(a / 'x.png', 9)
    for name, value in ('w', 20), ('y', 30):        # before and behind it
        flat(a / f'{name}.png', value)
        flat(b / f'{name}.png', value + 1)
    written, [problem] = combine(str(a), str(b), str(out))
    assert written == 2 and problem == f'{out}/x.png: is there already; --overwrite replaces it'
    assert [sorted(set(iio.imread(out / f'{name}.png').ravel().tolist())) for name in 'wxy'] == [
        [20, 21], [1, 2], [30, 31]]
    assert combine(str(a), str(b), str(out), overwrite=True) == (3, [])
    assert iio.imread(out / 'x.png').max() == 9


def test_writing_nothing_is_an_error(folders, capsys):
    a, b, out = folders
    flat(a / 'x.png', 1)
    flat(b / 'y.png', 1)
    with pytest.raises(UserError, match='no pair was written'):
        main(parse([str(a), str(b), str(out)]))
    assert f'{a}/x.png: nothing of that name in {b}' in capsys.readouterr().out
    with pytest.raises(UserError, match='nowhere: no such folder'):
        main(parse([str(a), f'{a}/nowhere', str(out)]))
    assert not out.exists()


def test_the_command_says_what_it_wrote(folders, capsys):
    a, b, out = folders
    flat(a / 'x.png', 1)
    flat(b / 'x.png', 2)
    main(parse([str(a), str(b), str(out)]))
    assert capsys.readouterr().out.splitlines()[-1] == f'1 pairs written to {out}, 0 problems'
    flat(a / 'x.png', 3)
    main(parse([str(a), str(b), str(out), '--overwrite']))
    assert iio.imread(out / 'x.png').max() == 3


# Which pixels: those that training, test.py and check read.

def test_a_cmyk_jpeg_keeps_its_colours(folders):
    y, x = np.mgrid[:64, :64] / 64
    photo = np.uint8(127.5 + 127 * np.stack([np.sin(3 * x), np.cos(2 * y), np.sin(4 * x * y)], axis=-1))
    Image.fromarray(photo).convert('CMYK').save(folders[0] / 'x.jpg', quality=95)
    Image.fromarray(photo).save(folders[1] / 'x.png')
    _, left, right = the_pair(*folders)
    np.testing.assert_array_equal(right, photo)
    assert np.abs(left.astype(int) - photo).mean() < 2


@pytest.mark.parametrize('extension', ['jpg', 'png', 'tif', 'webp'])
def test_a_photo_that_was_taken_upright_stands_upright_beside_its_label_map(folders, extension):
    """A phone stores its rows from right to left and says so: EXIF orientation 6."""
    labels = np.zeros([48, 32, 3], np.uint8)        # upright: red above, green below
    labels[:24, :, 0] = labels[24:, :, 1] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(labels).transpose(Image.Transpose.ROTATE_90).save(folders[0] / f'x.{extension}', exif=exif)
    Image.fromarray(labels).save(folders[1] / 'x.png')
    pair, left, right = the_pair(*folders)
    assert pair.shape == (48, 64, 3)
    np.testing.assert_array_equal(left > 127, labels > 127)
    np.testing.assert_array_equal(right, labels)


@pytest.mark.parametrize('extension', ['png', 'tif'])
def test_16_bits_stay_16_bits(folders, extension):
    if extension == 'png':
        (folders[0] / 'x.png').write_bytes(imagecodecs.png_encode(FINE))
    else:
        tifffile.imwrite(folders[0] / 'x.tif', FINE, photometric='rgb')
    (folders[1] / 'x.png').write_bytes(imagecodecs.png_encode(FINE[::-1].copy()))
    pair, left, right = the_pair(*folders)
    assert pair.dtype == np.uint16
    np.testing.assert_array_equal(left, FINE)
    np.testing.assert_array_equal(right, FINE[::-1])


def test_a_float_tiff_is_read_as_from_0_to_1(folders):
    tifffile.imwrite(folders[0] / 'x.tif', np.float32([[0, 0.25], [0.5, 1]]))
    Image.new('L', (2, 2), 0).save(folders[1] / 'x.png')
    pair, left, _ = the_pair(*folders)
    assert pair.dtype == np.uint16 and left.tolist() == [[0, 16384], [32768, 65535]]        # 65535 v, to the nearest


def test_of_a_tiff_with_three_pages_the_first_is_taken(folders):
    tifffile.imwrite(folders[0] / 'x.tif', np.stack([RGB, 255 - RGB, RGB // 2]), photometric='rgb')
    iio.imwrite(folders[1] / 'x.png', RGB)
    pair, left, right = the_pair(*folders)
    assert pair.shape == (4, 12, 3)
    np.testing.assert_array_equal(left, RGB)
    np.testing.assert_array_equal(right, RGB)


def test_one_bit_beside_eight_is_black_and_white(folders):
    mask = RGB[..., 0] > 127
    Image.fromarray(mask).save(folders[0] / 'x.png')
    assert Image.open(folders[0] / 'x.png').mode == '1'
    iio.imwrite(folders[1] / 'x.png', RGB)
    pair, left, right = the_pair(*folders)
    assert pair.dtype == np.uint8
    np.testing.assert_array_equal(left, np.where(mask[..., None], 255, 0) + [0, 0, 0])
    np.testing.assert_array_equal(right, RGB)


@pytest.mark.parametrize('fine_side', [0, 1])
def test_eight_bits_beside_sixteen_become_sixteen(folders, fine_side):
    (folders[fine_side] / 'x.png').write_bytes(imagecodecs.png_encode(FINE))
    iio.imwrite(folders[1 - fine_side] / 'x.png', RGB)
    pair, *halves = the_pair(*folders)
    assert pair.dtype == np.uint16
    np.testing.assert_array_equal(halves[fine_side], FINE)
    np.testing.assert_array_equal(halves[1 - fine_side], RGB.astype(int) * 257)     # 255 is 65535


def test_gray_beside_gray_stays_gray_and_beside_colour_becomes_colour(folders):
    a, b, out = folders
    gray = RGB[..., 0]
    iio.imwrite(a / 'x.png', gray)
    iio.imwrite(b / 'x.png', gray[::-1])
    pair, left, right = the_pair(*folders)
    assert pair.shape == (4, 12) and pair.dtype == np.uint8 and (out / 'x.png').read_bytes()[25] == 0     # colour type
    np.testing.assert_array_equal(left, gray)
    np.testing.assert_array_equal(right, gray[::-1])
    (out / 'x.png').unlink()
    iio.imwrite(b / 'x.png', RGB)
    _, left, right = the_pair(*folders)
    np.testing.assert_array_equal(left, np.repeat(gray[..., None], 3, axis=-1))
    np.testing.assert_array_equal(right, RGB)


def test_alpha_is_dropped_and_a_palette_is_applied(folders):
    Image.fromarray(np.dstack([RGB, RGB[..., 0]])).save(folders[0] / 'x.png')
    labels = Image.fromarray(RGB).quantize(4)
    labels.save(folders[1] / 'x.png')
    _, left, right = the_pair(*folders)
    np.testing.assert_array_equal(left, RGB)
    np.testing.assert_array_equal(right, np.array(labels.convert('RGB')))


def test_halves_of_different_sizes_are_not_joined():
    with pytest.raises(ValueError, match='6 x 4 beside 4 x 6 pixels'):
        join(RGB, np.swapaxes(RGB, 0, 1))

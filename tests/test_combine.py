"""Two folders of images become pairs of the pixels that training would have read from each."""

import itertools
import os
import subprocess
import sys

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

from datasets.catalogue import CATALOGUE
from datasets.combine import combine, join, main, parse
from pix2pix.errors import UserError
from tests.scripts import ROOT

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
    assert capsys.readouterr().out.splitlines()[0] == '2 files passed over (.heic .txt)'
    assert sorted(str(path.relative_to(out)) for path in out.rglob('*.*')) == ['six.png', 'train/one.png']
    assert written == 2
    for name, left, right in ('train/one.png', 10, 200), ('six.png', 60, 61):
        pair = iio.imread(out / name)
        assert (pair[:, :6] == left).all() and (pair[:, 6:] == right).all() and pair.shape[:2] == (4, 12)
    assert sorted(problems) == sorted([
        f"'{a}/five.png': is not a PNG, JPEG, BMP, TIFF, WebP, GIF, AVIF, JPEG 2000 or NumPy image",
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


def test_names_that_do_not_say_what_goes_together_are_refused_in_one_line(folders, capsys):
    a, b, out = folders
    flat(a / 'x.png', 1)
    flat(b / 'y.png', 1)
    with pytest.raises(UserError, match=r'no rule matches the names of A \(x.png\) with those of B \(y.png\)'):
        main(parse([str(a), str(b), str(out)]))
    with pytest.raises(UserError, match='nowhere: no such folder'):
        main(parse([str(a), f'{a}/nowhere', str(out)]))
    assert capsys.readouterr().out == '' and not out.exists()


def test_the_command_says_by_what_it_matched_and_what_it_wrote_and_its_status_is_0(folders, capsys):
    a, b, out = folders
    flat(a / 'x.png', 1)
    flat(b / 'x.png', 2)
    assert main(parse([str(a), str(b), str(out)])) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == f'{a} and {b} are matched by equal names'
    assert last == f'1 pair written to {out}, 0 problems'
    flat(a / 'x.png', 3)
    assert main(parse([str(a), str(b), str(out), '--overwrite'])) == 0
    assert iio.imread(out / 'x.png').max() == 3


def test_a_problem_is_counted_and_the_status_is_1_whatever_was_written(folders, capsys):
    a, b, out = folders
    for name in 'x.png', 'y.png', 'z.png':
        flat(a / name, 1)
    for name in 'x.png', 'y.png':
        flat(b / name, 2)
    assert main(parse([str(a), str(b), str(out)])) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        f'{a}/z.png: nothing of that name in {b}', f'2 pairs written to {out}, 1 problem']
    assert main(parse([str(a), str(b), str(out)])) == 1
    assert capsys.readouterr().out.splitlines()[-1] == f'0 pairs written to {out}, 3 problems'


# What the names say: tests/test_match.py has more of it.

def test_names_with_a_part_of_each_side_become_a_pair_without_it(folders, capsys):
    a, b, out = folders
    for name, value in ('1', 10), ('2', 20):
        flat(a / f'train/photo {name}_A.jpg', value)
        flat(b / f'train/photo {name}_B.png', value + 100)
    assert combine(str(a), str(b), str(out)) == (2, [])
    assert f'{a} and {b} are matched by *_A in A with *_B in B, where * is equal\n' in capsys.readouterr().out
    assert sorted(str(path.relative_to(out)) for path in out.rglob('*.*')) == ['train/photo 1.png', 'train/photo 2.png']
    pair = iio.imread(out / 'train/photo 2.png')
    assert abs(int(pair[0, 0]) - 20) < 4 and pair[0, -1] == 120       # gray; the left one was a JPEG


def test_patterns_pick_images_of_one_folder_and_the_rest_is_counted(folders, capsys):
    a, _, out = folders
    for name, value in ('1_photo', 1), ('1_label', 2), ('1_depth', 3), ('2_photo', 4):
        flat(a / f'{name}.png', value)
    with pytest.raises(UserError, match=f'{a} is both A and B: say which images are which, such as --a'):
        main(parse([str(a), str(a), str(out)]))
    assert main(parse([str(a), str(a), str(out), '--a', '*_photo.png', '--b', '*_label.png'])) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f'{a} and {a} are matched by *_photo.png in A with *_label.png in B, where * is equal; '
                     f'2 images of {a} left out; 3 images of {a} left out',
                     f'{a}/2_photo.png: nothing of that name in {a}', f'1 pair written to {out}, 1 problem']
    assert sorted(set(iio.imread(out / '1.png').ravel().tolist())) == [1, 2]


@pytest.mark.parametrize('text', ['photo.png', '*_*.png', ''])
def test_a_pattern_has_one_star(text, capsys):
    with pytest.raises(SystemExit) as raised:
        parse(['A', 'B', 'OUT', '--a', text])
    assert raised.value.code == 2
    assert f'argument --a: {text!r} does not have one *, in quotes, for what' in capsys.readouterr().err


def test_pairs_do_not_become_images_of_a_side(folders):
    """Neither when the command runs again, nor in the place of what they are made of."""
    a, b, _ = folders
    for side in a, b:
        flat(side / 'x.png', 1)
    assert combine(str(a), str(b), str(a / 'OUT')) == (1, [])
    assert combine(str(a), str(b), str(a / 'OUT'), overwrite=True) == (1, [])
    for side in a, b:
        with pytest.raises(UserError, match=f'{side} is both the folder of the pairs and one of a side'):
            combine(str(a), str(b), str(side), overwrite=True)
        assert iio.imread(side / 'x.png').shape == (4, 6, 3)


@pytest.mark.faults
def test_cityscapes_as_it_is_handed_out_becomes_pairs_by_the_command_of_the_catalogue(tmp_path):
    """A miniature: photos in leftImg8bit/, and in gtFine/ three images and a polygon for each, all by city."""
    cities = [('train', 'aachen'), ('train', 'bochum'), ('val', 'frankfurt'), ('test', 'berlin')]
    for (split, city), frame in itertools.product(cities, (1, 2)):
        stem = f'{city}_000000_{frame:06d}'
        flat(tmp_path / f'leftImg8bit/{split}/{city}/{stem}_leftImg8bit.png', 10 + frame)
        for kind, value in ('color', 100 + frame), ('instanceIds', 0), ('labelIds', 1):
            flat(tmp_path / f'gtFine/{split}/{city}/{stem}_gtFine_{kind}.png', value)
        (tmp_path / f'gtFine/{split}/{city}/{stem}_gtFine_polygons.json').write_text('{}')
    # Without patterns, three images could be the label map of a photo.
    with pytest.raises(UserError) as refused:
        combine(f'{tmp_path}/leftImg8bit', f'{tmp_path}/gtFine', f'{tmp_path}/OUT')
    for kind in 'color', 'instanceIds', 'labelIds':
        assert f'test/berlin/berlin_000000_000001_gtFine_{kind}.png' in str(refused.value)
    assert '--b' in str(refused.value) and not (tmp_path / 'OUT').exists()

    command = CATALOGUE['cityscapes'].elsewhere.partition('then run: ')[2]
    with open(f'{ROOT}/docs/data.md') as file:
        assert f'\n    {command}\n' in file.read()
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ['PATH']     # `python` is the one that tests
    process = subprocess.run(['bash', '-ec', command], cwd=tmp_path, capture_output=True, text=True, timeout=300,
                             env={**os.environ, 'PYTHONPATH': ROOT, 'PATH': path})
    assert process.returncode == 0, process.stdout + process.stderr
    assert '4 pairs written to datasets/cityscapes/train, 0 problems' in process.stdout
    folder = tmp_path / 'datasets/cityscapes'
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob('*.*')) == [
        *(f'train/{city}/{city}_000000_00000{frame}.png' for city in ('aachen', 'bochum') for frame in (1, 2)),
        *(f'val/frankfurt/frankfurt_000000_00000{frame}.png' for frame in (1, 2))]
    pair = iio.imread(folder / 'train/bochum/bochum_000000_000002.png')
    assert pair.shape[:2] == (4, 12) and (pair[:, :6] == 12).all() and (pair[:, 6:] == 102).all()


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


def test_a_folder_without_a_name_is_refused(folders):
    a, b, _ = folders
    with pytest.raises(UserError, match='^OUT has no name'):
        combine(str(a), str(b), '')

"""The doctor sees what would end a training, and what would spoil it."""

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

from datasets import check
from datasets.demo import pair
from datasets.facts import Facts, of_size, options
from pix2pix.errors import UserError
from pix2pix.sizes import Size
from tests.conftest import draw_pairs


def lines_of(folder, *args):
    lines = []
    faults = check.check(str(folder), *args, say=lines.append)
    return faults, '\n'.join(map(str, lines))


def test_a_sound_folder_has_no_fault(tmp_path, capsys):
    draw_pairs(tmp_path / 'pairs', train=3, val=2)
    faults, text = lines_of(tmp_path / 'pairs')
    assert faults == 0 and '/train: 3 files, 0 unreadable; 3 of 512 x 256 colour' in text
    assert '/val: 2 files, 0 unreadable' in text
    assert check.main(check.parse([str(tmp_path / 'pairs')])) == 0 and 'no fault found' in capsys.readouterr().out


def test_a_folder_without_splits_is_checked_itself(tmp_path):
    folder = draw_pairs(tmp_path / 'pairs', train=3) / 'train'
    faults, text = lines_of(folder)
    assert faults == 0 and f'{folder}: 3 files, 0 unreadable' in text


def test_the_same_picture_twice_is_named_also_across_splits(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=3, val=1)          # val/0.png is drawn as train/0.png is
    _, text = lines_of(tmp_path / 'pairs')
    assert f"'{tmp_path}/pairs/val/0.png': the same pixels as '{tmp_path}/pairs/train/0.png'" in text
    assert text.count('the same pixels as') == 1


def test_faults_are_counted_and_named_and_the_command_ends_with_1(tmp_path, capsys):
    draw_pairs(tmp_path / 'pairs', train=3, val=1)
    (tmp_path / 'pairs/train/bad.png').write_bytes(b'')
    iio.imwrite(tmp_path / 'pairs/train/odd.png', np.zeros([4, 7, 3], np.uint8))
    (tmp_path / 'pairs/val/worse.png').write_bytes(b'no picture')
    faults, text = lines_of(tmp_path / 'pairs')
    assert faults == 3 and "bad.png': is empty" in text and "odd.png': 7 x 4 pixels; an odd width" in text
    assert '/train: 5 files, 2 unreadable; 3 of 512 x 256 colour' in text and '/val: 2 files, 1 unreadable' in text
    assert check.main(check.parse([str(tmp_path / 'pairs')])) == 1
    assert '3 files would end the training' in capsys.readouterr().out


def test_files_that_are_passed_over_are_said_in_one_line(tmp_path):
    folder = draw_pairs(tmp_path / 'pairs', train=1, val=1)
    for name in 'train/a.heic', 'train/b.npy', 'val/c.npy', 'val/.hidden.txt':
        (folder / name).touch()
    faults, text = lines_of(folder)
    assert faults == 0 and text.count('passed over') == 1 and text.startswith('3 files passed over (.heic .npy)\n')


def test_a_pair_is_measured_as_it_is_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(np.zeros([64, 32, 3], np.uint8)).save(tmp_path / 'a.jpg', exif=exif)
    assert '1 of 64 x 32 gray' in lines_of(tmp_path)[1]


def test_sizes_and_gray_are_counted(tmp_path):
    for name, shape in ('a', [32, 64]), ('b', [32, 64]), ('c', [16, 64]):
        iio.imwrite(tmp_path / f'{name}.png', np.random.RandomState(ord(name)).randint(0, 256, shape).astype(np.uint8))
    iio.imwrite(tmp_path / 'd.png', np.random.RandomState(0).randint(0, 256, [32, 64, 3]).astype(np.uint8))
    assert '; 2 of 64 x 32 gray, 1 of 64 x 16 gray, 1 of 64 x 32 colour' in lines_of(tmp_path)[1]


@pytest.mark.parametrize('direction, swapped', [('BtoA', False), ('AtoB', True), (None, False)])
def test_labels_are_known_by_their_flatness_and_a_direction_from_the_photo_is_doubted(tmp_path, direction, swapped):
    (tmp_path / 'train').mkdir()
    for i in range(2):
        iio.imwrite(tmp_path / 'train' / f'{i}.png', pair(0, 'train', i))       # labels on the right
    _, text = lines_of(tmp_path, direction)
    assert 'B looks like the labels: --direction BtoA' in text
    assert ('the direction here is AtoB: are the sides swapped?' in text) == ('sides swapped' in text) == swapped


def test_labels_on_the_left_are_known_too(tmp_path):
    image = pair(0, 'train', 0)
    iio.imwrite(tmp_path / 'a.png', np.concatenate([image[:, 256:], image[:, :256]], axis=1))
    assert 'A looks like the labels: --direction AtoB' in lines_of(tmp_path)[1]


def test_two_photos_have_no_side_of_labels(tmp_path):
    image = pair(0, 'train', 0)
    iio.imwrite(tmp_path / 'a.png', np.concatenate([image[:, :256], image[:, :256][::-1]], axis=1))
    assert 'looks like the labels' not in lines_of(tmp_path)[1]


def test_flatness_is_the_share_of_neighbours_that_are_equal_within_2(tmp_path):
    row = np.float32([[0, 0, 2, 5, 5]])[..., None] * [1, 1, 1]                  # flat, flat, not, flat
    assert check.flatness(row) == 0.75
    row[0, 1, 2] = 9                                                            # one channel is enough
    assert check.flatness(row) == 0.25


def test_what_is_said_before_a_training_is_said_here_too_of_all_files(tmp_path):
    for split in 'train', 'val':
        (tmp_path / 'pairs' / split).mkdir(parents=True)
    odd, path = np.random.RandomState(0).randint(0, 256, [32, 96, 4]).astype(np.uint8), tmp_path / 'pairs/val/odd.png'
    odd[:, 48:, :3] = 7
    iio.imwrite(path, odd)
    iio.imwrite(tmp_path / 'pairs/train/dark.png', odd[..., :3] // 8)
    _, text = lines_of(tmp_path / 'pairs')
    assert 'halves are 48 x 32 and become 256 x 256: their aspect is not kept' in text
    assert 'options that fit the size: --crop_size 32x64 --depth 5' in text
    assert f'alpha is dropped, such as that of {path}: colours under transparent pixels come through' in text
    assert 'B (right) is gray and nearly black, with values 0 to 7 of 255' in text and 'A (left) is gray' not in text


@pytest.mark.filterwarnings('error::RuntimeWarning')
@pytest.mark.parametrize('pairs', [
    [np.uint8([[[0, 9, 200], [250, 255, 3]], [[5, 5, 5], [80, 70, 0]]])],          # one pair of 2 x 2 pixels
    [np.uint8([[[0, 9, 200], [250, 255, 3]]])],                                    # of 2 x 1
    [np.zeros([32, 64, 3], np.uint8)] * 2,                                         # black
    [np.zeros([32, 63, 3], np.uint8)]], ids=['2 x 2', '2 x 1', 'black', 'none that can be read'])
@pytest.mark.parametrize('split', ['', 'train'])
def test_odd_data_sets_are_checked_without_a_warning_or_a_nan(tmp_path, pairs, split):
    (tmp_path / 'pairs' / split).mkdir(parents=True)
    for i, pair_ in enumerate(pairs):
        iio.imwrite(tmp_path / 'pairs' / split / f'{i}.png', pair_)
    faults, text = lines_of(tmp_path / 'pairs')
    assert faults == pairs[0].shape[1] % 2 and 'nan' not in text and 'looks like the labels' not in text


def test_the_counts_and_the_direction_of_the_catalogue_are_compared(tmp_path):
    (tmp_path / 'facades/train').mkdir(parents=True)
    image = pair(0, 'train', 0)
    iio.imwrite(tmp_path / 'facades/train/1.png', np.concatenate([image[:, 256:], image[:, :256]], axis=1))
    _, text = lines_of(tmp_path / 'facades')
    assert f'{tmp_path}/facades/train: 1 file, the catalogue says 400' in text
    assert 'the direction here is BtoA: are the sides swapped?' in text


def test_a_folder_that_is_not_there_or_is_empty_is_named(tmp_path):
    with pytest.raises(UserError, match='nowhere: there is no such folder'):
        check.main(check.parse([str(tmp_path / 'nowhere')]))
    with pytest.raises(UserError, match='has no images in it'):
        check.main(check.parse([str(tmp_path)]))


# Folders that are not as train.py reads them, or not yet.

def test_two_folders_are_read_as_they_are_and_the_options_that_fit_are_said(tmp_path):
    for name in 'trainA', 'trainB', 'valA', 'valB':
        (tmp_path / name).mkdir()
    bands = np.random.RandomState(0).randint(0, 2990, [64, 128, 5]).astype(np.uint16)
    for split in 'train', 'val':
        tifffile.imwrite(tmp_path / f'{split}A/1.tif', bands, photometric='minisblack', planarconfig='contig')
        np.save(tmp_path / f'{split}B/1.npy', np.float32(bands[..., 0]) / 100)
    faults, text = lines_of(tmp_path)
    assert faults == 0 and text.endswith(
        f'{tmp_path}/valA and {tmp_path}/valB: 1 pair\n'
        'A: 128 x 64 pixels; channels 5; uint16; values 0 to 2,989\n'
        'B: 128 x 64 pixels; channels 1; float32; values 0 to 29.89\n'
        'options that fit: --source_channels 5 --target_channels 1 --range 0 3000 --target_range 0 30 '
        '--crop_size 64x128 --depth 6')
    np.save(tmp_path / 'valB/1.npy', np.full([64, 128], np.nan, np.float32))
    np.save(tmp_path / 'trainB/1.npy', np.zeros([64, 100], np.float32))
    faults, text = lines_of(tmp_path)
    assert faults == 2 and 'NaN or infinity among its values' in text and '128 x 64 and 100 x 64 pixels' in text


def test_in_two_folders_of_pictures_twins_and_sides_are_named_too(tmp_path):
    for name in 'trainA', 'trainB':
        (tmp_path / name).mkdir()
    for i in 0, 0, 1:
        photo, labels = np.split(pair(0, 'train', i), 2, axis=1)
        number = len(list((tmp_path / 'trainA').iterdir()))
        iio.imwrite(tmp_path / f'trainA/{number}.png', photo)
        tifffile.imwrite(tmp_path / f'trainB/{number}.tif', np.uint16(labels) * 257, photometric='rgb')
    _, text = lines_of(tmp_path, 'AtoB')
    first, second = (f"'{tmp_path}/trainA/{i}.png' with '{tmp_path}/trainB/{i}.tif'" for i in (0, 1))
    assert f'  {second}: the same pixels as {first}\n' in text and text.count('the same pixels as') == 1
    assert 'B looks like the labels: --direction BtoA' in text and 'are the sides swapped?' in text
    for path in (tmp_path / 'trainB').iterdir():        # of 12 bits, which look flat where they are not stretched
        tifffile.imwrite(path, np.random.RandomState(0).randint(0, 4096, [256, 256]).astype(np.uint16))
    assert 'looks like the labels' not in lines_of(tmp_path)[1]


def test_pairs_of_many_bands_in_one_file_are_read_as_they_are_stored(tmp_path):
    bands = np.random.RandomState(0).randint(0, 2990, [256, 512, 5]).astype(np.uint16)
    (tmp_path / 'train').mkdir()
    tifffile.imwrite(tmp_path / 'train/1.tif', bands, photometric='minisblack', planarconfig='contig')
    faults, text = lines_of(tmp_path)
    assert faults == 0 and text.endswith('options that fit: --source_channels 5 --target_channels 5 --range 0 3000')


def test_bands_that_differ_from_file_to_file_are_a_fault(tmp_path):
    for name in 'trainA', 'trainB':
        (tmp_path / name).mkdir()
    for i, bands in (1, 5), (2, 4):
        np.save(tmp_path / f'trainA/{i}.npy', np.zeros([32, 32, bands], np.uint8))
        np.save(tmp_path / f'trainB/{i}.npy', np.full([32, 32], i, np.uint8))
    faults, text = lines_of(tmp_path)
    assert faults == 1 and 'the number of channels differs from file to file' in text


def test_gray_colour_and_alpha_go_together_and_other_numbers_do_not():
    facts = Facts()
    for channels, fitting in (4, 4), (3, 3), (1, 3), (5, None):
        facts.add(np.zeros([256, 256, channels], np.uint8))
        assert facts.fitting_channels == fitting
    gray = Facts()
    for channels in 1, 2:
        gray.add(np.zeros([256, 256, channels], np.uint8))
    assert gray.fitting_channels == 1


def test_a_range_is_written_as_it_can_be_typed():
    sides = [Facts(), Facts()]
    sides[0].add(np.full([256, 256, 3], -1_999_999, np.int32) + 4_499_999 * np.eye(256, dtype=np.int32)[..., None])
    sides[1].add(np.full([256, 256, 3], -2.5e-5, np.float32) + np.float32(3.4e-5) * np.eye(256, dtype='f')[..., None])
    assert options(*sides) == '--range -2000000 3000000 --target_range -0.00003 0.00001'


@pytest.mark.parametrize('target, fit', [
    (np.float32(1), '--range 0 3000 --target_range 0 1'),       # else the range would be for both
    (np.uint16(60000), '--range 0 3000 --target_range 0 65535'), (np.uint8(9), '--range 0 3000'),
    (np.uint16(2800), '--range 0 3000'), (np.float32(80), '--range 0 3000 --target_range 0 80')])
def test_a_range_of_the_source_is_not_left_to_the_target(target, fit):
    sides = [Facts(), Facts()]
    sides[0].add(np.full([256, 256, 3], 2990, np.uint16) * np.uint16([0, 1, 1]))
    sides[1].add(np.full([256, 256, 3], target) * np.array([0, 1, 1], target.dtype))
    assert options(*sides) == fit


@pytest.mark.parametrize('size, fit', [
    ((256, 256), []), ((300, 300), []), ((256, 512), ['--crop_size 256x512']),
    ((128, 128), ['--crop_size 128', '--depth 7']), ((1080, 1920), ['--crop_size 256x480', '--depth 5']),
    ((600, 800), ['--crop_size 288x384', '--depth 5'])])
def test_a_crop_of_the_aspect_of_the_pictures_is_proposed(size, fit):
    assert of_size(Size(*size)) == fit


def test_sides_beside_joined_pairs_are_said_with_the_command_that_joins_them(tmp_path):
    draw_pairs(tmp_path, train=1)
    for name in 'testA', 'testB':
        (tmp_path / name).mkdir()
    faults, text = lines_of(tmp_path)
    assert faults == 0 and 'datasets.split' not in text
    assert text.endswith(f'python -m datasets.combine {tmp_path}/testA {tmp_path}/testB {tmp_path}/test')


def test_a_folder_with_nothing_held_out_is_said_to_have_none_with_the_command_that_makes_it(tmp_path):
    draw_pairs(tmp_path / 'sorted', train=3)
    line = 'there is no folder val or test beside train: nothing would be validated. To make them: '
    assert f'{line}python -m datasets.split {tmp_path}/sorted/train OUT' in lines_of(tmp_path / 'sorted')[1]
    draw_pairs(tmp_path, flat=3)
    assert f'{line}python -m datasets.split {tmp_path}/flat OUT' in lines_of(tmp_path / 'flat')[1]
    for sound in draw_pairs(tmp_path / 'sound', train=1, test=1), tmp_path / 'sound/train':
        assert 'nothing would be validated' not in lines_of(sound)[1]


def test_beside_val_the_images_of_the_folder_itself_are_checked_as_they_are_trained_on(tmp_path):
    draw_pairs(tmp_path, pairs=2)
    draw_pairs(tmp_path / 'pairs', val=1)
    (tmp_path / 'pairs/bad.png').write_bytes(b'')
    faults, text = lines_of(tmp_path / 'pairs')
    assert faults == 1 and f'{tmp_path}/pairs: 3 files, 1 unreadable' in text and '/val: 1 file, 0 unreadable' in text
    assert 'will not be read' not in text


def test_images_that_train_py_does_not_read_are_counted_and_not_checked(tmp_path):
    draw_pairs(tmp_path, pairs=2)
    draw_pairs(tmp_path / 'pairs', more=1)
    (tmp_path / 'pairs/more/bad.png').write_bytes(b'')
    faults, text = lines_of(tmp_path / 'pairs')
    assert faults == 0 and f'{tmp_path}/pairs: 2 files, 0 unreadable' in text
    assert f'{tmp_path}/pairs: 2 images in its sub-folders will not be read, because there is no folder train' in text
    draw_pairs(tmp_path / 'others', cats=1, dogs=1)
    with pytest.raises(UserError, match='others has no pairs to train on. Put them into .*others/train'):
        lines_of(tmp_path / 'others')


def test_sides_that_lie_in_train_as_if_they_were_pairs_are_doubted(tmp_path):
    draw_pairs(tmp_path / 'pairs/train', A=2, B=2)
    faults, text = lines_of(tmp_path / 'pairs')
    assert faults == 0 and f'{tmp_path}/pairs/train looks as if its sub-folders were the two sides of pairs' in text
    assert f'python -m datasets.combine {tmp_path}/pairs/train/A {tmp_path}/pairs/train/B OUT/train' in text


def test_a_split_of_which_nothing_can_be_read_does_not_count_as_one_without_labels(tmp_path):
    for split in 'train', 'val':
        (tmp_path / split).mkdir()
    iio.imwrite(tmp_path / 'train/1.png', pair(0, 'train', 0))
    alone = lines_of(tmp_path / 'train')[1].splitlines()[1]
    (tmp_path / 'val/1.png').write_bytes(b'')
    faults, text = lines_of(tmp_path)
    assert faults == 1 and f'{tmp_path}/val: 1 file, 1 unreadable\n' in text and alone in text
    assert alone.startswith('flat, as label maps are: ')
    (tmp_path / 'train/1.png').write_bytes(b'')
    assert 'flat' not in lines_of(tmp_path)[1]

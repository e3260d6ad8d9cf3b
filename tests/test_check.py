"""The doctor sees what would end a training, and what would spoil it."""

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from datasets import check
from datasets.demo import pair
from pix2pix.errors import UserError
from tests.conftest import draw_pairs


def lines_of(folder, *args):
    lines = []
    faults = check.check(str(folder), *args, say=lines.append)
    return faults, '\n'.join(map(str, lines))


def test_a_sound_folder_has_no_fault(tmp_path, capsys):
    draw_pairs(tmp_path / 'pairs', train=3, val=2)
    faults, text = lines_of(tmp_path / 'pairs')
    assert faults == 0 and '/train: 3 files, 0 unreadable; 3 of 64 x 32 colour' in text
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
    assert '/train: 5 files, 2 unreadable; 3 of 64 x 32 colour' in text and '/val: 2 files, 1 unreadable' in text
    assert check.main(check.parse([str(tmp_path / 'pairs')])) == 1
    assert '3 files would end the training' in capsys.readouterr().out


def test_files_that_are_passed_over_are_said_in_one_line(tmp_path):
    folder = draw_pairs(tmp_path / 'pairs', train=1, val=1)
    for name in 'train/a.heic', 'train/b.npy', 'val/c.npy', 'val/.hidden.txt':
        (folder / name).touch()
    faults, text = lines_of(folder)
    assert faults == 0 and text.count('passed over') == 1 and '\n3 files passed over (.heic .npy)\n' in text


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


def test_the_counts_and_the_direction_of_the_catalogue_are_compared(tmp_path):
    (tmp_path / 'facades/train').mkdir(parents=True)
    image = pair(0, 'train', 0)
    iio.imwrite(tmp_path / 'facades/train/1.png', np.concatenate([image[:, 256:], image[:, :256]], axis=1))
    _, text = lines_of(tmp_path / 'facades')
    assert f'{tmp_path}/facades/train: 1 files, the catalogue says 400' in text
    assert 'the direction here is BtoA: are the sides swapped?' in text


def test_a_folder_that_is_not_there_or_is_empty_is_named(tmp_path):
    with pytest.raises(UserError, match='nowhere: there is no such folder'):
        check.main(check.parse([str(tmp_path / 'nowhere')]))
    with pytest.raises(UserError, match='has no images in it'):
        check.main(check.parse([str(tmp_path)]))

import imageio.v3 as iio
import numpy as np
import pytest

from datasets import check
from datasets.demo import pair
from tests.conftest import draw_pairs


def lines_of(folder, *args):
    lines = []
    faults = check.check(str(folder), *args, say=lines.append)
    return faults, '\n'.join(map(str, lines))


def test_a_sound_folder(tmp_path, capsys):
    draw_pairs(tmp_path / 'pairs', train=3, val=2)
    faults, text = lines_of(tmp_path / 'pairs')
    assert faults == 0 and '/train: 3 files, 0 unreadable; 3 of 64 x 32 colour' in text
    # draw_pairs numbers both splits from 0: the same pictures in train and val are what a doctor must see.
    assert text.count('the same pixels as') == 2
    assert check.main([str(tmp_path / 'pairs')]) == 0 and 'no fault found' in capsys.readouterr().out


def test_faults_are_counted_and_named(tmp_path, capsys):
    draw_pairs(tmp_path / 'pairs', train=3)
    (tmp_path / 'pairs/train/bad.png').write_bytes(b'')
    iio.imwrite(tmp_path / 'pairs/train/odd.png', np.zeros([4, 7, 3], np.uint8))
    faults, text = lines_of(tmp_path / 'pairs')
    assert faults == 2 and "bad.png': is empty" in text and "odd.png': 7 x 4 pixels; an odd width" in text
    assert check.main([str(tmp_path / 'pairs')]) == 1 and '2 files would end the training' in capsys.readouterr().out


@pytest.mark.parametrize('direction, swapped', [('BtoA', False), ('AtoB', True), (None, False)])
def test_sides_by_their_flatness(tmp_path, direction, swapped):
    (tmp_path / 'train').mkdir()
    for i in range(2):
        iio.imwrite(tmp_path / 'train' / f'{i}.png', pair(0, 'train', i))       # labels on the right
    _, text = lines_of(tmp_path, direction)
    assert 'B looks like the labels: --direction BtoA' in text
    assert ('AtoB: are the sides swapped?' in text) == swapped


def test_counts_of_the_catalogue(tmp_path):
    draw_pairs(tmp_path / 'facades', train=1)
    assert 'facades/train: 1 files, the catalogue says 400' in lines_of(tmp_path / 'facades')[1]

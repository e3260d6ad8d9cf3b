"""The drawn pairs: a function of seed, split and index, "photo" on the left and the label map of it on the right."""

import json
import os

import imageio.v3 as iio
import numpy as np
import pytest

from datasets import demo
from datasets.demo import LABELS, draw, pair


def where(image, part):
    """The pixels of a part by the label map, which is the right half."""
    return (image[:, 256:] == LABELS[part]).all(-1)


def test_pairs_are_functions_of_seed_split_and_index(tmp_path):
    draw(str(tmp_path / 'demo'), train=2, val=1)
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob('*.png'))
    assert files == ['demo/train/001.png', 'demo/train/002.png', 'demo/val/001.png']
    again = pair(0, 'train', 1)
    np.testing.assert_array_equal(iio.imread(tmp_path / files[1]), again)
    for other in pair(0, 'train', 0), pair(0, 'val', 1), pair(1, 'train', 1):
        assert (other != again).any()
    draw(str(tmp_path / 'other'), seed=1, train=1)
    np.testing.assert_array_equal(iio.imread(tmp_path / 'other/train/001.png'), pair(1, 'train', 0))


def test_the_right_half_is_a_label_map_and_the_left_one_a_photo():
    image = pair(0, 'train', 0)
    assert image.shape == (256, 512, 3) and image.dtype == np.uint8
    colours = np.unique(image[:, 256:].reshape(-1, 3), axis=0)
    assert {tuple(c) for c in colours} <= set(LABELS.values()) and len(colours) >= 5
    assert len(np.unique(image[:, :256].reshape(-1, 3), axis=0)) > 5000


def test_the_photo_shows_what_the_map_says():
    image = pair(0, 'train', 0)
    photo = image[:, :256].astype(float)
    assert photo[where(image, 'window')].mean() + 10 < photo[where(image, 'wall')].mean()       # glass is dark
    assert photo[where(image, 'base')].mean() < photo[where(image, 'wall')].mean()
    red, green, blue = photo[where(image, 'sky')].mean(0)
    assert blue > green > red


@pytest.mark.parametrize('index', range(5))
def test_a_front_has_sky_above_one_door_at_the_bottom_and_a_base_below(index):
    image = pair(0, 'train', index)
    assert where(image, 'sky')[0].all() and not where(image, 'sky')[-1, 30:-30].any()
    assert (where(image, 'base') | where(image, 'sky'))[-1].all()
    rows, columns = np.nonzero(where(image, 'door'))
    assert rows.min() > 256 - 62                                # on the ground floor
    assert where(image, 'door')[rows[0], columns.min():columns.max() + 1].all()
    assert where(image, 'window')[:128].any()


def test_the_middles_of_runs_are_found_along_an_axis():
    """One pixel of an odd run, two of an even one."""
    row = np.array([[0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1]], bool)
    assert np.flatnonzero(demo.centres(row, 1)).tolist() == [2, 6, 7, 10]
    assert np.flatnonzero(demo.centres(row.T, 0)).tolist() == [2, 6, 7, 10]


def test_a_broken_off_drawing_is_drawn_anew(tmp_path):
    (tmp_path / f'demo.{os.getpid()}.partial/train').mkdir(parents=True)
    (tmp_path / f'demo.{os.getpid()}.partial/train/junk.png').write_text('half')
    draw(str(tmp_path / 'demo'), train=1)
    assert [p.name for p in (tmp_path / 'demo' / 'train').iterdir()] == ['001.png']
    assert [p.name for p in tmp_path.iterdir()] == ['demo']
    assert json.loads((tmp_path / 'demo/palette.json').read_text())['door'] == '#ff5a00'


def test_of_two_drawings_at_once_the_first_stays(tmp_path, monkeypatch):
    def both(*args):
        monkeypatch.undo()
        draw(str(tmp_path / 'demo'), train=1)
        return pair(*args)
    monkeypatch.setattr(demo, 'pair', both)
    monkeypatch.setattr(demo.os, 'getpid', lambda: 1)
    draw(str(tmp_path / 'demo'), train=1)
    assert [p.name for p in tmp_path.iterdir()] == ['demo']
    np.testing.assert_array_equal(iio.imread(tmp_path / 'demo/train/001.png'), pair(0, 'train', 0))


def test_a_drawing_that_breaks_off_does_not_look_done(tmp_path):
    with pytest.raises(TypeError):
        draw(str(tmp_path / 'demo'), train=1, val='not a number')
    assert not (tmp_path / 'demo').exists()

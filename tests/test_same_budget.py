"""The comparison of pictures beside the PyTorch port, without its trainings."""

import types

import imageio.v3 as iio
import numpy as np
import pytest

from benchmarks import same_budget

NAMES = 'ours', 'averaged', 'port'


def test_what_other_options_made_is_not_carried_on(tmp_path):
    how = {'precision': 'bfloat16', 'seed': 1}
    same_budget.check_same(str(tmp_path), how)
    same_budget.check_same(str(tmp_path), how)
    with pytest.raises(SystemExit, match="'seed': 1}, and not of {.*'seed': 2}: give another --folder"):
        same_budget.check_same(str(tmp_path), {**how, 'seed': 2})
    (tmp_path / 'how.json').write_text('{"seed": 1}')       # of the time before there was a choice
    same_budget.check_same(str(tmp_path), {'precision': 'float32', 'seed': 1})
    (tmp_path / 'how.json').unlink()
    (tmp_path / 'outputs.npy').touch()
    with pytest.raises(SystemExit, match='does not say what it is of: give another --folder'):
        same_budget.check_same(str(tmp_path), how)


def test_the_port_is_given_the_labels_first(tmp_path):
    (tmp_path / 'val').mkdir()
    for name, shade in ('2', 2), ('1', 1):
        iio.imwrite(tmp_path / f'val/{name}.png', np.uint8([[[shade] * 3, [10 * shade] * 3]]))
    pairs = same_budget.as_array(types.SimpleNamespace(data=str(tmp_path), folder=str(tmp_path)), 'val')
    assert pairs.tolist() == [[[[10 * i] * 3 + [i] * 3]] for i in (1, 2)]
    assert np.load(tmp_path / 'val.npy').tolist() == pairs.tolist()


def test_the_table_has_the_mean_of_the_seeds_and_each():
    opts = types.SimpleNamespace(batch_sizes=[1], seeds=[0, 1])
    scores = {(1, seed, who): {'l1': 0.1 + 0.2 * seed + i} for seed in (0, 1) for i, who in enumerate(NAMES)}
    assert list(same_budget.lines_of(opts, scores)) == [
        '| batch | | l1 |', '|---|---|---|',
        '| 1 | train.py, last weights | 0.2000 (0.1000, 0.3000) |',
        '| 1 | train.py, averaged weights | 1.2000 (1.1000, 1.3000) |',
        '| 1 | PyTorch port | 2.2000 (2.1000, 2.3000) |']


def test_pictures_are_scored_by_what_test_py_scores_them_with():
    targets = np.random.RandomState(0).randint(0, 256, [2, 64, 64, 3]).astype(np.uint8)
    same = same_budget.score(targets, targets)
    assert same['l1'] == 0 and same['ssim'] == 1 and same['perceptual'] == pytest.approx(0, abs=1e-6)
    assert same['frechet_squeezenet'] == pytest.approx(0, abs=0.1)
    other = same_budget.score(255 - targets, targets)
    assert other['l1'] == pytest.approx(np.abs(255.0 - 2.0 * targets).mean() / 127.5) and other['perceptual'] > 0

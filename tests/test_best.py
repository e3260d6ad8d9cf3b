"""Which checkpoint of a run is drawn: the newest, or the best of those that are left."""

import json

import pytest

from pix2pix.errors import UserError
from pix2pix.run.best import checkpoint_of
from pix2pix.run.folder import Run


@pytest.fixture
def run(tmp_path):
    """Validated after four steps, of which 4 and 8 have checkpoints: the best SSIM is that of 4, the best L1 of 8.
    The perceptual distance was measured from step 6 on."""
    run = Run(str(tmp_path))
    lines = [{'step': 2, 'val_l1': 0.4, 'val_ssim': 0.1}, {'step': 3, 'd_loss': 1},
             {'step': 4, 'val_l1': 0.3, 'val_ssim': 0.3},
             {'step': 6, 'val_l1': 0.3, 'val_ssim': 0.2, 'val_perceptual': 0.5},
             {'step': 8, 'val_l1': 0.2, 'val_ssim': 0.1, 'val_perceptual': 0.4}]
    (tmp_path / 'options.json').write_text('{}')
    (tmp_path / 'metrics.jsonl').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    for step in 4, 8:
        for end in 'index', 'data-00000-of-00001':
            (tmp_path / f'model-{step}.{end}').touch()
    return run


def test_the_newest_is_found_in_the_folder_of_the_run(run):
    assert checkpoint_of(run) == run.checkpoints


def test_the_best_is_that_of_the_highest_ssim_or_the_lowest_l1(run, capsys):
    assert checkpoint_of(run, best='ssim') == f'{run.checkpoints}/model-4'
    assert checkpoint_of(run, best='l1') == f'{run.checkpoints}/model-8'
    assert checkpoint_of(run, best='perceptual') == f'{run.checkpoints}/model-8'
    assert capsys.readouterr().out == ''


def test_a_better_one_that_is_gone_is_said(run, tmp_path, capsys):
    with open(run.metrics, 'a') as file:
        file.write('{"step": 9, "val_ssim": 0.9}\n')
    assert checkpoint_of(run, best='ssim') == f'{run.checkpoints}/model-4'
    assert 'the best ssim was after step 9, whose checkpoint is gone; of those left it is that of 4; ' \
        in capsys.readouterr().out


def test_where_none_was_validated_there_is_no_best(run, tmp_path):
    for text in '{"step": 4, "d_loss": 1}\n', '':
        (tmp_path / 'metrics.jsonl').write_text(text)
        with pytest.raises(UserError, match='none of its checkpoints was validated by l1; let the training keep the b'):
            checkpoint_of(run, best='l1')
    (tmp_path / 'metrics.jsonl').write_text('{"step": 4, "val_l1": 0.1}\n')
    with pytest.raises(UserError, match='none of its checkpoints was validated by perceptual'):
        checkpoint_of(run, best='perceptual')

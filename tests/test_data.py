"""What a run's options leave to its data."""

import argparse
import json

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.images import png
from pix2pix.images.diagnose import ImageError
from pix2pix.run import data
from pix2pix.run.folder import Run
from pix2pix.sizes import Size
from tests.test_diagnose import FORM


@pytest.mark.parametrize('saved, names, accept, step, expected', [
    ([], 'a', True, 7, []),                                 # the data are the same
    ([[3, 5]], 'a', True, 7, [[3, 5]]),
    ([], 'b', False, 7, []),                                # others, which will be refused
    ([], 'b', True, 7, [[7, 9]]),
    ([[3, 5]], 'b', True, 7, [[3, 5], [7, 9]]),
    ([[7, 5]], 'b', True, 7, [[7, 5]]),                     # twice since a step was done: it was of the first
    ([[3, 5], [7, 6]], 'b', True, 4, [[3, 5], [4, 6]]),     # the newest checkpoints are gone
    ([[7, 6]], 'a', True, 4, [[4, 6]])])                    # and nothing else has changed
def test_changes_of_the_data_are_kept_with_the_step_and_the_number_of_pairs_until_then(
        tmp_path, saved, names, accept, step, expected):
    run = Run(str(tmp_path))
    assert data.changes(run, names, accept=True) == []      # a run that is not there yet
    (tmp_path / 'options.json').write_text(json.dumps({'images': 9, 'names': 'a', 'data_changes': saved}))
    for path in f'model-{step}.index', f'model-{step}.data-00000-of-00001':
        (tmp_path / path).touch()
    assert data.changes(run, names, accept=accept) == expected


def test_a_damaged_checkpoint_is_passed_over_as_the_training_passes_it_over(tmp_path):
    (tmp_path / 'options.json').write_text(json.dumps({'images': 9, 'names': 'a', 'data_changes': []}))
    for step in 4, 7:
        (tmp_path / f'model-{step}.index').write_text('here')
    (tmp_path / 'model-7.sums').write_text(json.dumps({'index': [5, 'of five bytes']}))
    assert data.changes(Run(str(tmp_path)), 'b', accept=True) == [[4, 9]]


def settled(run, path, **given):
    opts = argparse.Namespace(**{
        'direction': 'AtoB', 'crop_size': Size(32, 32), 'source_channels': 3, 'target_channels': 3, 'preprocess': 'fit',
        'source_range': None, 'target_range': None, 'depth': 5, 'labels': None, 'ema': None, **given})
    data.settle(opts, [path], run, {})
    return opts


def test_the_pairs_decide_what_is_left_open_and_a_run_keeps_the_scale_that_it_had(tmp_path):
    run, path = Run(str(tmp_path)), str(tmp_path / 'pair.png')
    png.write(path, np.zeros([40, 140, 3], np.uint8))
    opts = settled(run, path, preprocess='none', crop_size=None)
    assert (opts.native_size, opts.crop_size, opts.target_dtype) == ((40, 70), (64, 96), None)
    opts = settled(run, path, target_range=[0, 9])
    assert opts.crop_size == (32, 32) and opts.native_size == (40, 70)
    assert (opts.source_dtype, opts.target_dtype, opts.target_ending) == ('uint8', 'uint8', '.png')
    (tmp_path / 'options.json').write_text(json.dumps({'native_size': [64, 128]}))
    assert settled(run, path, crop_size=None, preprocess='none').native_size == (40, 70)        # nothing is trained yet
    (tmp_path / 'model-1.index').touch()
    for saved, kept in ([64, 128], (64, 128)), (None, None):
        (tmp_path / 'options.json').write_text(json.dumps({'native_size': saved}))
        assert settled(run, path).native_size == kept


@pytest.mark.parametrize('value', ['x', None, 1, 2, -0.1, True])
def test_an_average_that_cannot_be_is_named(tmp_path, value):
    run, path = Run(str(tmp_path)), str(tmp_path / 'pair.png')
    png.write(path, np.zeros([32, 64, 3], np.uint8))
    (tmp_path / 'model-1.index').touch()
    (tmp_path / 'options.json').write_text(json.dumps({'ema': value}))
    with pytest.raises(UserError, match=f'options.json: ema cannot be {str(value)!r}. Restore it'):
        settled(run, path)


def test_a_new_run_averages_its_weights_and_one_that_is_there_goes_on_as_it_was_begun(tmp_path):
    run, path = Run(str(tmp_path)), str(tmp_path / 'pair.png')
    png.write(path, np.zeros([32, 64, 3], np.uint8))
    assert settled(run, path).ema == 0.999 and settled(run, path, ema=0.0).ema == 0
    (tmp_path / 'model-1.index').touch()
    for saved, kept in ({}, 0), ({'ema': 0.0}, 0), ({'ema': 0.9}, 0.9):     # the first is of an earlier version
        (tmp_path / 'options.json').write_text(json.dumps(saved))
        assert settled(run, path).ema == kept and settled(run, path, ema=0.5).ema == 0.5


def test_a_damaged_first_pair_of_bands_is_named_on_a_resume_too(tmp_path):
    """Then its size is not asked for."""
    run, path = Run(str(tmp_path)), str(tmp_path / 'pair.npy')
    (tmp_path / 'options.json').write_text('{"native_size": [32, 32]}')
    (tmp_path / 'model-1.index').touch()
    for content, why in (b'', 'is empty'), (b'\x93NUMPY junk', 'does not decode'), (None, 'cannot be opened'):
        (tmp_path / 'pair.npy').unlink(missing_ok=True)
        if content is not None:
            (tmp_path / 'pair.npy').write_bytes(content)
        with pytest.raises(ImageError, match=f"pair.npy': {why}"):
            settled(run, path, source_range=[0, 9])


def test_the_hash_of_names_changes_with_any_of_them():
    two = data.hash_of(['a.png', 'b.png'])
    others = [['a.png'], ['a.png', 'b.png', 'c.png'], ['a.png', 'd.png'], [('a.png', 'b.png')], [('A/a', 'B/a')]]
    assert two == data.hash_of(['a.png', 'b.png']) and len({two, *map(data.hash_of, others)}) == 6


def test_the_size_is_that_of_most(tmp_path):
    for i, side in enumerate((32, 64, 64)):
        png.write(str(tmp_path / f'{i}.png'), np.zeros([side, 2 * side, 3], np.uint8))
    assert data.most_common_size([f'{tmp_path}/{i}.png' for i in range(3)], FORM) == Size(64, 64)


def test_labels_that_were_found_once_stay_those_of_the_run():
    assert data.labels('auto', [], FORM, {'labels': ['#000000', '#ffffff']}, {}) == ['#000000', '#ffffff']


@pytest.mark.parametrize('number', [1, 33])
def test_one_label_is_too_few_and_33_are_too_many(tmp_path, number):
    (tmp_path / 'labels.json').write_text(json.dumps({str(i): f'#0000{i:02x}' for i in range(number)}))
    with pytest.raises(UserError, match=f'^{number} labels, and 2 to 32 can be channels: see .*labels.json$'):
        data.labels(f'{tmp_path}/labels.json', [], FORM, None, {})

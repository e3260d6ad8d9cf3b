"""Options of a training from end to end: what they say, log and keep, exact resume, and what draws with it afterwards.

The scripts run in this process, in folders of their own.
"""

import json
import shutil

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import test
import train
from pix2pix import Generator, devices
from pix2pix.errors import UserError
from pix2pix.run import checkpoint
from tests.conftest import draw_pairs
from tests.scripts import TINY, assert_same_run, variables, variables_of

SEVEN = ['--dataset', 'pairs', *TINY, '--learning_rate', '0.01', '--epochs']        # 3, 5 and 7 steps in 1 to 3 epochs


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A function that runs a script in a folder, which has pairs then, and gives what it has said."""
    def run_in(folder, script, *args):
        if not (tmp_path / folder).exists():
            draw_pairs(tmp_path / folder / 'pairs', train=7, val=1)
            draw_pairs(tmp_path / folder / 'few', train=2, val=1)
        monkeypatch.chdir(tmp_path / folder)
        capsys.readouterr()
        with tf.Graph().as_default():
            assert script.main(script.parse(list(args))) == 0
        return capsys.readouterr().out
    return run_in


def lines_of(cwd, name='tiny'):
    return [json.loads(line) for line in (cwd / f'checkpoints/{name}/metrics.jsonl').read_text().splitlines()]


def assert_it_goes_on_exactly(run, cwd, *args):
    """The run in the folder `once` is done. In a copy its last two checkpoints are lost, and it goes on from there."""
    shutil.copytree(cwd / 'once', cwd / 'twice')
    for step in checkpoint.steps_in(str(cwd / 'twice/checkpoints/tiny'))[-2:]:
        checkpoint.remove(str(cwd / 'twice/checkpoints/tiny'), step)
    assert '7 steps, 3 of them done' in run('twice', train, *args)
    assert_same_run(cwd / 'once', cwd / 'twice')


def assert_it_is_tested_as_it_was_validated(run, cwd, *args):
    """Returns what test.py has said."""
    said = run('once', test, '--name', 'tiny', *args)
    score = json.loads((cwd / 'once/samples/tiny/test/metrics.json').read_text())['l1']
    assert score == pytest.approx(lines_of(cwd / 'once')[-1]['val_l1'], rel=1e-6)
    return said


@pytest.mark.faults
def test_averages_are_kept_carried_on_and_drawn(run, tmp_path):
    """What is trained beside them is what is trained without them. The raw weights are drawn on request."""
    args = [*SEVEN, '3', '--ema', '0.9']
    run('plain', train, *SEVEN, '3', '--ema', '0')
    run('once', train, *args)
    plain, averaged = (variables(tmp_path / folder)[0] for folder in ('plain', 'once'))
    assert averaged.keys() - plain.keys() == {
        f'average/{name}' for name in plain if name.startswith('generator/') and '_adam' not in name}
    for name in plain:
        np.testing.assert_array_equal(averaged[name], plain[name], err_msg=name)
    assert_it_goes_on_exactly(run, tmp_path, *args)

    assert '; averaged weights\n' in assert_it_is_tested_as_it_was_validated(run, tmp_path)
    assert 'averaged' not in run('once', test, '--name', 'tiny', '--raw', '--output', 'raw')
    picture = iio.imread(tmp_path / 'once/pairs/val/0.png')[:, :32]
    by_default, raw, without = (Generator(tmp_path / folder / 'checkpoints/tiny', **how)(picture) for folder, how in
                                (('once', {}), ('once', {'raw': True}), ('plain', {})))
    np.testing.assert_array_equal(raw, without)
    assert (by_default != raw).any()
    with pytest.raises(UserError, match='^ema is 0.0, but the run was started with 0.9'):
        run('once', train, *SEVEN, '4', '--ema', '0')
    assert 'changed since the run was started: epochs 4\n' in run('once', train, *SEVEN, '4')     # it keeps its average


@pytest.mark.faults
def test_the_step_is_compiled_on_request(run, monkeypatch):
    asked, config = [], devices.session_config
    monkeypatch.setattr(devices, 'session_config', lambda xla=False: asked.append(xla) or config(xla))
    assert '--xla changes nothing here' in run('once', train, *SEVEN, '1', '--xla')
    assert True in asked
    asked.clear()
    run('other', train, *SEVEN, '1')
    assert asked and True not in asked


@pytest.mark.faults
def test_what_d_sees_is_augmented_and_carried_on(run, tmp_path):
    args = [*SEVEN, '3', '--augment', 'cutout,color']
    run('plain', train, *SEVEN, '3')
    run('once', train, *args)
    plain, augmented = (variables(tmp_path / folder)[0] for folder in ('plain', 'once'))
    assert plain.keys() == augmented.keys()
    assert (plain['discriminator/conv1/w'] != augmented['discriminator/conv1/w']).any()
    assert_it_goes_on_exactly(run, tmp_path, *args)
    assert 'changed since the run was started: epochs 4, augment []\n' in run('once', train, *SEVEN, '4')


@pytest.mark.faults
def test_a_rate_that_falls_is_said_logged_and_carried_on(run, tmp_path):
    """Seven pairs in batches of three: the first epoch ends in the third step, and the third one in the seventh."""
    args = [*SEVEN, '3', '--decay_from', '1']
    output = run('once', train, *args)
    assert '\nthe learning rate is 0.01 up to epoch 1, and then falls linearly to 0 at the end of epoch 3\n' in output
    assert [line['learning_rate'] for line in lines_of(tmp_path / 'once')] == pytest.approx(
        [0.01, 0.01, 0.01, 0.01, 0.01 * 3 / 4, 0.01 * 2 / 4, 0.01 * 1 / 4], rel=1e-6)
    assert '<dt>decay_from</dt><dd>1</dd>' in (tmp_path / 'once/samples/tiny/index.html').read_text()
    assert_it_goes_on_exactly(run, tmp_path, *args)


@pytest.mark.faults
def test_instance_norm_and_least_squares_are_carried_on_and_drawn(run, tmp_path):
    args = [*SEVEN, '3', '--norm', 'instance', '--gan_mode', 'lsgan']
    run('once', train, *args)
    assert not [name for name in variables(tmp_path / 'once')[0] if 'moving' in name]
    assert 'learning_rate' not in lines_of(tmp_path / 'once')[0]
    assert_it_goes_on_exactly(run, tmp_path, *args)
    assert '; instance norm, dropout on' in assert_it_is_tested_as_it_was_validated(run, tmp_path)
    with pytest.raises(UserError, match='^norm is batch, but the run was started with instance'):
        run('once', train, *SEVEN, '4')


@pytest.mark.faults
def test_the_best_by_the_perceptual_distance_is_kept_carried_on_and_picked(run, tmp_path):
    """It may be asked for in the middle of a run."""
    args = [*SEVEN, '3', '--keep_best', 'perceptual']
    run('once', train, *SEVEN, '1')
    assert 'changed since the run was started: epochs 3, keep_best perceptual\n' in run('once', train, *args)
    scores = {line['step']: line.get('val_perceptual') for line in lines_of(tmp_path / 'once') if 'val_l1' in line}
    assert list(scores) == [3, 5, 7] and scores[3] is None and all(0 < scores[step] < 1 for step in (5, 7))
    assert_it_goes_on_exactly(run, tmp_path, *args)
    said = run('once', test, '--name', 'tiny', '--split', 'val', '--best', 'perceptual')
    assert f'checkpoint model-{min((5, 7), key=scores.get)} of ' in said


@pytest.mark.faults
def test_a_few_pairs_are_learned_from_where_another_run_ended(run, tmp_path):
    """Weights of both networks, and nothing else, are those of the other run; it may be gone when the run goes on."""
    few = ['--dataset', 'few', *TINY, '--batch_size', '1', '--epochs']
    run('it', train, *SEVEN, '3', '--name', 'other')
    path = tmp_path / 'it/checkpoints'
    other = variables_of(path / 'other/model-7')

    # Of steps that are next to nothing, the weights stay those of the other run. Adam and the steps are new.
    start = ['--init_from', 'other', '--ema', '0.9', '--learning_rate', '1e-12']
    said = run('it', train, *few, '1', '--name', 'still', *start)
    assert said.count('\nthe weights are those of checkpoints/other/model-7\n') == 1
    still = variables_of(path / 'still/model-2')
    for name, value in other.items():
        if '_adam' not in name and 'moving' not in name and name.startswith(('generator/', 'discriminator/')):
            np.testing.assert_allclose(still[name], value, atol=1e-9, err_msg=name)
        if f'average/{name}' in still and 'moving' not in name:
            np.testing.assert_allclose(still[f'average/{name}'], value, atol=1e-6, err_msg=name)
    assert still['global_step'] == 2
    assert [value for name, value in still.items() if 'beta1_power' in name] == [0.5 ** 3] * 2
    assert json.loads((path / 'still/options.json').read_text())['init_from'] == 'other'

    # With steps, what was learned from many pairs shows on the few from the first one on.
    run('it', train, *few, '1', '--name', 'tuned', *start[:2])
    run('it', train, *few, '1', '--name', 'fresh')
    tuned, fresh = (lines_of(tmp_path / 'it', name)[0] for name in ('tuned', 'fresh'))
    assert tuned['step'] == fresh['step'] == 1 and tuned['g_loss_l1'] < fresh['g_loss_l1']

    # The run goes on from its own checkpoint, and keeps what it has begun with.
    shutil.rmtree(path / 'other')
    assert 'the weights are those of' not in run('it', train, *few, '2', '--name', 'still', *start)
    with pytest.raises(UserError, match='^init_from is None, but the run was started with other'):
        run('it', train, *few, '3', '--name', 'still', *start[2:])


def test_weights_that_do_not_fit_are_refused_before_anything_is_written(run, tmp_path):
    run('it', train, *SEVEN, '1')
    with pytest.raises(UserError, match='do not fit: they have base_filters 1, not 2; target_channels 3, not 1. Give'):
        run('it', train, *SEVEN, '1', '--name', 'new', '--init_from', 'tiny', '--base_filters', '2',
            '--target_channels', '1')
    assert not (tmp_path / 'it/checkpoints/new').exists()

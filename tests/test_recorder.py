"""What the first replica writes of a run, when, and in which order. The graph is one variable; pictures are flat."""

import inspect
import json
import os
import time

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import reader
from pix2pix.errors import UserError
from pix2pix.run import checkpoint, log, report
from pix2pix.run.folder import Run
from pix2pix.run.recorder import Cadence, Recorder, SilentRecorder

CADENCE = Cadence(log_every=2, validate_every=2, sample_every=1, samples=1, save_every=3, save_minutes=60, keep=2,
                  keep_best=None, events='on')
ORDER = reader.Order(images=4, batch_size=2, epochs=3, seed=0)      # two steps an epoch, six steps
LOSSES = {'d_loss': np.float32(1.5), 'g_loss_gan': np.float32(2), 'g_loss_l1': np.float32(0.25)}


def draw(sess, paths):
    return ([np.full([16, 16, 3], value, np.float32) for value in (-1, 0, 1)] for path in paths)


@pytest.fixture
def record(tmp_path):
    """A function that opens a recorder of the run anew, in a session of its own."""
    run = Run(str(tmp_path / 'checkpoints'), str(tmp_path / 'samples'))
    sessions = []

    def opened(steps_done=0, **cadence):
        v = tf.get_variable(f'v{len(sessions)}', [])
        pairs = reader.Pairs('train', list('abcd'), ['val/x', 'val/y'], [])
        recorder = Recorder(run=run, order=ORDER, pairs=pairs, draw=draw, cadence=CADENCE._replace(**cadence))
        sessions.append(tf.Session())
        sessions[-1].run(v.initializer)
        recorder.restore(sessions[-1])
        recorder.begin(steps_done)
        return recorder
    with run.opened({'epochs': 3}, [], ORDER.steps):
        yield opened
    for sess in sessions:
        sess.close()


def step(recorder, number, now=0):
    recorder.show(number, LOSSES, {'learning_rate': np.float32(0.5 ** number)})
    scores = recorder.validate_if_due()
    recorder.log_if_due(scores)
    recorder.sample_if_due()
    recorder.save_if_due(scores, now=now)


@pytest.mark.parametrize('held_out, steps', [(['val/x', 'val/y'], [4, 5, 6]), ([], [5, 6])])
def test_a_validation_and_the_last_step_have_a_line_of_their_own(record, tmp_path, held_out, steps):
    recorder = record(log_every=5)
    recorder.validation_paths = held_out
    for number in range(1, 7):
        step(recorder, number)
    assert [line['step'] for line in log.read(str(tmp_path / 'checkpoints/metrics.jsonl'))] == steps


def test_grids_past_the_checkpoint_are_drawn_again(record, tmp_path):
    for epoch in 1, 3:
        (tmp_path / f'samples/epoch-000{epoch}.png').touch()
    assert record(steps_done=2).log.history.epochs == [1]


def test_what_a_kill_left_is_swept_at_the_start(record, tmp_path):
    left = tmp_path / 'checkpoints/model-9.data-00000-of-00001'
    left.write_text('half')
    record()
    assert not left.exists()


def test_where_nothing_is_held_out_samples_are_training_pairs(tmp_path):
    tf.get_variable('v', [])
    how = dict(run=Run(str(tmp_path)), order=ORDER, draw=None, cadence=CADENCE._replace(samples=2))
    assert Recorder(**how, pairs=reader.Pairs('train', list('abcd'), [], [])).sample_paths == ['train/a', 'train/b']
    assert Recorder(**how, pairs=reader.Pairs('train', list('abcd'), ['val/x'], [])).sample_paths == ['val/x']


def test_each_thing_is_written_when_it_is_due(record, tmp_path, capsys):
    recorder = record()
    for number in range(1, 7):
        step(recorder, number)
    recorder.end(hint='then look')
    assert capsys.readouterr().out.endswith('then look\n')
    lines = [json.loads(line) for line in (tmp_path / 'checkpoints/metrics.jsonl').read_text().splitlines()]
    assert [line['step'] for line in lines] == [2, 4, 6]            # every second step
    assert [line['epoch'] for line in lines] == [1, 2, 3]
    assert [line['step'] for line in lines if 'val_l1' in line] == [4, 6]       # after two epochs, and at the end
    assert [line['learning_rate'] for line in lines] == [0.25, 0.0625, 0.015625]
    assert lines[1]['d_loss'] == 1.5 and lines[1]['val_count'] == 2 and 'val_perceptual' not in lines[1]
    assert lines[1]['val_l1'] == pytest.approx(1 - 1 / 255, abs=1e-3)           # 128 against 255
    assert sorted(p.name for p in (tmp_path / 'samples').iterdir()) == [
        'epoch-0001.png', 'epoch-0002.png', 'epoch-0003.png', 'index.html']
    assert checkpoint.steps_in(str(tmp_path / 'checkpoints')) == [6]            # after three epochs
    np.testing.assert_array_equal(iio.imread(tmp_path / 'samples/epoch-0001.png')[0, ::16, 0], [0, 128, 255])


def test_the_best_by_the_perceptual_distance_is_measured_and_kept(record, tmp_path):
    """A picture that is moved aside is nearer to the eye than a gray one, and further by L1."""
    recorder = record(keep_best='perceptual', validate_every=1, save_every=1, keep=1)
    target = np.random.RandomState(0).uniform(-0.5, 0.5, [48, 48, 3]).astype(np.float32)
    for number in range(1, 7):
        output = np.roll(target, 3, axis=1) if number == 4 else np.zeros_like(target)
        recorder.draw = lambda sess, paths, output=output: ([target, output, target] for path in paths)
        step(recorder, number)
    lines = [line for line in log.read(str(tmp_path / 'checkpoints/metrics.jsonl')) if 'val_count' in line]
    assert [line['step'] for line in lines] == [2, 4, 6]
    for name, best in ('val_perceptual', 4), ('val_l1', 2):
        assert min(lines, key=lambda line: line[name])['step'] == best
    assert checkpoint.steps_in(str(tmp_path / 'checkpoints')) == [4, 6]


def test_the_checkpoint_comes_last(record, tmp_path, monkeypatch):
    """What it has seen is on the disk before it: the line, the grid and the page of its step."""
    there = []

    def save(sess, saver, folder, number, **how):
        there.append([line['step'] for line in log.read(f'{folder}/metrics.jsonl')])
        there.append(sorted(p.name for p in (tmp_path / 'samples').iterdir()))
    monkeypatch.setattr(checkpoint, 'save', save)
    recorder = record(save_every=1)
    step(recorder, 1)
    step(recorder, 2)
    assert there == [[2], ['epoch-0001.png', 'index.html']]


def test_without_events_there_are_none_and_all_else_is_there(record, tmp_path):
    recorder = record(events='off')
    for number in range(1, 7):
        step(recorder, number)
    recorder.end()
    assert not (tmp_path / 'checkpoints/events').exists() and (tmp_path / 'samples/epoch-0003.png').exists()
    assert len((tmp_path / 'checkpoints/metrics.jsonl').read_text().splitlines()) == 3


def test_a_checkpoint_is_saved_when_it_must_be_now(record, tmp_path):
    recorder = record()
    step(recorder, 1, now=15)
    assert checkpoint.steps_in(str(tmp_path / 'checkpoints')) == [1]


@pytest.mark.parametrize('error, said', [
    (OSError('no space left'), 'no space left'), (UserError('x: no'), 'x: no'), (KeyError('e'), "KeyError: 'e'"),
    (ZeroDivisionError('a\nb'), 'ZeroDivisionError: a'), (RecursionError(), 'RecursionError: RecursionError'),
    (MemoryError(), 'MemoryError: MemoryError')])
def test_a_page_that_cannot_be_written_does_not_end_the_training(record, capsys, monkeypatch, error, said):
    recorder = record()

    def fail(*args, **how):
        raise error
    monkeypatch.setattr(report, 'write', fail)
    step(recorder, 1)
    step(recorder, 2)
    assert f'the page was not written: {said}\n' in capsys.readouterr().out


def test_the_end_says_how_it_ended(record, capsys):
    recorder = record()
    step(recorder, 1, now=15)
    recorder.end(stopped_by=15)
    assert 'stopped by SIGTERM after step 1, saved as ' in capsys.readouterr().out


def test_a_step_that_is_not_finite_is_shown_and_named(record, tmp_path):
    recorder = record()
    for pairs, whose in (2, 'Its batch'), (1, "The first replica's share of its batch"):
        batch = [np.full([pairs, 8, 8, 3], value, np.float32) for value in (-1, 1)]
        recorder.not_finite(1, ('d_loss', float('nan')), batch)
        with pytest.raises(UserError, match=f'^d_loss is nan at step 1. {whose} is in .*not-finite-step-1.png'):
            recorder.end(stopped_by=1000)
        assert iio.imread(tmp_path / 'samples/not-finite-step-1.png').shape == (8 * pairs, 16, 3)


def test_a_step_that_is_not_finite_is_named_on_a_full_disk_too(record, monkeypatch):
    def full(path, picture):
        raise OSError(f'{path} could not be written: No space left on device (0 MiB free)')
    recorder = record()
    monkeypatch.setattr('pix2pix.run.recorder.png.write', full)
    recorder.not_finite(1, ('d_loss', float('nan')), [np.zeros([2, 8, 8, 3], np.float32)] * 2)
    with pytest.raises(UserError, match='^d_loss is nan at step 1. Its batch is not kept: .*: No space left'):
        recorder.end(stopped_by=1000)


def test_a_discriminator_that_has_won_and_outputs_that_are_all_one_are_said(record, capsys):
    recorder = record()
    recorder.draw = lambda sess, paths: ([np.full([16, 16, 3], value, np.float32) for value in (0, 0, number - 0.5)]
                                         for number, path in enumerate(paths))
    for number in range(1, 5):
        recorder.show(number, {**LOSSES, 'd_loss': np.float32(0.001)}, {})
        recorder.validate_if_due()
    said = capsys.readouterr().out
    assert said.count('d_loss stayed below 0.01 all through epoch 1: ') == said.count('all through') == 1
    assert said.count('the outputs of the validation after step 4 hardly differ from each other') == 1


def test_the_silent_recorder_has_the_same_methods_and_writes_nothing():
    methods = {name: how for name, how in vars(SilentRecorder).items() if not name.startswith('_')}
    assert methods.keys() == {name for name in vars(Recorder) if not name.startswith('_')} - {'page'}
    for name, method in methods.items():
        assert inspect.signature(method) == inspect.signature(getattr(Recorder, name))
    silent = SilentRecorder(run=None, order=ORDER, pairs=None, draw=None, cadence=CADENCE)
    assert silent.validate_if_due() == {} and step(silent, 1) is None and silent.end() is None


def test_a_checkpoint_is_saved_after_so_many_minutes(record, tmp_path, monkeypatch):
    recorder = record(save_minutes=10)
    begun, saved = recorder.saved_at, []
    for number, minutes in enumerate([9, 11, 20, 22], 1):
        monkeypatch.setattr(time, 'monotonic', lambda minutes=minutes: begun + 60 * minutes)
        step(recorder, number)
        saved.append(checkpoint.steps_in(str(tmp_path / 'checkpoints')))
    assert saved == [[], [2], [2], [2, 4]]


@pytest.mark.parametrize('steps, done, said', [
    ([2, 4], 4, None), ([2, 4], 5, None), ([2, 4, 6, 8], 4, None), ([2], 3, None), ([], 1, None), ([], 0, None),
    ([2], 4, 2), ([2, 4], 9, 4), ([], 2, 0), ([2, 8], 6, 2)])
def test_metrics_that_end_before_the_checkpoint_are_said_to(record, tmp_path, capsys, steps, done, said):
    """A power cut takes lines that no checkpoint has flushed."""
    (tmp_path / 'checkpoints/metrics.jsonl').write_text(''.join(f'{{"step": {step}}}\n' for step in steps))
    record(steps_done=done)
    lines = [line for line in capsys.readouterr().out.splitlines() if 'metrics.jsonl' in line]
    assert len(lines) == (said is not None)
    if lines:
        assert f'metrics.jsonl ends at step {said}, and the checkpoint is of step {done}: the lines' in lines[0]


def test_lines_and_grids_are_on_the_disk_before_the_checkpoint(record, calls):
    recorder = record(save_every=1)
    step(recorder, 1)
    step(recorder, 2)
    saved, partial = calls.index(('replace', 'model-2.index', 'model-2.index')), f'.{os.getpid()}.partial'
    assert calls.index(('fsync', 'metrics.jsonl')) < saved
    grid = calls.index(('replace', partial, 'epoch-0001.png'))
    assert calls[grid - 1] == ('fsync', partial) and calls[grid + 1] == ('fsync', 'samples') and grid < saved


def test_a_run_whose_checkpoints_are_gone_is_told_where_it_was(record, tmp_path, capsys):
    (tmp_path / 'checkpoints/metrics.jsonl').write_text('{"step": 40}\n')
    record()
    said = capsys.readouterr().out
    assert 'metrics.jsonl goes to step 40, but no checkpoint is there: the run starts again at step 0' in said

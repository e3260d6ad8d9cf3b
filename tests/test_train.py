"""train.py, each run a process of its own."""

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import pix2pix
import train
from pix2pix.errors import UserError
from pix2pix.run import report
from tests.conftest import damage, draw_pairs
from tests.scripts import ROOT, TINY, assert_same_run, finished, run, start, variables, wait_for, wait_for_metrics


def test_a_run_leaves_what_it_says(unbroken):
    cwd, output = unbroken
    first, sizes, second, third, *_ = lines = output.splitlines()
    assert first.startswith(('CPU: ', 'GPU: ')) and '7 pairs in pairs/train' in first
    assert sizes == 'pairs of 256 x 256 pixels are resized to 286 x 286 and cropped at random to 256 x 256'
    assert second == 'tiny: 7 steps, 0 of them done'
    assert third.startswith('epoch 1  step 3/7  d_loss ') and ' images/s  0:0' in third
    assert [line.split()[1] for line in lines if line.startswith('epoch ')] == ['1', '2', '3']
    assert [line.split()[3] for line in lines if line.startswith('validation after step ')] == ['3:', '5:', '7:']
    assert 'open samples/tiny/index.html' in output and 'python test.py --name tiny' in output
    assert output.endswith('python -m pix2pix.draw --name tiny\n')
    assert (cwd / 'checkpoints/tiny/palette.json').read_text() == '[]\n'       # these are no label maps
    metrics = [json.loads(line) for line in (cwd / 'checkpoints/tiny/metrics.jsonl').read_text().splitlines()]
    assert [m['step'] for m in metrics] == [1, 2, 3, 4, 5, 6, 7]
    assert all({'epoch', 'd_loss', 'g_loss_gan', 'g_loss_l1'} < m.keys() for m in metrics)
    assert metrics[3]['epoch'] == pytest.approx(12 / 7)
    assert sorted(p.name for p in (cwd / 'samples/tiny').iterdir() if p.is_file()) == [
        *(f'epoch-000{e}.png' for e in (1, 2, 3)), 'index.html']
    grid = iio.imread(cwd / 'samples/tiny/epoch-0003.png')
    assert grid.shape == (2 * 256, 3 * 256, 3)
    # Source and target of the first validation pair, resized as ever; the output lies between them.
    pair = iio.imread(cwd / 'pairs/val/0.png')
    assert np.abs(grid[128, 128].astype(int) - pair[128, 128]).max() < 20
    assert np.abs(grid[128, 640].astype(int) - pair[128, 384]).max() < 20
    options = json.loads((cwd / 'checkpoints/tiny/options.json').read_text())
    assert options['base_filters'] == 1 and options['layers'] == 'paper' and options['images'] == 7
    assert options['pix2pix'] == pix2pix.__version__ and options['tensorflow'] == tf.__version__


@pytest.mark.faults
@pytest.mark.parametrize('k', [1, 2])
def test_stopped_after_some_epochs_and_carried_on(unbroken, tmp_path, k):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', str(k), *TINY, '--keep_best', 'ssim')
    # A run that ends at k epochs ends with a sample and a step that may lie inside the longer run's epochs.
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '3', *TINY, '--keep_best', 'ssim')
    assert f'7 steps, {-(-7 * k // 3)} of them done' in output
    assert 'changed since the run was started: epochs 3' in output
    assert_same_run(tmp_path, unbroken[0])


@pytest.mark.faults
@pytest.mark.parametrize('precision', ['float32', 'bfloat16'])
def test_two_runs_with_one_seed(tmp_path, precision):
    """And what is passed over is said, and changes nothing."""
    for folder, more in ('one', []), ('other', ['--deterministic']):
        pairs = draw_pairs(tmp_path / folder / 'pairs', train=4, val=1)
        for name in ('train/x.heic', 'train/y.npy', 'val/z.heic') if more else ():
            (pairs / name).touch()
        output = finished(start(tmp_path / folder, 'train.py', '--dataset', 'pairs', *TINY, '--epochs', '1',
                                '--precision', precision, *more))
        assert ('\n3 files passed over (.heic .npy)\n' in output) == ('passed over' in output) == bool(more)
    assert_same_run(tmp_path / 'one', tmp_path / 'other')


@pytest.mark.parametrize('number, status', [(signal.SIGTERM, 143),
                                            pytest.param(signal.SIGINT, 130, marks=pytest.mark.faults)])
def test_a_signal_saves_and_the_run_carries_on(tmp_path, unbroken, number, status):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    process = start(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '3', *TINY, '--keep_best', 'ssim')
    wait_for_metrics(tmp_path, process)
    process.send_signal(number)
    output = process.communicate(timeout=100)[0]
    assert process.returncode == status, output         # it was not done before the signal came
    assert f'stopped by {signal.Signals(number).name} after step ' in output
    assert 'the same command carries on' in output
    finished(start(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '3', *TINY, '--keep_best', 'ssim'))
    assert_same_run(tmp_path, unbroken[0])


@pytest.mark.faults
def test_a_closed_pipe_saves_and_the_run_carries_on(tmp_path, unbroken):
    """python train.py ... | head -1"""
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    process = start(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '3', *TINY, '--keep_best', 'ssim')
    assert '7 pairs' in process.stdout.readline()
    process.stdout.close()
    assert process.wait(100) == 128 + signal.SIGPIPE
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '3', *TINY, '--keep_best', 'ssim')
    assert '7 steps, 1 of them done' in output
    assert_same_run(tmp_path, unbroken[0])


@pytest.mark.faults
def test_a_closed_terminal_saves_and_the_run_carries_on(tmp_path, unbroken):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, f'{ROOT}/train.py', '--dataset', 'pairs', '--epochs', '3', *TINY, '--keep_best', 'ssim'],
        cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(theirs)
    wait_for((tmp_path / 'checkpoints/tiny/metrics.jsonl').exists, process)
    os.close(ours)
    assert process.wait(100) == 128 + signal.SIGHUP
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '3', *TINY, '--keep_best', 'ssim')
    assert 0 < int(re.search(r'(\d) of them done', output)[1]) < 7
    assert_same_run(tmp_path, unbroken[0])


@pytest.mark.faults
def test_a_signal_while_the_page_is_written_loses_nothing(tmp_path, monkeypatch):
    """It comes after it was decided not to save: the next step answers it, and what is said to be saved is there."""
    draw_pairs(tmp_path / 'pairs', train=7, val=1)
    monkeypatch.chdir(tmp_path)
    calls, write = [], report.write

    def interrupted(*args, **kwargs):
        write(*args, **kwargs)
        calls.append(args)
        if len(calls) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
    monkeypatch.setattr(report, 'write', interrupted)
    assert train.main(train.parse(['--dataset', 'pairs', '--epochs', '9', *TINY, '--save_every', '9'])) == 143
    assert variables(tmp_path)[1] == 4          # the page is of step 3


@pytest.mark.faults
def test_a_fault_of_the_page_is_said_and_the_training_goes_on(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=4, val=1)
    (tmp_path / 'samples/tiny/test').mkdir(parents=True)
    (tmp_path / 'samples/tiny/test/metrics.json').write_text('junk')
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY)
    assert 'the page was not written: samples/tiny/test/metrics.json does not hold test results' in output
    # Finished, its samples gone, and called again: nothing to do, and a page all the same.
    shutil.rmtree(tmp_path / 'samples')
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY)
    assert 'done: 2 steps' in output and (tmp_path / 'samples/tiny/index.html').exists()


@pytest.mark.faults
def test_an_error_of_the_program_itself_ends_it(trained, tmp_path):
    """A session left open by an exception would be waited for without end."""
    script = tmp_path / 'fails.py'
    script.write_text('import sys\nsys.path.insert(0, sys.argv.pop(1))\nimport test\n'
                      'def fail(*args): raise ZeroDivisionError\ntest.grid = fail\n'
                      'test.main(test.parse(["--name", "tiny", "--output", "fails"]))\n')
    process = subprocess.run([sys.executable, script, ROOT], cwd=trained, capture_output=True, text=True,
                             timeout=60)
    assert 'ZeroDivisionError' in process.stderr


def test_changed_options_stop_the_run(trained, monkeypatch):
    cwd = trained
    monkeypatch.chdir(cwd)
    before = (cwd / 'checkpoints/tiny/options.json').read_text()
    for name, value in ('base_filters', '2'), ('direction', 'BtoA'), ('seed', '1'), ('layers', 'writeup'):
        with pytest.raises(UserError, match=f'{name} is {value}, but the run was started with'):
            train.main(train.parse(['--dataset', 'pairs', '--epochs', '9', *TINY, f'--{name}', value]))
    assert (cwd / 'checkpoints/tiny/options.json').read_text() == before and variables(cwd)[1] == 7


def test_fewer_epochs_than_are_done_change_nothing(trained, monkeypatch):
    monkeypatch.chdir(trained)
    before = (trained / 'checkpoints/tiny/options.json').read_text()
    with pytest.raises(UserError, match='tiny has done 7 steps, more than the 3 of 1 epoch: there is nothing to do'):
        train.main(train.parse(['--dataset', 'pairs', *TINY, '--epochs', '1']))
    assert (trained / 'checkpoints/tiny/options.json').read_text() == before


@pytest.mark.faults
def test_the_writeup_trains_and_tests(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=4, val=1)
    run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY, '--layers', 'writeup')
    assert 'moving statistics' in run(tmp_path, 'test.py', '--name', 'tiny')
    output = run(tmp_path, 'test.py', '--name', 'tiny', '--statistics', 'batch', status=1)
    assert 'batch statistics do not fit this run: the layers of the write-up' in output
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY, '--layers', 'writeup',
                 '--batch_size', '1', '--name', 'one', status=1)
    assert '--layers writeup needs two pairs or more on each device' in output


@pytest.mark.faults
def test_gray_and_larger_crops(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=2)
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY, '--batch_size', '1',
                 '--crop_size', '512', '--source_channels', '1', '--target_channels', '1')
    assert 'done' in output and iio.imread(tmp_path / 'samples/tiny/epoch-0001.png').shape == (1024, 1536, 3)


def test_a_broken_image_ends_the_run_with_its_name(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=2, val=1)
    (tmp_path / 'pairs/train/1.png').write_bytes(b'\x89PNG\r\n\x1a\n, but no more')
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY, status=1)
    last = output.splitlines()[-1]
    assert "train.py: 'pairs/train/1.png': does not decode as PNG" in last
    assert last.endswith('; python -m datasets.check FOLDER reads every file')
    assert 'Traceback' not in output and 'node' not in output


@pytest.mark.faults
def test_damage_that_no_header_tells_ends_the_run_with_its_name_when_its_turn_comes(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=6, val=1)
    damage(tmp_path / 'pairs/train/2.png')          # not among the four that are read beforehand
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY, status=1)
    assert "train.py: 'pairs/train/2.png': does not decode as PNG" in output.splitlines()[-1]
    assert '0 of them done' in output and 'Traceback' not in output and 'node' not in output


def test_what_headers_tell_of_any_pair_ends_the_run_before_it_begins(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=6, val=2)
    pair = iio.imread(tmp_path / 'pairs/val/1.png')
    iio.imwrite(tmp_path / 'pairs/val/1.png', pair[:, 1:])
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY, status=1)
    assert output == ("train.py: 'pairs/val/1.png': 511 x 256 pixels; an odd width has no equal halves; "
                      'python -m datasets.check FOLDER reads every file\n')
    assert not (tmp_path / 'checkpoints').exists()


@pytest.mark.faults
def test_what_training_changes_in_the_pairs_is_said_at_the_start(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=2, val=1)
    for i in range(2):
        pair = np.random.RandomState(i).randint(0, 4096, [32, 96, 4]).astype(np.uint16)
        pair[0, [0, 48]], pair[1, [0, 48]] = 0, 4095
        (tmp_path / f'pairs/train/{i}.png').write_bytes(imagecodecs.png_encode(pair))
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY)
    assert '\n'.join([
        '',
        'halves are 48 x 32 and become 256 x 256: their aspect is not kept',
        'alpha is dropped, such as that of pairs/train/0.png: colours under transparent pixels come through',
        'A (left): values reach from 0 to 4,095 of 65,535, a small part of the range',
        'B (right): values reach from 0 to 4,095 of 65,535, a small part of the range',
        'tiny: 1 step, 0 of them done']) in output


@pytest.mark.faults
def test_a_loss_that_is_not_finite_ends_the_run_and_shows_the_batch(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=2, val=1)
    args = ['--dataset', 'pairs', *TINY, '--batch_size', '2']
    run(tmp_path, 'train.py', *args, '--epochs', '1')
    output = run(tmp_path, 'train.py', *args, '--epochs', '9', '--learning_rate', '1e30', status=1)
    assert 'changed since the run was started: epochs 9, learning_rate 1e+30' in output
    last = output.splitlines()[-1]
    assert last.startswith('train.py: ')
    assert ' is nan at step 2. Its batch is in samples/tiny/not-finite-step-2.png' in last
    assert iio.imread(tmp_path / 'samples/tiny/not-finite-step-2.png').shape == (512, 512, 3)
    assert variables(tmp_path)[1] == 1


def test_two_folders_of_sides_are_refused_with_the_command_that_joins_them(tmp_path):
    draw_pairs(tmp_path / 'mine', A=1, B=1)
    assert run(tmp_path, 'train.py', '--dataset', 'mine', status=1) == (
        'train.py: mine has the two sides of its pairs in folders of their own. Join them: '
        'python -m datasets.combine mine/A mine/B mine/train\n')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['mine']

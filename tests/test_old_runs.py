"""Runs of earlier versions are carried on and drawn. tests/old_run is what commit 4f4b7f5 left after its third step,
and, in `expected`, what the same commit went on to: two AVX2 cores, TensorFlow 2.21.0, float32."""

import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from pix2pix import Generator
from pix2pix.run import log
from tests.conftest import draw_pairs
from tests.scripts import ROOT, TINY, finished, run, start, variables, variables_of

OLD = pathlib.Path(__file__).parent / 'old_run'
TRAIN = ['--dataset', 'pairs', *TINY, '--keep_best', 'ssim', '--precision', 'float32', '--epochs']


@pytest.fixture
def old_run(tmp_path):
    shutil.copytree(OLD, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_run_of_4f4b7f5_is_carried_on(old_run):
    """Other CPUs round otherwise, so that here the steps are only near; the next test asks for the same bits."""
    before, _ = variables(old_run)
    assert '7 steps, 3 of them done' in run(old_run, 'train.py', *TRAIN, '3')
    after, step = variables(old_run)
    expected = variables_of(old_run / 'expected/model-7')
    assert step == 7 and after.keys() == expected.keys() == before.keys()
    for name in expected:
        moved = np.linalg.norm(expected[name] - before[name])
        assert np.linalg.norm(after[name] - expected[name]) <= 0.02 * moved + 1e-6, name
    lines = [(old_run / folder / 'metrics.jsonl').read_text().splitlines()[:3]
             for folder in ('checkpoints/tiny', 'expected')]
    assert lines[0] == lines[1]


def test_a_run_of_4f4b7f5_is_drawn(old_run):
    run(old_run, 'test.py', '--name', 'tiny', '--dataset', 'pairs', '--limit', '1', '--output', 'drawn')
    drawn, expected = iio.imread(old_run / 'drawn/output/0.png'), Image.open(old_run / 'expected/drawn-0.png')
    expected = np.asarray(expected.resize((32, 32), Image.Resampling.BILINEAR), int)       # as large as the pair, since
    assert np.abs(drawn.astype(int) - expected).max() <= 2


def test_a_run_of_4f4b7f5_is_drawn_from_python_though_its_options_lack_what_came_later(old_run):
    """What came later is as it was then, so that its only weights are drawn, `raw` or not."""
    picture = iio.imread(old_run / 'pairs/val/0.png')[:, :32]
    outputs = [Generator(old_run / 'checkpoints/tiny', raw=raw)(picture) for raw in (False, True)]
    np.testing.assert_array_equal(*outputs)
    assert outputs[0].shape == (32, 32, 3)


@pytest.mark.faults
def test_a_run_of_4f4b7f5_keeps_what_came_later_as_it_was_then(old_run):
    before = (old_run / 'checkpoints/tiny/options.json').read_bytes()
    for option, value, was in ('norm', 'instance', 'batch'), ('ema', '0.9', '0.0'):
        assert f'{option} is {value}, but the run was started with {was}' in run(
            old_run, 'train.py', *TRAIN, '3', f'--{option}', value, status=1)
    assert (old_run / 'checkpoints/tiny/options.json').read_bytes() == before


@pytest.mark.faults
def test_the_bits_are_those_of_4f4b7f5(tmp_path):
    """The old version itself trains on beside the new one, on the same machine.

    Its weights, slots and losses are equal. It validated one picture at a time, which rounds otherwise.
    """
    archive = subprocess.run(['git', '-C', ROOT, 'archive', '4f4b7f5'], capture_output=True)
    if archive.returncode:
        pytest.skip('no history in this checkout')
    tarfile.open(fileobj=io.BytesIO(archive.stdout)).extractall(tmp_path / 'code', filter='data')
    old, new = tmp_path / 'old', tmp_path / 'new'
    draw_pairs(old / 'pairs', train=7, val=3)
    environment = {**os.environ, 'TF_ENABLE_ONEDNN_OPTS': '0'}      # the old version left that to TensorFlow
    subprocess.run([sys.executable, tmp_path / 'code/train.py', *TRAIN, '1'], cwd=old, env=environment, check=True,
                   timeout=300)
    shutil.copytree(old, new)
    subprocess.run([sys.executable, tmp_path / 'code/train.py', *TRAIN, '3'], cwd=old, env=environment, check=True,
                   timeout=300)
    finished(start(new, 'train.py', *TRAIN, '3', TF_ENABLE_ONEDNN_OPTS='0'))
    (a, step), (b, again) = variables(old), variables(new)
    assert step == again == 7 and a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    for before, after in zip(log.read(old / 'checkpoints/tiny/metrics.jsonl'),
                             log.read(new / 'checkpoints/tiny/metrics.jsonl'), strict=True):
        assert before.keys() == after.keys() and {name: value for name, value in before.items() if 'val_' not in name} \
            == {name: value for name, value in after.items() if 'val_' not in name}
        assert after == pytest.approx(before, rel=1e-4)
    for epoch in 1, 2, 3:
        grids = [iio.imread(cwd / f'samples/tiny/epoch-000{epoch}.png').astype(int) for cwd in (old, new)]
        assert np.abs(grids[0] - grids[1]).max() <= 1

"""Faults against real processes, and ten thousand broken images: pytest -m faults."""

import os
import random
import re
import shutil
import signal
import subprocess
import time

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pix2pix.devices import cpu_session
from pix2pix.errors import reason
from pix2pix.images import decode
from pix2pix.images.pairs import first_unreadable
from tests.conftest import draw_pairs
from tests.scripts import TINY, assert_same_run, run, start, variables, wait_for, wait_for_metrics
from tests.test_diagnose import FORM

pytestmark = pytest.mark.faults
EPOCHS = '60'       # 140 steps of 7 pairs in batches of 3


@pytest.fixture(scope='module')
def unbroken(tmp_path_factory):
    cwd = tmp_path_factory.mktemp('unbroken')
    draw_pairs(cwd / 'pairs', train=7, val=3)
    run(cwd, 'train.py', '--dataset', 'pairs', '--epochs', EPOCHS, *TINY)
    return cwd


def test_thirty_kills(unbroken, tmp_path):
    """kill -9 at random moments of the training, every third while a checkpoint is being written."""
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    chance, kills, in_writing = random.Random(0), 0, 0
    partial, metrics = tmp_path / 'checkpoints/tiny/partial', tmp_path / 'checkpoints/tiny/metrics.jsonl'
    while kills < 30:
        begun = time.time()
        process = start(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', EPOCHS, *TINY)
        if kills % 3 == 0:
            wait_for(lambda begun=begun: partial.exists() and partial.stat().st_ctime > begun, process)
        else:
            before = metrics.stat().st_mtime_ns if metrics.exists() else 0
            wait_for(lambda before=before: metrics.exists() and metrics.stat().st_mtime_ns > before, process)
            time.sleep(chance.uniform(0, 2))
        process.kill()
        output = process.communicate()[0]
        assert process.returncode == -signal.SIGKILL, output       # not done before: then --epochs is too small
        kills += 1
        in_writing += partial.exists()
    print(f'{kills} kills, {in_writing} while a checkpoint was being written')
    assert in_writing >= 3
    run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', EPOCHS, *TINY)
    assert_same_run(tmp_path, unbroken)


@pytest.mark.parametrize('k', [1, 4, 17])
def test_stopped_at_a_step_within_an_epoch(unbroken, tmp_path, k):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    process = start(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', EPOCHS, *TINY)
    wait_for_metrics(tmp_path, process, lines=k)
    process.terminate()
    assert 'stopped by SIGTERM after step' in process.communicate()[0] and process.returncode == 143
    run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', EPOCHS, *TINY)
    assert_same_run(tmp_path, unbroken)


def test_a_second_interrupt_leaves_at_once(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    process = start(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '5000', *TINY, '--base_filters', '8')
    metrics = tmp_path / 'checkpoints/tiny/metrics.jsonl'
    wait_for(metrics.exists, process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode in (-signal.SIGINT, 130)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 MiB at tmp_path/checkpoints."""
    folder = tmp_path / 'checkpoints'
    folder.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder], capture_output=True).returncode:
        pytest.skip('mounting a tmpfs is not allowed here')
    yield folder
    subprocess.run(['umount', '-l', folder], check=True)


def test_a_full_disk(unbroken, tmp_path, small_disk):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '3', *TINY)
    before, step = variables(tmp_path)
    filler = small_disk / 'filler'
    with open(filler, 'wb') as file:
        file.write(bytes(shutil.disk_usage(small_disk).free - 100_000))
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', EPOCHS, *TINY, status=1)
    last = output.splitlines()[-1]
    assert last.startswith('train.py: checkpoints/tiny/') and 'could not be written' in last, output
    after, again = variables(tmp_path)
    assert again >= step and all((after[name] == before[name]).all() for name in before if again == step)
    filler.unlink()
    run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', EPOCHS, *TINY)
    assert_same_run(tmp_path, unbroken)


def test_a_damaged_newest_checkpoint_in_a_real_run(unbroken, tmp_path):
    shutil.copytree(unbroken, tmp_path, dirs_exist_ok=True)
    newest = tmp_path / f'checkpoints/tiny/model-{variables(tmp_path)[1]}.data-00000-of-00001'
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(bytes(data))
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', EPOCHS, *TINY)
    assert 'model-140 cannot be restored' in output and '138 of them done' in output
    assert_same_run(tmp_path, unbroken)


def test_the_second_trainer_is_refused(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    first = start(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '5000', *TINY)
    wait_for((tmp_path / 'checkpoints/tiny/metrics.jsonl').exists, first)
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '5000', *TINY, status=1)
    assert re.fullmatch(f'train.py: checkpoints/tiny is being trained by process {first.pid} on .*\n', output), output
    first.kill()
    first.wait()


def test_an_image_deleted_while_training(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    process = start(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '5000', *TINY)
    wait_for((tmp_path / 'checkpoints/tiny/model-3.index').exists, process)
    (tmp_path / 'pairs/train/3.png').unlink()
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "train.py: 'pairs/train/3.png': cannot be opened (no such file)" in output.splitlines()[-1]
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '5000', *TINY, status=1)
    assert 'the data set has changed: the run was started with 7 pairs, and there are 6 now' in output


def test_a_folder_that_cannot_be_written(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=2)
    (tmp_path / 'checkpoints').write_text('a file')
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY, status=1)
    assert re.fullmatch('train.py: .*checkpoints.*\n', output), output


def test_a_read_only_folder(tmp_path, small_disk):
    draw_pairs(tmp_path / 'pairs', train=2)
    subprocess.run(['mount', '-o', 'remount,ro', small_disk], check=True)
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY, status=1)
    assert re.fullmatch('train.py: .*Read-only.*\n', output), output


# Fuzzing: whatever the bytes, an image or an error of ours, and the process lives.

def seeds():
    """Small images of every format."""
    image = np.random.RandomState(0).randint(0, 256, [6, 8, 3]).astype(np.uint8)
    files = [iio.imwrite('<bytes>', image, extension='.' + e) for e in ('png', 'jpg', 'bmp', 'tif', 'webp', 'gif')]
    files += [iio.imwrite('<bytes>', image, extension='.' + e, plugin='pillow') for e in ('avif', 'jp2')]
    files += [iio.imwrite('<bytes>', image[..., 0].astype(np.uint16) * 257, extension='.' + e) for e in ('png', 'tif')]
    for compression in 'lzw', 'deflate', 'jpeg', 'packbits':
        path = f'/tmp/pix2pix-fuzz-{os.getpid()}.tif'
        tifffile.imwrite(path, np.tile(image, (4, 4, 1)), compression=compression, photometric='rgb')
        with open(path, 'rb') as file:
            files.append(file.read())
        os.remove(path)
    return files


SEEDS = seeds()
MUTATIONS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6)


def test_ten_thousand_mutated_images(tmp_path):
    path, outcomes = str(tmp_path / 'image'), {'image': 0, 'error': 0}
    placeholder = tf.compat.v1.placeholder(tf.string, [])
    image = decode.rgb(placeholder)
    with cpu_session() as sess:
        @settings(max_examples=10_000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.sampled_from(range(len(SEEDS))), MUTATIONS, st.just(1.0) | st.floats(0.02, 1))
        def mutate(index, mutations, length):
            data = bytearray(SEEDS[index])
            for place, value in mutations:
                data[int(place * min(len(data), 400))] = value      # mostly headers
            with open(path, 'wb') as file:
                file.write(data[:int(length * len(data))])
            try:
                pixels = sess.run(image, {placeholder: path})
            except tf.errors.OpError as error:
                outcomes['error'] += 1
                assert '\n' not in reason(error) and reason(error)
            else:
                outcomes['image'] += 1
                assert pixels.ndim == 3 and pixels.shape[-1] == 3 and np.isfinite(pixels).all()
                assert pixels.min() >= 0
        mutate()
    print(outcomes)
    assert sum(outcomes.values()) >= 10_000 and min(outcomes.values()) > 500


def test_every_format_cut_at_every_tenth(tmp_path):
    for data in SEEDS:
        for tenth in range(10):
            (tmp_path / 'cut').write_bytes(data[:len(data) * tenth // 10])
            error = first_unreadable([str(tmp_path / 'cut')], FORM)
            assert error is None or '\n' not in str(error)

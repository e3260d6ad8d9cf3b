"""Power cuts: the file system of a run is shut down in mid-training, with all that is not on the disk yet, and mounted
again. Needs root: pytest -m faults."""

import contextlib
import fcntl
import gc
import os
import random
import re
import shutil
import struct
import subprocess
import threading
import time
import traceback

import imageio.v3 as iio
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.errors import UserError
from pix2pix.run import checkpoint
from tests.conftest import draw_pairs
from tests.nth_call import Training, quietly
from tests.scripts import TINY, assert_same_run, run, start, wait_for

pytestmark = pytest.mark.faults
EPOCHS, CUTS = '40', 12         # 94 steps of 7 pairs in batches of 3; cuts on each file system
TRAIN = ['train.py', '--dataset', '../pairs', '--epochs', EPOCHS, *TINY]
SHUTDOWN, NOTHING_FLUSHED = 0x8004587d, 2       # FS_IOC_SHUTDOWN of linux/fs.h, and what it takes along


class Disk:
    """A file system in a file, mounted at `folder`."""

    def __init__(self, kind, folder):
        self.kind, self.folder, self.file = kind, folder, f'{folder}.img'
        with open(self.file, 'wb') as file:
            file.truncate(400 << 20)
        subprocess.run([f'mkfs.{kind}', '-q', self.file], check=True)
        folder.mkdir()

    def mount(self):
        return subprocess.run(['mount', '-o', 'loop', '-t', self.kind, self.file, self.folder], capture_output=True)

    def cut(self):
        fd = os.open(self.folder, os.O_RDONLY)
        fcntl.ioctl(fd, SHUTDOWN, struct.pack('I', NOTHING_FLUSHED))
        os.close(fd)

    def unmount(self):
        return subprocess.run(['umount', self.folder], capture_output=True)


@pytest.fixture(params=['ext4', 'xfs'])
def disk(request, tmp_path):
    if os.getuid() or not shutil.which(f'mkfs.{request.param}'):
        pytest.skip(f'needs root, and mkfs.{request.param}')
    disk = Disk(request.param, tmp_path / 'disk')
    if (failed := disk.mount()).returncode:
        pytest.skip(f'no loop mount of {request.param} here: {failed.stderr}')
    yield disk
    disk.unmount()


def test_what_was_saved_is_there_after_power_cuts_at_any_moment(disk):
    """Of one variable and its recorder, in this process: also in the midst of a save, and right behind one."""
    train, chance, cuts = Training(epochs=10_000), random.Random(1), []

    def cut_within_the_third_step(before):
        times = []
        for _ in range(2):
            while train.saved == before:
                time.sleep(0.001)
            before = train.saved
            times.append(time.monotonic())
        time.sleep(chance.random() * (times[1] - times[0]))
        disk.cut()
    for _ in range(CUTS):
        threading.Thread(target=cut_within_the_third_step, args=[train.saved], daemon=True).start()
        error, said = quietly(train, str(disk.folder), 10_000)
        assert isinstance(error, UserError | OSError), ''.join(traceback.format_exception(error))
        assert cuts == [] or train.begun in (cuts[-1], cuts[-1] + 1), (cuts, train.begun, said)
        assert 'cannot be restored' not in said and 'metrics.jsonl ends at' not in said
        for close in train.record.log.file.close, train.record.log.writer.close:
            with contextlib.suppress(OSError, tf.errors.OpError):
                close()
        del error       # which may hold a file that is open
        gc.collect()
        cuts.append(train.saved)
        assert disk.unmount().returncode == 0 and disk.mount().returncode == 0
        assert all(iio.imread(path).shape == (16, 48, 3) for epoch, path in train.record.run.grids()[:cuts[-1]])
    print(f'{disk.kind}: cut after steps {cuts}')


@pytest.fixture(scope='module')
def unbroken(tmp_path_factory):
    cwd = tmp_path_factory.mktemp('unbroken') / 'run'
    cwd.mkdir()
    draw_pairs(cwd.parent / 'pairs', train=7, val=3)
    run(cwd, *TRAIN)
    return cwd


def test_a_run_outlives_power_cuts(disk, unbroken, tmp_path):
    """Each start carries on from a checkpoint that is at most one save older than the newest before the cut."""
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    folder, chance, cuts, oldest = str(disk.folder / 'checkpoints/tiny'), random.Random(0), [], 0

    def carried_on_from(output):
        done = int(re.search(r'steps, (\d+) of them done', output)[1])
        assert done >= oldest, (cuts, output)
        return done
    for cut in range(CUTS):
        before, process = checkpoint.steps_in(folder), start(disk.folder, *TRAIN)
        wait_for(lambda before=before: checkpoint.steps_in(folder)[-1:] > before[-1:], process)
        time.sleep(chance.uniform(0, 1.5) if cut % 3 else 0)        # every third right behind a checkpoint
        steps = checkpoint.steps_in(folder)
        disk.cut()
        process.kill()
        done = carried_on_from(process.communicate()[0])
        assert disk.unmount().returncode == 0 and disk.mount().returncode == 0
        oldest = [0, *steps][-2]
        cuts.append(f'{done} -> {steps[-1]}')
    done = carried_on_from(run(disk.folder, *TRAIN))
    print(f'{disk.kind}: {", ".join(cuts)}, {done} -> the end')
    assert_same_run(disk.folder, unbroken)

"""A start, a step and an end of a run, in which the n-th file call fails, for every n; with nth_call.c preloaded.

python -m tests.nth_call LIBRARY FOLDER: prints a line for each place at which what came of it is wrong, and the counts.
"""

import pix2pix.quiet  # noqa: F401

# isort: split
import contextlib
import ctypes
import errno
import io
import os
import pathlib
import re
import shutil
import sys
import traceback

import numpy as np
import tensorflow.compat.v1 as tf

import reader
from pix2pix.errors import UserError
from pix2pix.run import checkpoint
from pix2pix.run.folder import Run
from pix2pix.run.recorder import Cadence, Recorder

FAULTS = {'a kill': 0, 'a full disk': errno.ENOSPC, 'a broken disk': errno.EIO, 'no descriptors': errno.EMFILE}
CADENCE = Cadence(log_every=1, validate_every=1, sample_every=1, samples=1, save_every=1, save_minutes=60, keep=2,
                  keep_best='ssim', events='on')


class Training:
    """One variable, which is the number of steps that are done, and a recorder of what comes of it."""

    begun = saved = 0       # the step at which it was carried on the last time, and the newest that was saved

    def __init__(self, epochs=3):
        self.value = tf.get_variable('v', [1000])
        pairs = reader.Pairs('train', ['a'], ['val/x'], passed_over=[])
        order = reader.Order(images=1, batch_size=1, epochs=epochs, seed=0)
        self.record = Recorder(run=None, order=order, pairs=pairs, draw=self.draw, cadence=CADENCE)
        self.sess = tf.Session()

    def draw(self, sess, paths):
        return ([np.full([16, 16, 3], value, np.float32) for value in (-1, 0, 1)] for path in paths)

    def __call__(self, folder, steps=3):
        """Carry the run in a folder on to that step."""
        self.record.run = run = Run(f'{folder}/checkpoints', f'{folder}/samples')
        self.value.load(np.zeros(1000, 'f'), self.sess)
        with run.opened({'epochs': steps}, [], steps):
            self.record.restore(self.sess)
            begun = self.sess.run(self.value)
            assert (begun == begun[0]).all(), 'a mixture was restored'
            self.begun = int(begun[0])
            self.record.begin(self.begun)
            for step in range(self.begun + 1, steps + 1):
                self.value.load(np.full(1000, step, 'f'), self.sess)
                self.record.show(step, {'d_loss': 1 / step, 'g_loss_gan': step, 'g_loss_l1': step}, {})
                scores = self.record.validate_if_due()
                self.record.log_if_due(scores)
                self.record.sample_if_due()
                self.record.save_if_due(scores)
                self.saved = step
            self.record.end()


def left(folder):
    """What a run has left: content by name, but for what holds times or the number of a process."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(pathlib.Path(folder).rglob('*'))
            if path.is_file() and path.name not in ('index.html', 'lock') and path.parent.name != 'events'}


def main(library, folder):
    library, train = ctypes.CDLL(library), Training()
    quietly(train, f'{folder}/base', 2)
    shutil.copytree(f'{folder}/base', f'{folder}/whole')
    library.nth_call_arm(f'{folder}/whole'.encode(), 0, 0, b'')
    quietly(train, f'{folder}/whole')
    places, expected, tried = library.nth_call_disarm(), left(f'{folder}/whole'), 0
    for fault, number in FAULTS.items():
        for n in range(1, places + 1):
            tried += 1
            for problem in at(library, train, folder, n, fault, number, expected):
                print(f'{fault} at call {n} of {places}: {problem}', flush=True)
    print(f'{tried} faults at {places} places')


def quietly(train, *args):
    """(the error that it ends with, or None; what it says)"""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            return train(*args), said.getvalue()
        except Exception as error:
            return error, said.getvalue()


def at(library, train, folder, n, fault, number, expected):
    """What is wrong after that fault at the n-th call."""
    work, copy = f'{folder}/work', f'{folder}/copy'
    for path in work, copy:
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(f'{folder}/base', work)
    library.nth_call_arm(work.encode(), n, number, copy.encode())
    error, said = quietly(train, work)
    library.nth_call_disarm()
    if number:      # one line, with the system's reason
        reason = os.strerror(number)
        if error:
            if not isinstance(error, UserError | OSError):
                yield ''.join(traceback.format_exception(error))
            elif '\n' in str(error) or reason not in str(error):
                yield f'the reason is not {reason}: {error}'
        for line in re.findall('the page was not written.*', said):
            if reason not in line:
                yield line
    elif error:
        yield f'the copy failed: {error}'
    error, said = quietly(train, work if number else copy)
    if error:
        yield f'it does not carry on: {"".join(traceback.format_exception(error))}'
        return
    if train.begun not in (2, 3) or 'cannot be restored' in said:
        yield f'carried on from {train.begun}: {said}'
    there = left(work if number else copy)
    for name in sorted(there.keys() | expected.keys()):
        if there.get(name) != expected.get(name):
            yield f'{name} differs, is missing or is too many'
    assert checkpoint.steps_in(f'{work if number else copy}/checkpoints')[-1] == 3


if __name__ == '__main__':
    with tf.Graph().as_default():
        main(*sys.argv[1:])

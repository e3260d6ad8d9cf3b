"""Checkpoints: model-STEP.index and model-STEP.data-... in a run's folder, whole or not there at all.

model-STEP.sums says what is whole: {"index": [size, SHA-256], ...}. Those of earlier versions have none.
"""

import contextlib
import glob
import hashlib
import json
import os
import re
import shutil

import tensorflow.compat.v1 as tf

from pix2pix import devices, files
from pix2pix.errors import UserError, reason


class CheckpointError(UserError):
    """A checkpoint that cannot be read or written. The one before it may be good."""


def new_saver():
    """A saver of all variables that deletes nothing by itself."""
    return tf.train.Saver(max_to_keep=0)


def steps_in(run_dir):
    """The steps of the checkpoints in a folder, oldest first; none where there is no folder."""
    names = os.listdir(run_dir) if os.path.isdir(run_dir) else []
    found = (re.fullmatch(r'model-(\d+)\.index', name) for name in names)
    return sorted(int(match[1]) for match in found if match)


def prefix_of(run_dir, step):
    return os.path.join(run_dir, f'model-{step}')


def check_there(path):
    """UserError where a path names a checkpoint of a run that it has not, with those that it has."""
    folder, step = os.path.split(path)
    of_a_run = re.fullmatch(r'model-\d+', step) and os.path.exists(os.path.join(folder, 'options.json'))
    if of_a_run and not os.path.exists(path + '.index'):
        there = ', '.join(map(str, steps_in(folder))) or 'none'
        raise UserError(f'{path}: there is no such checkpoint. Those of {folder} are of the steps: {there}')


def save(sess, saver, run_dir, step, *, keep, spare=None):
    """Write the checkpoint of `step`, then delete all but the newest `keep` up to it and that of step `spare`.

    It counts once its index is there. It is on the disk before an older one is deleted, so that a power cut leaves one.
    One of a later step was damaged, and passed over when the run was carried on: it takes no place of those kept.
    """
    partial = os.path.join(run_dir, 'partial')
    shutil.rmtree(partial, ignore_errors=True)
    try:
        os.makedirs(partial)
        prefix = saver.save(sess, os.path.join(partial, f'model-{step}'), write_meta_graph=False, write_state=False)
        sums = {os.path.basename(file).partition('.')[2]: size_and_sum(file) for file in files_of(prefix)}
        files.write(prefix + '.sums', json.dumps(sums))
        for file in sorted(files_of(prefix), key=lambda file: file.endswith('.index')):         # the index last
            files.flush(file)
            os.replace(file, os.path.join(run_dir, os.path.basename(file)))
        files.flush(run_dir)
    except (tf.errors.OpError, OSError) as error:
        free = shutil.disk_usage(run_dir).free
        raise CheckpointError(f'{prefix_of(run_dir, step)} could not be written with {free / 2 ** 20:.0f} MiB free '
                              f'({reason(error)}). The older checkpoints are whole') from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for old in [other for other in steps_in(run_dir) if other <= step][:-keep]:
        if old != spare:
            remove(run_dir, old)


def remove(run_dir, step):
    """Delete one checkpoint, its index first: what is left of it does not count."""
    for file in sorted(files_of(prefix_of(run_dir, step)), key=lambda file: not file.endswith('.index')):
        os.remove(file)


def sweep(run_dir):
    """Delete what does not count, which a process left that was killed between two files."""
    whole = set(steps_in(run_dir))
    for name in os.listdir(run_dir):
        match = re.fullmatch(r'model-(\d+)\.(data-\d+-of-\d+|sums)|\.\d+\.partial', name)
        if match and (not match[1] or int(match[1]) not in whole):
            os.remove(os.path.join(run_dir, name))


def files_of(prefix):
    return glob.glob(glob.escape(prefix) + '.*')


def size_and_sum(file):
    """[bytes, SHA-256 in hex] of a file."""
    sha = hashlib.sha256()
    with open(file, 'rb') as opened:
        while block := opened.read(2 ** 20):
            sha.update(block)
        return [opened.tell(), sha.hexdigest()]


def check(prefix):
    """CheckpointError where the files of a checkpoint are not those that were written. Earlier versions did not say.
    UserError where TensorFlow can open no file of that path.
    """
    if files.PATTERN.search(prefix):
        raise UserError(f'{prefix}: TensorFlow takes [...] and \\ in a path for a pattern, and cannot open it. '
                        'Rename the folder')
    sums, name = prefix + '.sums', os.path.basename(prefix)
    try:
        with open(sums, 'rb') as file:
            written = json.loads(file.read())
        wrong = [end for end, (size, sha) in written.items() if os.path.getsize(f'{prefix}.{end}') != size
                 or size_and_sum(f'{prefix}.{end}')[1] != sha]
        why = f'{name}.{wrong[0]} is damaged' if wrong else None
    except FileNotFoundError as error:
        why = f'{os.path.basename(error.filename)} is gone' if error.filename != sums else None
    except OSError as error:
        why = error.strerror
    except (ValueError, TypeError, AttributeError, RecursionError):
        why = f'{name}.sums is damaged. Delete that file to try without it'
    if why:
        raise CheckpointError(f'{prefix} cannot be restored: {why}')


def newest_whole(run_dir):
    """The step of the newest checkpoint whose files are those that were written; 0 where there is none."""
    for step in reversed(steps_in(run_dir)):
        with contextlib.suppress(CheckpointError):
            check(prefix_of(run_dir, step))
            return step
    return 0


def restore_latest(sess, saver, run_dir, say=print):
    """Restore the newest checkpoint that is whole and return its step; 0 where there is none.

    Damaged ones are named and passed over; CheckpointError where all are. One that a training deletes meanwhile was
    not damaged: there is a newer one then.
    """
    tried, damaged = set(), 0
    while left := set(steps_in(run_dir)) - tried:
        step = max(left)
        try:
            restore(sess, saver, prefix_of(run_dir, step))
            return step
        except CheckpointError as error:
            tried.add(step)
            if step in steps_in(run_dir):
                damaged += 1
                say(error)
    if damaged:
        raise CheckpointError(f'{run_dir}: none of its {damaged} checkpoints can be read. '
                              'Move the folder away to train afresh')
    return 0


def restore(sess, saver, prefix):
    """Restore one checkpoint by its path without extension. TensorFlow opens it only where it is whole."""
    check(prefix)
    try:
        with devices.naming_want_of_memory():       # no fault of the checkpoint
            saver.restore(sess, prefix)
        shapes = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
        for v in tf.global_variables():     # the saver takes any shape without a word
            if shapes[v.op.name] != v.shape.as_list():
                raise ValueError(f'{v.op.name} is {shapes[v.op.name]}, not {v.shape.as_list()}')
    except (tf.errors.OpError, ValueError) as error:
        raise CheckpointError(f'{prefix} cannot be restored: it is damaged, or of another model '
                              f'({reason(error)})') from None

"""Checkpoints: model-STEP.index and model-STEP.data-... in a run's folder, whole or not there at all."""

import glob
import os
import re
import shutil

import tensorflow.compat.v1 as tf

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
    """Write the checkpoint of `step`, then delete all but the newest `keep` and that of step `spare`.

    It counts once its index is there.
    """
    partial = os.path.join(run_dir, 'partial')
    shutil.rmtree(partial, ignore_errors=True)
    try:
        os.makedirs(partial)
        prefix = saver.save(sess, os.path.join(partial, f'model-{step}'), write_meta_graph=False, write_state=False)
        for file in sorted(glob.glob(glob.escape(prefix) + '.*')):          # .data-... before .index
            os.replace(file, os.path.join(run_dir, os.path.basename(file)))
    except (tf.errors.OpError, OSError) as error:
        free = shutil.disk_usage(run_dir).free
        raise CheckpointError(f'{prefix_of(run_dir, step)} could not be written with {free / 2 ** 20:.0f} MiB free '
                              f'({reason(error)}). The older checkpoints are whole') from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for old in steps_in(run_dir)[:-keep]:
        if old != spare:
            remove(run_dir, old)


def remove(run_dir, step):
    """Delete one checkpoint, its index first: what is left of it does not count."""
    prefix = prefix_of(run_dir, step)
    for file in [prefix + '.index'] + glob.glob(glob.escape(prefix) + '.data-*'):
        os.remove(file)


def restore_latest(sess, saver, run_dir, say=print):
    """Restore the newest checkpoint that is whole and return its step; 0 where there is none.

    Damaged ones are named and passed over; CheckpointError where all are.
    """
    steps = steps_in(run_dir)
    for step in reversed(steps):
        try:
            restore(sess, saver, prefix_of(run_dir, step))
            return step
        except CheckpointError as error:
            say(error)
    if steps:
        raise CheckpointError(f'{run_dir}: none of its {len(steps)} checkpoints can be read. '
                              'Move the folder away to train afresh')
    return 0


def restore(sess, saver, prefix):
    """Restore one checkpoint by its path without extension."""
    try:
        saver.restore(sess, prefix)
        shapes = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
        for v in tf.global_variables():     # the saver takes any shape without a word
            if shapes[v.op.name] != v.shape.as_list():
                raise ValueError(f'{v.op.name} is {shapes[v.op.name]}, not {v.shape.as_list()}')
    except (tf.errors.OpError, ValueError) as error:
        raise CheckpointError(f'{prefix} cannot be restored: it is damaged, or of another model '
                              f'({reason(error)})') from None

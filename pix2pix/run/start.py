"""The weights that a run begins with, where they are another run's."""

import os

import tensorflow.compat.v1 as tf

from pix2pix.errors import UserError, reason
from pix2pix.run import checkpoint
from pix2pix.run.folder import Run


def find(what):
    """(Run, path of a checkpoint) for the name of a run, its folder, or one checkpoint; UserError where there is none.

    Of a run it is the newest.
    """
    path = what.removesuffix('.index')
    checkpoint.check_there(path)
    if os.path.exists(path + '.index'):
        return Run(os.path.dirname(path)), path
    run = Run(path) if os.path.dirname(path) else Run.named(path)
    run.read_options()
    steps = checkpoint.steps_in(run.checkpoints)
    if not steps:
        raise UserError(f'{run.checkpoints} has no checkpoint yet. A training saves the first after some epochs')
    return run, checkpoint.prefix_of(run.checkpoints, steps[-1])


def check_fits(what, options, deciding):
    """UserError where a run that is to begin with these weights has other networks, by the options that decide them."""
    run, prefix = find(what)
    theirs = run.read_options(deciding)
    differing = [f'{name} {theirs[name]}, not {options[name]}' for name in deciding if theirs[name] != options[name]]
    if differing:
        raise UserError(f'the weights of {prefix} do not fit: they have {"; ".join(differing)}. Give the same, or '
                        'other weights to begin with')


def load(sess, what, variables):
    """Initialise all variables anew, these with the values that a checkpoint has for them. Returns a line that says so.

    A network that the checkpoint does not have at all begins as ever.
    """
    _, prefix = find(what)
    checkpoint.check(prefix)
    try:
        there = tf.train.load_checkpoint(prefix)
        known, wanted = (set(map(network_of, names)) for names in
                         (there.get_variable_to_shape_map(), (v.op.name for v in variables)))
        values = {v.initial_value: there.get_tensor(v.op.name) for v in variables if network_of(v.op.name) in known}
        sess.run(tf.global_variables_initializer(), values)
    except (tf.errors.OpError, ValueError, LookupError, RuntimeError) as error:     # the reader raises Python's own
        raise checkpoint.CheckpointError(f'{prefix} cannot be begun with: it is damaged, or of another model '
                                         f'({reason(error)})') from None
    return '; '.join([f'the weights are those of {prefix}',
                      *(f'it has no {network}, which begins afresh' for network in sorted(wanted - known))])


def network_of(name):
    """The scope of a variable: 'generator' or 'discriminator'."""
    return name.partition('/')[0]

"""Which checkpoint of a run is drawn: the newest, or the best by its validations."""

from pix2pix.errors import UserError
from pix2pix.run import checkpoint, log


def checkpoint_of(run, *, best=None):
    """The folder of a run, for its newest checkpoint, or the path of the best one that is left, by a metric of
    BEST_BY.

    A better one that is gone is said. UserError where none was validated by it.
    """
    if not best:
        return run.checkpoints
    run.read_options()
    lines = [line for line in log.read(run.metrics) if f'val_{best}' in line]
    remedy = f'let the training keep the best {best}'
    step = log.best_step(lines, best, checkpoint.steps_in(run.checkpoints))
    if not step:
        raise UserError(f'{run.checkpoints}: none of its checkpoints was validated by {best}; {remedy}')
    first = log.best_step(lines, best, {line['step'] for line in lines})
    if first != step:
        print(f'the best {best} was after step {first:,}, whose checkpoint is gone; of those left it is that of '
              f'{step:,}; {remedy}')
    return checkpoint.prefix_of(run.checkpoints, step)

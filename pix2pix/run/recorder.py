"""All that only the first replica does: what it reads, says and writes of a run. The others have a SilentRecorder."""

import signal
import time
from typing import NamedTuple

from pix2pix import files
from pix2pix.errors import UserError, count, reason
from pix2pix.images import png
from pix2pix.images.arrays import grid
from pix2pix.images.view import View
from pix2pix.metrics import perceptual, pixels, table
from pix2pix.metrics.evaluate import evaluate
from pix2pix.run import checkpoint, log, report, start
from pix2pix.run.health import Health
from pix2pix.run.progress import Progress


class Cadence(NamedTuple):
    """How often each thing is written, and how much of it stays."""
    log_every: int          # steps from one line of metrics.jsonl to the next
    validate_every: int     # epochs from one validation to the next
    sample_every: int       # epochs from one sample grid to the next
    samples: int            # pairs in a grid
    save_every: int         # epochs from one checkpoint to the next
    save_minutes: float     # after which one is saved in any case
    keep: int               # checkpoints that stay, the newest
    keep_best: str          # the metric whose best checkpoint stays too, or None
    events: str             # 'on': losses and sample grids go to TensorBoard too; or 'off'


class Recorder:
    """Writes what is due of a training, whose graph is complete, into the folders of its run.

    run, order, pairs  a Run, the Order of its steps and its Pairs
    draw               (session, paths of pairs): yields of each [source, output, target], float [H, W, C] in [-1, 1]
    view               a View: what of them is shown
    """

    def __init__(self, *, run, order, pairs, draw, cadence, view=None):
        self.run, self.order, self.draw, self.view, self.cadence = run, order, draw, view or View(), cadence
        self.validation_paths = pairs.held_out
        self.sample_paths = (pairs.held_out or pairs.paths)[:cadence.samples]
        by_eye = cadence.keep_best == 'perceptual'
        self.compare = perceptual.Comparison(self.view) if by_eye else pixels.Comparison()
        self.saver, self.fault = checkpoint.new_saver(), None

    def restore(self, sess, networks=(), init_from=None):
        """Restore the newest checkpoint. If there is none, begin with the weights of another run, if one is given.

        networks   the variables to take from it
        init_from  its name or folder, or one of its checkpoints
        """
        self.sess = sess
        checkpoint.sweep(self.run.checkpoints)
        if not checkpoint.restore_latest(sess, self.saver, self.run.checkpoints) and init_from:
            print(start.load(sess, init_from, networks))

    def begin(self, steps_done):
        """Open the log behind the steps that are done, and cut from it what an earlier process wrote past them."""
        self.log = log.Log(self.run, steps_done, events=self.cadence.events == 'on')
        for epoch, _ in self.run.grids():
            if epoch <= self.order.epoch_of(steps_done):        # later ones are drawn again
                self.log.history.add_grid(epoch)
        if self.log.last_found and not steps_done:
            print(f'{self.run.metrics} goes to step {self.log.last_found:,}, but no checkpoint is there: the run '
                  'starts again at step 0, and its log is cut')
        due = steps_done // self.cadence.log_every * self.cadence.log_every
        if self.log.last_kept < due:
            print(f'{self.run.metrics} ends at step {self.log.last_kept:,}, and the checkpoint is of step '
                  f'{steps_done:,}: the lines between are lost, as after a power cut, unless they were further apart '
                  'before')
        self.step, self.saved_at = steps_done, time.monotonic()
        print(f'{self.run.name}: {count(self.order.steps, "step")}, {steps_done:,} of them done')
        self.bar = Progress(self.order, steps_done)
        self.health = Health(self.order, self.bar.say)

    def show(self, step, losses, rates):
        """Show a step that is done, with its losses by name. Rates, such as that of learning, are for the log alone."""
        self.step, self.losses = step, {name: float(value) for name, value in losses.items()}
        self.rates = {name: float(value) for name, value in rates.items()}
        self.bar.show(step, self.losses)
        self.health.of_step(step, self.losses['d_loss'])

    def validate_if_due(self):
        """Draw all validation pairs: the means of their metrics by name, or {}."""
        if not self.validation_paths or not self.order.due(self.step, self.cadence.validate_every):
            return {}
        drawn = zip(self.validation_paths, self.draw(self.sess, self.validation_paths))
        scores = evaluate(drawn, self.compare, lambda name, images, pictures: self.health.take_in(*pictures[1:]))
        means = table.mean(scores.values())
        self.bar.say(f'validation after step {self.step:,}: {count(len(self.validation_paths), "image")}  '
                     + '  '.join(f'{name} {value:.4f}' for name, value in means.items()))
        self.health.of_validation(self.step)
        return {'val_count': len(self.validation_paths), **{f'val_{name}': value for name, value in means.items()}}

    def log_if_due(self, scores):
        """A line of metrics.jsonl with the losses, the rates and the scores of a validation."""
        if self.step % self.cadence.log_every == 0 or self.step == self.order.steps or scores:
            self.log.scalars(self.step, {'epoch': self.order.epoch_of(self.step), **self.losses, **self.rates,
                                          **scores})

    def sample_if_due(self):
        """A grid of the sample pairs, and the page with it."""
        if not self.order.due(self.step, self.cadence.sample_every):
            return
        picture = grid(map(self.view, self.draw(self.sess, self.sample_paths)))
        epoch = self.order.whole_epoch_of(self.step)
        files.write(self.run.grid(epoch), png.encode(picture), flushed=True)
        self.log.history.add_grid(epoch)
        self.log.image(self.step, 'samples', picture)
        self.page(training=self.step < self.order.steps)

    def page(self, training=False):
        """Write the page. Whatever goes wrong in it is said in one line: it is not worth a training."""
        try:
            report.write(self.run, history=self.log.history, training=training)
        except (UserError, OSError) as error:
            self.bar.say(f'the page was not written: {error}')
        except Exception as error:
            self.bar.say(f'the page was not written: {type(error).__name__}: {reason(error)}')

    def save_if_due(self, scores, *, now=False):
        """A checkpoint: where it is due, where it is the best so far, or `now`."""
        late = time.monotonic() - self.saved_at > 60 * self.cadence.save_minutes
        due, best = now or late or self.order.due(self.step, self.cadence.save_every), None
        if due or scores:
            best = self.log.best_step(self.cadence.keep_best, self.step)
        if due or best == self.step:
            self.log.flush()
            checkpoint.save(self.sess, self.saver, self.run.checkpoints, self.step,
                            keep=self.cadence.keep, spare=best)
            self.saved_at = time.monotonic()

    def not_finite(self, step, fault, batch):
        """Show the batch of a step with a loss or gradient that is not finite, (name, value). Nothing else is kept."""
        name, value = fault
        picture, pairs = self.run.not_finite(step), list(zip(*batch))
        batch = 'Its batch' if len(pairs) == self.order.batch_size else "The first replica's share of its batch"
        where = f'is in {picture}'
        try:
            png.write(picture, grid(map(self.view, pairs)))
        except OSError as error:
            where = f'is not kept: {error}'
        self.fault = f'{name} is {value} at step {step}. {batch} {where}. The checkpoint before it is kept; a lower ' \
                     'learning rate may help'

    def end(self, stopped_by=0, hint=''):
        """Close the log, write the page, and say how the training ended; `hint` is what to do with one that is done.

        UserError where it was not finite.
        """
        self.bar.close()
        self.log.close()
        self.page()
        if self.fault:
            raise UserError(self.fault)
        if self.step < self.order.steps:
            print(f'stopped by {signal.Signals(stopped_by).name} after step {self.step:,}, saved as '
                  f'{checkpoint.prefix_of(self.run.checkpoints, self.step)}; the same command carries on')
            return
        print(f'done: {count(self.order.steps, "step")}, saved in {self.run.checkpoints}\n'
              f'open {self.run.page}, or the sample grids beside it (a row is source | output | target)\n{hint}')


class SilentRecorder:
    """The recorder of all replicas but the first. It does nothing."""

    def __init__(self, **what):
        pass

    def restore(self, sess, networks=(), init_from=None):
        pass

    def begin(self, steps_done):
        pass

    def show(self, step, losses, rates):
        pass

    def validate_if_due(self):
        return {}

    def log_if_due(self, scores):
        pass

    def sample_if_due(self):
        pass

    def save_if_due(self, scores, *, now=False):
        pass

    def not_finite(self, step, fault, batch):
        pass

    def end(self, stopped_by=0, hint=''):
        pass

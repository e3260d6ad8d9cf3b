"""All that only the first replica does: what it reads, says and writes of a run. The others have a SilentRecorder."""

import os
import signal

from pix2pix.errors import UserError
from pix2pix.images import png
from pix2pix.images.arrays import grid, to_uint8
from pix2pix.metrics import pixels
from pix2pix.metrics.evaluate import evaluate
from pix2pix.run import checkpoint, log, report
from pix2pix.run.progress import Progress


class Recorder:
    """Writes what is due of a training, whose graph is complete, into the folders of its run.

    run, order  a Run and the Order of its steps (reader.py)
    draw        (session, path of a pair) -> [source, output, target], float [H, W, C] in [-1, 1]
    validation  the paths of the pairs to validate with, [] for none
    samples     the paths of the pairs of the sample grids
    every       epochs from one 'validation', 'samples' and 'checkpoint' to the next, and steps from one 'log' line
    keep        how many checkpoints stay, the newest; keep_best: the name of a metric whose best one stays too, or None
    """

    def __init__(self, run, order, draw, *, validation, samples, every, keep, keep_best):
        self.run, self.order, self.draw, self.every = run, order, draw, every
        self.validation_paths, self.sample_paths, self.keep, self.keep_best = validation, samples, keep, keep_best
        self.saver, self.compare, self.fault = checkpoint.new_saver(), pixels.Comparison(), None

    def begin(self, sess):
        """Restore the newest checkpoint, if there is one, and open the log behind its step."""
        self.sess = sess
        self.step = checkpoint.restore_latest(sess, self.saver, self.run.checkpoints)
        self.log = log.Log(self.run, self.step)
        print(f'{self.run.name}: {self.order.steps:,} steps, {self.step:,} of them done')
        self.bar = Progress(self.order, self.step)

    def progress(self, step, losses):
        """Show a step that is done."""
        self.step = step
        self.bar.show(step, losses)

    def validation(self):
        """Draw all validation pairs, where that is due: the means of their metrics by name, or {}."""
        if not self.validation_paths or not self.order.due(self.step, self.every['validation']):
            return {}
        drawn = ((path, self.draw(self.sess, path)) for path in self.validation_paths)
        means = pixels.mean(evaluate(drawn, self.compare).values())
        self.bar.say(f'validation after step {self.step:,}: {len(self.validation_paths):,} images  '
                     + '  '.join(f'{name} {value:.4f}' for name, value in means.items()))
        return {'val_count': len(self.validation_paths), **{f'val_{name}': value for name, value in means.items()}}

    def metrics(self, losses, scores):
        """A line of metrics.jsonl, where it is due."""
        if self.step % self.every['log'] == 0 or self.step == self.order.steps or scores:
            self.log.scalars(self.step, {'epoch': self.order.epoch_of(self.step), **losses, **scores})

    def samples(self):
        """A grid of the sample pairs, and the page with it, where they are due."""
        if not self.order.due(self.step, self.every['samples']):
            return
        picture = grid([map(to_uint8, self.draw(self.sess, path)) for path in self.sample_paths])
        epoch = int(self.order.epoch_of(self.step))
        png.write(os.path.join(self.run.samples, f'epoch-{epoch:04d}.png'), picture)
        self.log.image(self.step, 'samples', picture)
        self.page(training=self.step < self.order.steps)

    def page(self, training=False):
        """The page is not worth a training: what is wrong with it is said, and the training goes on."""
        try:
            report.write(self.run, training=training)
        except (UserError, OSError) as error:
            self.bar.say(f'the page was not written: {error}')

    def checkpoint(self, scores, *, now=False):
        """A checkpoint, where it is due, where it is the best so far, or `now`."""
        self.log.flush()
        due, best = now or self.order.due(self.step, self.every['checkpoint']), None
        if self.keep_best and (due or scores):
            there = checkpoint.steps_in(self.run.checkpoints) + [self.step]
            best = log.best_step(log.read(self.run.metrics), self.keep_best, there)
        if due or best == self.step:
            checkpoint.save(self.sess, self.saver, self.run.checkpoints, self.step, self.keep, best)

    def not_finite(self, step, name, value, batch):
        """Show the batch of a step whose loss or gradient is not finite. Nothing else of it is kept."""
        picture = os.path.join(self.run.samples, f'not-finite-step-{step}.png')
        png.write(picture, grid([map(to_uint8, pair) for pair in zip(*batch)]))
        self.fault = f'{name} is {value} at step {step}. Its batch is in {picture}. The checkpoint before it is kept; ' \
                     'a lower learning rate may help'

    def end(self, stopped_by=0):
        """Close the log, write the page, and say how the training has ended; UserError where it was not finite."""
        self.bar.close()
        self.log.close()
        self.page()
        if self.fault:
            raise UserError(self.fault)
        if self.step < self.order.steps:
            print(f'stopped by {signal.Signals(stopped_by).name} after step {self.step:,}, saved as '
                  f'{checkpoint.prefix_of(self.run.checkpoints, self.step)}; the same command carries on')
            return
        print(f'done: {self.order.steps:,} steps, saved in {self.run.checkpoints}\n'
              f'open {self.run.page}, or the sample grids beside it (a row is source | output | target)\n'
              f'then run: python test.py --name {self.run.name}')


class SilentRecorder:
    """The recorder of all replicas but the first. It does nothing."""

    def __init__(self, *args, **kwargs):
        pass

    def begin(self, sess):
        pass

    def progress(self, step, losses):
        pass

    def validation(self):
        return {}

    def metrics(self, losses, scores):
        pass

    def samples(self):
        pass

    def checkpoint(self, scores, *, now=False):
        pass

    def not_finite(self, step, name, value, batch):
        pass

    def end(self, stopped_by=0):
        pass

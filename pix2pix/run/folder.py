"""Where a run keeps things, the options it was started with, and the lock of the process that trains it."""

import contextlib
import fcntl
import json
import os
import re
import socket

from pix2pix import files
from pix2pix.errors import UserError, count
from pix2pix.run.checkpoint import steps_in
from pix2pix.sizes import Size

# What earlier versions did not ask for, as all their runs were trained: their options.json lacks it.
ASKED_LATER = {'norm': 'batch', 'gan_mode': 'vanilla', 'ema': 0.0, 'decay_from': None, 'init_from': None, 'depth': 8,
               'preprocess': 'resize_and_crop', 'source_range': None, 'target_range': None, 'labels': [], 'bands': None,
               'native_size': None, 'data_changes': [], 'source_dtype': None, 'target_dtype': None,
               'target_ending': None, 'augment': [], 'onednn': "TensorFlow's choice"}
SIZES = ('crop_size', 'load_size', 'native_size')      # earlier versions have one number for a square


def is_decay(value):
    """Whether it can be the decay of averaged weights; 0 is for none."""
    return type(value) in (int, float) and 0 <= value < 1


class Run:
    """A run by its folders: `checkpoints` holds weights, options and metrics, `samples` holds pictures and the page."""

    def __init__(self, checkpoints, samples=None):
        self.checkpoints, self.name = checkpoints, os.path.basename(os.path.abspath(checkpoints))
        self.samples = samples or os.path.join('samples', self.name)
        self.options = os.path.join(checkpoints, 'options.json')
        self.metrics = os.path.join(checkpoints, 'metrics.jsonl')
        self.events = os.path.join(checkpoints, 'events')
        self.palette = os.path.join(checkpoints, 'palette.json')
        self.lock = os.path.join(checkpoints, 'lock')
        self.page = os.path.join(self.samples, 'index.html')
        self.exported = os.path.join(self.samples, 'export')
        self.test = TestResults(os.path.join(self.samples, 'test'))

    @classmethod
    def named(cls, name):
        return cls(os.path.join('checkpoints', name))

    def grid(self, epoch):
        """The sample grid after an epoch."""
        return os.path.join(self.samples, f'epoch-{epoch:04d}.png')

    def grids(self):
        """(epoch, path) of each sample grid that is there, in order."""
        names = os.listdir(self.samples) if os.path.isdir(self.samples) else []
        found = (re.fullmatch(r'epoch-(\d+)\.png', name) for name in names)
        return sorted((int(match[1]), os.path.join(self.samples, match[0])) for match in found if match)

    def drawing_page(self):
        """The first page that draws by itself, or None."""
        names = os.listdir(self.exported) if os.path.isdir(self.exported) else []
        pages = sorted(name for name in names if re.fullmatch(r'page[\w-]*\.html', name))
        return os.path.join(self.exported, pages[-1]) if pages else None

    def not_finite(self, step):
        """The picture of a batch that gave NaN or infinity."""
        return os.path.join(self.samples, f'not-finite-step-{step}.png')

    def read_options(self, needed=(), can_be=None):
        """The options as a dict; UserError where the file is missing, damaged, or lacks one of `needed`.

        can_be  name -> whether a value can be that option's; UserError where it cannot

        Those of an earlier version are completed by what was true of its runs.
        """
        try:
            with open(self.options) as file:
                options = json.load(file)
        except FileNotFoundError:
            raise UserError(f'{self.options}: no such file. Is the run name right? Training writes it') from None
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f'{self.options} cannot be read as JSON ({error}). Restore it, or move the folder '
                            'away') from None
        if not isinstance(options, dict):
            raise UserError(f'{self.options} is not an object of options. Restore it, or move the folder away')
        options = {**ASKED_LATER, **options}
        options |= {name: Size.of(options[name]) for name in SIZES if name in options}
        missing = sorted(set(needed) - options.keys())
        if missing:
            raise UserError(f'{self.options} lacks {", ".join(missing)}. It is damaged, or of another version')
        for name, holds in (can_be or {}).items():
            if not holds(options[name]):
                raise UserError(f'{self.options}: {name} cannot be {str(options[name])[:50]!r}. Restore it, or move '
                                'the folder away')
        return options

    def has_begun(self):
        """Whether anything is trained that other options could spoil: it has a checkpoint, sound or not."""
        return os.path.exists(self.options) and bool(steps_in(self.checkpoints))

    def compare_options(self, options, fixed):
        """UserError where a run that has begun has other `fixed` options: those that decide the model and the order.

        Returns the names of the others that changed.
        """
        if os.path.exists(self.options) and (origin := self.read_options().get('imported_from')):
            raise UserError(f'{self.name} comes from {origin}, and cannot be carried on: that file has neither the '
                            'state of the training nor the order of its data. Give another run name')
        fixed = fixed if self.has_begun() else ()
        saved = self.read_options(fixed) if os.path.exists(self.options) else options
        # What was left to the hardware may change with it.
        if self.has_begun() and saved.get('precision_asked', 'auto') != 'auto':
            fixed, options['precision_asked'] = (*fixed, 'precision'), saved['precision_asked']
        if {'images', 'names'} <= set(fixed) and saved['names'] != options['names']:
            raise UserError(f'the data set has changed: the run was started with {saved["images"]} pairs, and there '
                            f'are {options["images"]} now, or their names differ ({self.options}). Restore the files, '
                            'or accept the new data, or give another run name; a new run may begin with the weights of '
                            'this one')
        for name in fixed:
            if saved[name] != options[name]:
                raise UserError(f'{name} is {options[name]}, but the run was started with {saved[name]} '
                                f'({self.options}). Give the old value, or another run name')
        return [name for name in options if not name.endswith('_asked') and name in saved
                and saved[name] != options[name]]

    def save_options(self, options):
        """Write them where they changed; the time of the file is that of the start in any case."""
        text, before = json.dumps(options, indent=2) + '\n', None
        if os.path.exists(self.options):
            with open(self.options) as file:
                before = file.read()
        if text == before:
            os.utime(self.options)
        else:
            files.write(self.options, text, flushed=True)

    @contextlib.contextmanager
    def opened(self, options, fixed, steps):
        """A context in which the run belongs to this process. Gives the names of the options that changed.

        The options are saved, unless more steps than `steps` are done: then there is nothing to do.
        """
        os.makedirs(self.checkpoints, exist_ok=True)
        with self.locked():
            changed, done = self.compare_options(options, fixed), max(steps_in(self.checkpoints), default=0)
            if done > steps:
                raise UserError(f'{self.name} has done {done:,} steps, more than the {steps:,} of '
                                f'{count(options["epochs"], "epoch")}: there is nothing to do. Give more epochs')
            self.save_options(options)
            os.makedirs(self.samples, exist_ok=True)
            yield changed

    @contextlib.contextmanager
    def locked(self):
        """A context in which no other process may train the run. The system drops the lock of a dead process."""
        with open(self.lock, 'a+') as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise UserError(f'{self.checkpoints} is being trained by {file.read().strip() or "another process"}. '
                                'Stop it, or give another run name') from None
            file.truncate(0)
            file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
            file.flush()
            yield

    def is_locked(self):
        """Whether a process is training this run."""
        try:
            with open(self.lock) as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            pass
        return False


class TestResults:
    """What a test of pairs leaves in its folder."""

    __test__ = False        # pytest would take it for a test

    def __init__(self, folder):
        self.folder = folder
        self.options = os.path.join(folder, 'options.json')
        self.metrics = os.path.join(folder, 'metrics.json')
        self.outputs = os.path.join(folder, 'output')
        self.comparisons = os.path.join(folder, 'compare')

    def output(self, stem, ending='.png'):
        """The picture that the generator drew for a pair."""
        return os.path.join(self.outputs, stem + ending)

    def comparison(self, stem):
        """The same between its source and its target."""
        return os.path.join(self.comparisons, stem + '.png')

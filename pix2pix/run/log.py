"""A run's figures over its steps: metrics.jsonl and TensorBoard events, each step once after any number of restarts."""

import contextlib
import json
import os
import socket
import sys
import time

import tensorflow.compat.v1 as tf

from pix2pix import files
from pix2pix.errors import UserError, reason
from pix2pix.images import png
from pix2pix.metrics.table import BEST
from pix2pix.run.checkpoint import steps_in
from pix2pix.run.history import History


class Log:
    """Appends to a run's metrics.jsonl and events/. What an earlier process wrote past `steps_done` is cut.

    All lines that were there are read once, and `history` is what the page shows of them and of those that follow.
    `last_found` and `last_kept` are the last steps of the file as it was and is; 0 where there is none. OSError names
    the file that could not be written. Without `events` nothing is written for TensorBoard.
    """

    def __init__(self, run, steps_done, *, events=True):
        self.run, self.writer, self.history, self.validated = run, None, History(), {}
        self.last_found = self.last_kept = end = 0
        saved = steps_in(run.checkpoints)
        for line, behind in parse(run.metrics):
            self.last_found = line['step']
            if self.last_found <= steps_done:       # steps only grow: each start cuts first
                self.last_kept, end = line['step'], behind
                self.take(line, line['step'] in saved)
        with naming(run.metrics):
            # Nothing is held back: what failed once must not be written later, behind the back of the next process.
            self.file = open(run.metrics, 'ab', buffering=0)
            self.file.truncate(end)
        self.flush()
        files.flush(run.checkpoints)
        if events:
            name = f'events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}.{steps_done}'
            with naming(run.events):
                os.makedirs(run.events, exist_ok=True)
                self.writer = tf.io.TFRecordWriter(os.path.join(run.events, name))
            self.event(file_version='brain.Event:2')
            # TensorBoard purges what is past it.
            self.event(step=steps_done + 1, session_log=tf.SessionLog(status=tf.SessionLog.START))

    def scalars(self, step, values):
        """One line and one event: a dict of floats."""
        line = {'step': step, **values}
        data = f'{json.dumps(line)}\n'.encode()
        with naming(self.run.metrics):
            while data:     # a disk that fills up takes a part, and then says so
                data = data[self.file.write(data):]
        self.take(line)
        self.event(step=step, summary=tf.Summary(value=[tf.Summary.Value(tag=name, simple_value=value)
                                                        for name, value in values.items() if name != 'epoch']))

    def take(self, line, scored=True):
        """Remember of a line what the page shows, and its scores if a checkpoint may be judged by them."""
        self.history.add(line)
        if scored and 'val_count' in line:
            self.validated[line['step']] = line

    def best_step(self, name, step):
        """Of the checkpoints that are there and one at `step`, the step with the best val_NAME; None for no name."""
        there = {*steps_in(self.run.checkpoints), step}
        self.validated = {step: self.validated[step] for step in self.validated if step in there}
        return best_step(self.validated.values(), name, there) if name else None

    def image(self, step, name, image):
        """An event with a uint8 picture [H, W, 3]."""
        if self.writer:
            height, width, channels = image.shape
            image = tf.Summary.Image(encoded_image_string=png.encode(image), height=height,
                                     width=width, colorspace=channels)
            self.event(step=step, summary=tf.Summary(value=[tf.Summary.Value(tag=name, image=image)]))

    def event(self, **what):
        """A record for TensorBoard. Not by tf.summary.FileWriter, whose thread ends with a traceback on a full disk."""
        if self.writer:
            with naming(self.run.events):
                self.writer.write(tf.Event(wall_time=time.time(), **what).SerializeToString())
                self.writer.flush()

    def flush(self):
        """Bring the lines to the disk, where no power cut takes them."""
        with naming(self.run.metrics):
            os.fsync(self.file.fileno())

    def close(self):
        with naming(self.run.metrics):
            self.file.close()
        if self.writer:
            with naming(self.run.events):
                self.writer.close()


@contextlib.contextmanager
def naming(path):
    """A context in which an error of writing names the file. Python's does not, and TensorFlow's is no OSError."""
    try:
        yield
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        raise OSError(f'{path} could not be written: {getattr(error, "strerror", None) or reason(error)}') from None


def read(path):
    """The lines of a metrics file as dicts, one by one; none where there is no file."""
    return (line for line, _ in parse(path))


def best_step(lines, name, among):
    """Of the steps in `among`, the one whose line has the best val_NAME, or None."""
    values = {line['step']: line[f'val_{name}'] for line in lines if f'val_{name}' in line and line['step'] in among}
    return BEST[name](values, key=values.get) if values else None


def parse(path):
    """Yields of each line a dict, finite numbers by name, and the place behind it, in bytes.

    A last line that was cut off in writing does not count.
    """
    if not os.path.exists(path):
        return
    behind = 0
    with open(path, 'rb') as file:
        for number, data in enumerate(file, 1):
            if not data.endswith(b'\n'):
                return
            behind += len(data)
            try:
                line = json.loads(data.decode())
                if type(line['step']) is not int or not all(map(is_finite, line.values())):
                    raise ValueError
            except (ValueError, KeyError, TypeError, RecursionError):
                raise UserError(f'{path}: line {number} is not a line of metrics. Repair it, or move the file '
                                'away') from None
            yield line, behind


def is_finite(value):
    """Whether it is a number that a float can hold."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max

"""A run's figures over its steps: metrics.jsonl and TensorBoard events, each step once after any number of restarts."""

import json
import os

import tensorflow.compat.v1 as tf

from pix2pix import files
from pix2pix.errors import UserError
from pix2pix.images import png
from pix2pix.metrics.pixels import BEST


class Log:
    """Appends to a run's metrics.jsonl and events/. What an earlier process wrote past `steps_done` is cut."""

    def __init__(self, run, steps_done):
        files.write(run.metrics, ''.join(text for text, line in parse(run.metrics) if line['step'] <= steps_done))
        self.file = open(run.metrics, 'a', buffering=1)      # a line at a time, for who watches
        with tf.Graph().as_default():
            self.writer = tf.summary.FileWriter(run.events, filename_suffix=f'.{steps_done}')
        # TensorBoard purges what is past it.
        self.writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), steps_done + 1)

    def scalars(self, step, values):
        """One line and one event: a dict of floats."""
        try:
            self.file.write(json.dumps({'step': step, **values}) + '\n')
        except OSError as error:        # of a write, which does not name its file
            raise OSError(f'{self.file.name} could not be written: {error.strerror}') from None
        self.writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag=name, simple_value=value)
                                                  for name, value in values.items() if name != 'epoch']), step)

    def image(self, step, name, image):
        """An event with a uint8 picture [H, W, 3]."""
        height, width, channels = image.shape
        image = tf.Summary.Image(encoded_image_string=png.encode(image), height=height,
                                 width=width, colorspace=channels)
        self.writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag=name, image=image)]), step)

    def flush(self):
        self.file.flush()
        self.writer.flush()

    def close(self):
        self.file.close()
        self.writer.close()


def read(path):
    """The lines of a metrics file as dicts; [] where there is none."""
    return [line for _, line in parse(path)]


def best_step(lines, name, among):
    """Of the steps in `among`, the one whose line has the best val_NAME, or None."""
    values = {line['step']: line[f'val_{name}'] for line in lines if f'val_{name}' in line and line['step'] in among}
    return BEST[name](values, key=values.get) if values else None


def parse(path):
    """(text, dict) of each line; a last line that was cut off in writing does not count."""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        lines = [line for line in file if line.endswith('\n')]
    pairs = []
    for number, text in enumerate(lines, 1):
        try:
            line = json.loads(text)
            pairs.append((text, {**line, 'step': int(line['step'])}))
        except (ValueError, KeyError, TypeError):
            raise UserError(f'{path}: line {number} is not a line of metrics. Repair it, or move the file '
                            'away') from None
    return pairs

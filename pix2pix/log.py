"""A run's figures over its steps: metrics.jsonl and TensorBoard events, each step once after any number of restarts."""

import json
import os

import imageio.v3 as iio
import tensorflow.compat.v1 as tf


class Log:
    """Appends to <folder>/metrics.jsonl and <folder>/events/; what an earlier process wrote past `step` is cut."""

    def __init__(self, folder, step):
        path = os.path.join(folder, 'metrics.jsonl')
        lines = cut(path, step)
        with open(path + '.partial', 'w') as file:
            file.writelines(lines)
        os.replace(path + '.partial', path)
        self.file = open(path, 'a', buffering=1)      # a line at a time, for who watches
        with tf.Graph().as_default():
            self.writer = tf.summary.FileWriter(os.path.join(folder, 'events'), filename_suffix=f'.{step}')
        self.writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), step + 1)    # purges what is past it

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
        image = tf.Summary.Image(encoded_image_string=iio.imwrite('<bytes>', image, extension='.png'), height=height,
                                 width=width, colorspace=channels)
        self.writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag=name, image=image)]), step)

    def flush(self):
        self.file.flush()
        self.writer.flush()

    def close(self):
        self.file.close()
        self.writer.close()


def cut(path, step):
    """The whole lines of a metrics file up to `step`; a last line that was cut off in writing does not count."""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        lines = [line for line in file if line.endswith('\n')]
    kept = []
    for number, line in enumerate(lines, 1):
        try:
            if json.loads(line)['step'] <= step:
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            raise OSError(f'{path}: line {number} is not a line of metrics; repair it or move the file away') from None
    return kept

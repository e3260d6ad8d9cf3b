"""L1, PSNR and SSIM of 8-bit pictures: anyone can work them out again from the PNGs."""

import numpy as np
import tensorflow.compat.v1 as tf

from pix2pix import devices
from pix2pix.errors import count

#       name    best  format   what it is
TABLE = [('l1',   min, '{:.4f}', 'mean absolute difference, on the [-1, 1] scale'),
         ('psnr', max, '{:.2f}', 'peak signal to noise ratio in dB, 100 at most'),
         ('ssim', max, '{:.4f}', 'structural similarity (Wang et al. 2004), 11 x 11 Gaussian window')]
NAMES = tuple(name for name, *_ in TABLE)
BEST = {name: best for name, best, *_ in TABLE}


class Comparison:
    """A graph and session of its own: comparison(output, target), uint8 [H, W, C] both -> {'l1', 'psnr', 'ssim'}."""

    def __init__(self):
        with tf.Graph().as_default() as graph:
            self.pictures = [tf.placeholder(tf.uint8, [None, None, None]) for _ in range(2)]
            output, target = (tf.cast(picture, tf.float32) for picture in self.pictures)
            self.values = {'l1': tf.reduce_mean(tf.abs(output - target)) / 127.5,
                           'psnr': tf.minimum(tf.image.psnr(output, target, 255), 100),      # equal: infinite
                           'ssim': tf.image.ssim(output, target, 255)}
            self.sess = tf.Session(config=devices.session_config())
            graph.finalize()

    def __call__(self, output, target):
        values = self.sess.run(self.values, dict(zip(self.pictures, [output, target])))
        return {name: float(values[name]) for name in NAMES}


def mean(rows):
    """The mean of each metric over a list of dicts."""
    return {name: float(np.mean([row[name] for row in rows])) for name in NAMES}


def table(rows):
    """A table for the terminal of a dict: name of the image -> metrics."""
    lines = [f'{"":6}{"mean":>10}{"std":>10}   best ... worst image']
    for name, best, form, _ in TABLE:
        values = {image: row[name] for image, row in rows.items()}
        ends = sorted(values, key=values.get, reverse=best is max)
        numbers = [form.format(f(list(values.values()))) for f in (np.mean, np.std)]
        lines.append(f'{name:6}{numbers[0]:>10}{numbers[1]:>10}   '
                     + ' ... '.join(f'{form.format(values[image])} {image}' for image in (ends[0], ends[-1])))
    return '\n'.join(lines + [count(len(rows), 'image')])

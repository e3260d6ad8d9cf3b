"""The metrics by name: which value is the best, how it is written, their means, and a table of them."""

from typing import NamedTuple

import numpy as np

from pix2pix.errors import count


class Metric(NamedTuple):
    name: str           # in files
    title: str          # on the page
    best: object        # of several values: min or max
    form: str
    what: str


TABLE = [Metric('l1',   'L1',   min, '{:.4f}', 'mean absolute difference, on the [-1, 1] scale'),
         Metric('psnr', 'PSNR', max, '{:.2f}', 'peak signal to noise ratio in dB, 100 at most'),
         Metric('ssim', 'SSIM', max, '{:.4f}', 'structural similarity (Wang et al. 2004), 11 x 11 Gaussian window'),
         Metric('perceptual', 'perceptual', min, '{:.4f}', 'distance of the features of SqueezeNet 1.1, 0 to 1')]
BEST = {metric.name: metric.best for metric in TABLE}


def metrics_of(values, prefix=''):
    """Those of TABLE whose names, behind the prefix, are in a dict."""
    return [metric for metric in TABLE if prefix + metric.name in values]


def mean(rows):
    """The mean of each metric over a list of dicts."""
    rows = list(rows)
    return {metric.name: float(np.mean([row[metric.name] for row in rows])) for metric in metrics_of(rows[0])}


def text(rows):
    """A table for the terminal of a dict: name of the image -> metrics."""
    metrics = metrics_of(next(iter(rows.values())))
    width = max(len(metric.name) for metric in metrics) + 2
    lines = [f'{"":{width}}{"mean":>10}{"std":>10}   best ... worst image']
    for name, _, best, form, _ in metrics:
        values = {image: row[name] for image, row in rows.items()}
        ends = sorted(values, key=values.get, reverse=best is max)
        numbers = [form.format(f(list(values.values()))) for f in (np.mean, np.std)]
        lines.append(f'{name:{width}}{numbers[0]:>10}{numbers[1]:>10}   '
                     + ' ... '.join(f'{form.format(values[image])} {image}' for image in (ends[0], ends[-1])))
    return '\n'.join(lines + [count(len(rows), 'image')])

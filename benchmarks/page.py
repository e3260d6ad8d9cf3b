"""The figures of benchmarks/results/all.json -> docs/benchmarks.md and its plots."""

import json
import os
import statistics

import jinja2
import matplotlib
from alone import BATCH, BESIDE, STEPS
from peers import HERE

matplotlib.use('svg')
from matplotlib import pyplot  # noqa: E402  after the choice of its backend

DOCS = os.path.join(os.path.dirname(HERE), 'docs')
COLOURS = {'ours': '#1f6fb4', 'best PyTorch': '#d1701f'}


def spread(values, form='{:.2f}'):
    """'median (lowest-highest)'."""
    middle, low, high = (form.format(f(values)) for f in (statistics.median, min, max))
    return f'{middle} ({low}-{high})'


def best_peer(figures):
    """The row of PyTorch's with the highest median."""
    return max((row for row in figures['rows'] if row['name'] != 'ours'),
               key=lambda row: statistics.median(row['images_per_second']))


def summary(figures):
    """Each setting's images/s, and their ratios to the best of PyTorch and to the limit of the same round."""
    limits = [rate / figures['gflop_per_image'] for rate in figures['matrix_gflops']]
    best = best_peer(figures)
    return [{'name': row['name'], 'mib': row['peak_mib'], 'speed': row['images_per_second'],
             'ratio': [a / b for a, b in zip(row['images_per_second'], best['images_per_second'])],
             'share': [a / b for a, b in zip(row['images_per_second'], limits)]} for row in figures['rows']]


def ours_and_best(figures):
    rows = summary(figures)
    best = best_peer(figures)['name']
    return [next(row for row in rows if row['name'] == name) for name in ('ours', best)]


def plot(results):
    """images/s and memory over batch size, image size and width."""
    figure, axes = pyplot.subplots(2, 3, figsize=(9, 5), sharex='col')
    for column, (section, key, label) in enumerate([('batches', 'batch_size', 'batch size, 256 x 256'),
                                                    ('sizes', 'size', 'image size, batch 1'),
                                                    ('filters', 'base_filters', 'base filters, batch 4')]):
        measured = results[section]['figures']
        x = [figures[key] for figures in measured]
        for number, name in enumerate(COLOURS):
            rows = [ours_and_best(figures)[number] for figures in measured]
            axes[0, column].plot(x, [statistics.median(row['speed']) for row in rows], 'o-', label=name,
                                 color=COLOURS[name])
            axes[1, column].plot(x, [row['mib'] for row in rows], 'o-', color=COLOURS[name])
        for axis in axes[:, column]:
            axis.set_xscale('log', base=2)
            axis.set_ylim(0)
            axis.grid(alpha=0.3)
            axis.set_xticks(x, [str(value) for value in x])
        axes[1, column].set_xlabel(label)
    axes[0, 0].set_ylabel('images/s')
    axes[1, 0].set_ylabel('peak memory, MiB')
    axes[0, 0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(os.path.join(DOCS, 'growth.svg'), metadata={'Date': None})


def write(results):
    """Write the page from the results of every section."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), undefined=jinja2.StrictUndefined,
                                     trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    median = statistics.median
    text = environment.get_template('page.md').render(
        results=results, spread=spread, summary=summary, ours_and_best=ours_and_best, median=median, min=min,
        rate=lambda figures: median(figures['matrix_gflops']), beside=BESIDE, steps=STEPS, batch=BATCH)
    with open(os.path.join(DOCS, 'benchmarks.md'), 'w') as file:
        file.write(text)
    plot(results)


if __name__ == '__main__':
    with open(os.path.join(HERE, 'results', 'all.json')) as file:
        write(json.load(file))

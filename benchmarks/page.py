"""The figures of benchmarks/results/all.json -> docs/benchmarks.md and its plots."""

import json
import os
import statistics

import jinja2
import matplotlib
from alone import BATCH, BESIDE, STEPS
from peers import HERE

matplotlib.use('svg')
matplotlib.rcParams['svg.hashsalt'] = 'growth'      # the same names every time: no difference without one
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


def aims(results):
    """[what was aimed at, the aim, what was measured, whether that is reached]; the aims are older than the code."""
    rows, median = [], statistics.median

    def add(what, form, value, aim, reached=lambda value, aim: value >= aim):
        rows.append([what, form.format(aim), form.format(value), reached(value, aim)])

    def at_most(value, aim):
        return value <= aim
    for figures in results['step']['figures']:
        ours, _ = ours_and_best(figures)
        ratio, share = {'bfloat16': (1.3, 0.8), 'float32': (1.1, 0.85)}[figures['precision']]
        add(f'step in {figures["precision"]}, over the best PyTorch', '{:.2f}', median(ours['ratio']), ratio)
        add(f'step in {figures["precision"]}, of the limit', '{:.1%}', median(ours['share']), share)
        add(f'memory of the step in {figures["precision"]}, MiB, at most that of the least PyTorch', '{:,.0f}',
            ours['mib'], min(row['mib'] for row in summary(figures) if row['name'] != 'ours'), at_most)
    for figures in results['forward']['figures']:
        ours, _ = ours_and_best(figures)
        what = f'generator in {figures["precision"]}, batch {figures["batch_size"]}, '
        add(what + 'over the best PyTorch', '{:.2f}', median(ours['ratio']), 1.15)
        if figures['batch_size'] == 16:
            add(what + 'of the limit', '{:.1%}', median(ours['share']), 0.9)
    testing = {name: median(values) for name, values in results['testing']['figures'].items()}
    add('test.py whole, over its network alone, at most', '{:.2f}', testing['test.py'] / testing['network alone'], 1.1,
        at_most)
    beside, reading = results['beside']['figures'], results['reading']['figures']
    add('all that is done beside the steps, at most', '{:.1%}', beside_share(beside), 0.03, at_most)
    add('writing a checkpoint, in steps, at most', '{:.1f}', median(beside['save']) / median(beside['step']), 1,
        at_most)
    add('the reader alone, over what is trained', '{:.0f}',
        median(reading['reader alone']) / median(reading['constant tensors']), 20)
    add('from the command to the end of the first step, seconds, at most', '{:.1f}',
        median(results['starting']['figures']['whole']), 12, at_most)
    return rows


def beside_share(figures):
    """Of the time of the steps: what train.py does beside them."""
    seconds = sum(often * statistics.median(figures[name]) for name, often in BESIDE.items())
    return seconds / STEPS / statistics.median(figures['step'])


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
    with open(os.path.join(HERE, 'results', 'zen4.json')) as file:
        earlier = json.load(file)
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), undefined=jinja2.StrictUndefined,
                                     trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    median = statistics.median
    text = environment.get_template('page.md').render(
        results=results, spread=spread, summary=summary, ours_and_best=ours_and_best, median=median, min=min,
        rate=lambda figures: median(figures['matrix_gflops']), beside=BESIDE, steps=STEPS, batch=BATCH,
        aims=aims(results), beside_share=beside_share, earlier=earlier)
    with open(os.path.join(DOCS, 'benchmarks.md'), 'w') as file:
        file.write(text)
    plot(results)


if __name__ == '__main__':
    with open(os.path.join(HERE, 'results', 'all.json')) as file:
        write(json.load(file))

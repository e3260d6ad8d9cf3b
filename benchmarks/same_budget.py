"""Pictures of the same budget: train.py and the PyTorch port on the same pairs, for as many steps, under one scorer.

    python -m benchmarks.same_budget --torch pt/bin/python --data datasets/facades --folder budget

The two of one seed run side by side: a core each, or on one GPU with --device cuda. What is in the folder is carried
on, so that the same command ends what was stopped. At the end it prints a table, and writes a grid: source, the port's,
ours, target.
"""

import argparse
import glob
import json
import os
import statistics
import subprocess
import sys

import pix2pix.quiet  # noqa: F401

# isort: split
import imageio.v3 as iio
import numpy as np

from benchmarks.turns import ROOT, fail
from pix2pix.images import png
from pix2pix.images.arrays import grid
from pix2pix.images.view import View
from pix2pix.metrics import fid, perceptual, table
from pix2pix.model.architecture import PRECISIONS

NAMES = {'ours': 'train.py, last weights', 'averaged': 'train.py, averaged weights', 'port': 'PyTorch port'}
OURS = {'ours': '--raw', 'averaged': ''}        # the port averages nothing: its peer is the last weights


def parse():
    parser = argparse.ArgumentParser(prog='python -m benchmarks.same_budget', description=__doc__.partition('\n')[0])
    parser.add_argument('--torch', required=True, help='a python that has torch and numpy: ENVIRONMENT/bin/python')
    parser.add_argument('--data', required=True, help='a folder of pairs with train/ and val/ of 256 x 256 in it')
    parser.add_argument('--folder', required=True, help='of the runs')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--batch_sizes', type=int, nargs='+', default=[4, 1])
    parser.add_argument('--epochs', type=int, default=20)
    parser.add_argument('--filters', type=int, default=32)
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
    parser.add_argument('--precision', choices=PRECISIONS, default='float32', help='of ours; the port has float32')
    opts = parser.parse_args()
    opts.torch, opts.data, opts.folder = map(os.path.abspath, (opts.torch, opts.data, opts.folder))
    return opts


def main(opts):
    os.makedirs(opts.folder, exist_ok=True)
    sides = {split: as_array(opts, split) for split in ('train', 'val')}
    scores, pictures = {}, {}
    for batch_size in opts.batch_sizes:
        for seed in opts.seeds:
            folder = os.path.join(opts.folder, f'batch{batch_size}-seed{seed}')
            os.makedirs(folder, exist_ok=True)
            how = {'filters': opts.filters, 'batch_size': batch_size, 'epochs': opts.epochs, 'seed': seed,
                   'device': opts.device}
            check_same(folder, {**how, 'data': opts.data, 'precision': opts.precision})
            side_by_side(opts, folder, how)
            pictures[batch_size, seed] = outputs = {'port': np.load(f'{folder}/outputs.npy'),
                                                    **{weights: drawn(folder, weights) for weights in OURS}}
            for who, images in outputs.items():
                scores[batch_size, seed, who] = score(images, sides['val'][..., 3:])
                print(batch_size, seed, who, scores[batch_size, seed, who], flush=True)
    for line in lines_of(opts, scores):
        print(line)
    first = pictures[opts.batch_sizes[0], opts.seeds[0]]
    rows = zip(sides['val'][..., :3], first['port'], first['ours'], sides['val'][..., 3:])
    png.write(os.path.join(opts.folder, 'grid.png'), grid(list(rows)[:6]))


def check_same(folder, how):
    """End where what is in the folder was made by other options."""
    path = os.path.join(folder, 'how.json')
    if os.path.exists(path):
        with open(path) as file:
            there = {'precision': 'float32', **json.load(file)}       # as all that do not say it
        if there == how:
            return
        sys.exit(f'benchmarks: {folder} is of {there}, and not of {how}: give another --folder')
    if os.listdir(folder):
        sys.exit(f'benchmarks: {folder} does not say what it is of: give another --folder')
    with open(path, 'w') as file:
        json.dump(how, file)


def as_array(opts, split):
    """The pairs of a split, uint8 [N, H, W, 6]: B, which is the source, and A. Kept as .npy for the port."""
    halves = [np.split(iio.imread(path), 2, axis=1) for path in sorted(glob.glob(f'{opts.data}/{split}/*'))]
    pairs = np.stack([np.concatenate([b, a], axis=2) for a, b in halves])
    np.save(f'{opts.folder}/{split}.npy', pairs)
    return pairs


def side_by_side(opts, folder, how):
    """Both trainings and what they draw, where that is not there yet, a core each."""
    options = [str(word) for name, value in (
        ('dataset', opts.data), ('name', 'run'), ('direction', 'BtoA'), ('base_filters', how['filters']),
        ('batch_size', how['batch_size']), ('epochs', how['epochs']), ('seed', how['seed']), ('sample_every', 10),
        ('validate_every', how['epochs']), ('precision', opts.precision)) for word in (f'--{name}', value)]
    commands = {
        'port': [opts.torch, '-m', 'benchmarks.port', f'{opts.folder}/train.npy', f'{opts.folder}/val.npy', folder,
                 json.dumps(how)],
        'ours': ['sh', '-ec', ' && '.join([f'"$0" {ROOT}/train.py "$@"', *(
            f'"$0" {ROOT}/test.py --name run --split val {switch} --output {weights}'
            for weights, switch in OURS.items())]), sys.executable, *options]}
    there = {'port': f'{folder}/outputs.npy', 'ours': f'{folder}/averaged/metrics.json'}
    cores = sorted(os.sched_getaffinity(0))
    running = {who: start(command, cores if opts.device == 'cuda' else [cores[number % len(cores)]],
                          f'{folder}/{who}.txt', cwd={'port': ROOT, 'ours': folder}[who])
               for number, (who, command) in enumerate(commands.items()) if not os.path.exists(there[who])}
    ended = {who: process.wait() for who, (process, _) in running.items()}     # one that fails does not end the other
    for who in filter(ended.get, ended):
        fail(NAMES[who], running[who][1])


def start(command, cores, said, cwd):
    errors = open(said, 'a+')
    process = subprocess.Popen(command, cwd=cwd, stdout=errors, stderr=errors,
                               preexec_fn=lambda: os.sched_setaffinity(0, cores))
    return process, errors


def drawn(folder, weights):
    return np.stack([iio.imread(path) for path in sorted(glob.glob(f'{folder}/{weights}/output/*'))])


def score(outputs, targets):
    """The mean of each metric."""
    means = []
    compare = perceptual.Comparison(View(), means)
    scores = table.mean([compare(output, target) for output, target in zip(outputs, targets)])
    return {**scores, 'frechet_squeezenet': fid.frechet(*np.stack(means, 1))}


def lines_of(opts, scores):
    """Lines: the mean of the seeds, with each in brackets."""
    names = list(next(iter(scores.values())))
    yield '| batch | | ' + ' | '.join(names) + ' |'
    yield '|---|---' + '|---' * len(names) + '|'
    for batch_size in opts.batch_sizes:
        for who, title in NAMES.items():
            cells = []
            for name in names:
                values = [scores[batch_size, seed, who][name] for seed in opts.seeds]
                cells.append(f'{statistics.mean(values):.4f} ({", ".join(f"{value:.4f}" for value in values)})')
            yield f'| {batch_size} | {title} | ' + ' | '.join(cells) + ' |'


if __name__ == '__main__':
    main(parse())

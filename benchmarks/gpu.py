"""Check this package on a GPU, beside PyTorch, in one go.

It runs the tests that make sense there, times the step and the generator, tries whether --deterministic repeats its
bits, and sets the reader's rate beside the GPU's. What it finds goes to benchmarks/results/gpu/ and docs/benchmarks.md.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time

from benchmarks import page
from benchmarks.__main__ import SECTIONS, commit
from benchmarks.turns import ROOT, Worker, by_turns, figure, output

RESULTS = os.path.join(ROOT, 'benchmarks/results/gpu')

TESTS = ('devices', 'layers', 'convolution', 'networks', 'losses', 'training_step', 'generator', 'train', 'testing')
#       name                precision   ours            PyTorch's
PLAIN = [('float32',        'float32',  {},             {}),
         ('TF32',           'float32',  {'tf32': True}, {'tf32': True}),
         ('bfloat16',       'bfloat16', {},             {'channels_last': True})]
COMPILED = [('bfloat16, compiled', 'bfloat16', {'xla': True}, {'channels_last': True, 'compiled': True})]
LIMIT = 20 * 60         # seconds, after which nothing new is begun


def parse():
    parser = argparse.ArgumentParser(prog='python -m benchmarks.gpu', description=__doc__)
    parser.add_argument('--torch', required=True, help='a python that has torch for this GPU: ENVIRONMENT/bin/python')
    parser.add_argument('--data', required=True, help='a folder of pairs with train/ in it, such as facades')
    parser.add_argument('--only', nargs='+', choices=CHECKS, default=list(CHECKS), help='of the checks')
    parser.add_argument('--rounds', type=int, default=5, help='of each timing')
    # To try the program out without a GPU, on narrow networks.
    parser.add_argument('--device', choices=('cuda', 'cpu'), default='cuda', help=argparse.SUPPRESS)
    parser.add_argument('--filters', type=int, default=64, help=argparse.SUPPRESS)
    opts = parser.parse_args()
    if not shutil.which(opts.torch):
        parser.error(f'--torch {opts.torch} is no program')
    if not os.path.isdir(os.path.join(opts.data, 'train')):
        parser.error(f'--data {opts.data} has no folder train in it')
    opts.data = os.path.abspath(opts.data)
    return opts


def main(opts):
    begun, found = time.monotonic(), {'device': device(), 'checks': {}}
    if opts.device == 'cuda' and not found['device'].startswith('GPU'):
        sys.exit("benchmarks.gpu: TensorFlow sees no GPU here: pip install 'tensorflow[and-cuda]>=2.21,<2.22'")
    path = os.path.join(RESULTS, '-'.join(re.findall(r'\w+', found['device'].lower().replace('gpu: ', ''))) + '.json')
    found = page.machines(RESULTS).get(path, found)
    versions = ', '.join(output(python, '-c', f'import {module}; print("{name}", {module}.__version__)')
                         for python, module, name in ((sys.executable, 'tensorflow', 'TensorFlow'),
                                                      (opts.torch, 'torch', 'PyTorch')))
    print(found['device'], versions, flush=True)
    for name in opts.only:
        if time.monotonic() - begun > LIMIT:
            print(f'{name}: not measured, for {LIMIT // 60} minutes are over', flush=True)
            continue
        load = round(os.getloadavg()[0], 1)
        try:
            figures = CHECKS[name](opts)
        except SystemExit as error:     # as turns.py ends what fails: the other checks go on
            print(f'{name}: not measured: {error}', flush=True)
            continue
        print(f'{name}: {json.dumps(figures, indent=1)}', flush=True)
        found['checks'][name] = {'date': time.strftime('%Y-%m-%d'), 'commit': commit(), 'versions': versions,
                                 'load': load, 'rounds': opts.rounds, 'figures': figures}
        if opts.device == 'cuda':
            page.save(found, path)
    if opts.device == 'cuda':
        page.write(os.path.dirname(RESULTS), os.path.join(ROOT, 'docs/benchmarks.md'), SECTIONS)


def device():
    return output(sys.executable, '-c', 'import pix2pix.quiet; from pix2pix import devices; print(devices.describe())')


def tests(opts):
    """The last line of pytest, and what failed."""
    paths = [f'tests/test_{name}.py' for name in TESTS]
    done = subprocess.run([sys.executable, '-m', 'pytest', '-n', '4', *paths], cwd=ROOT, text=True, capture_output=True)
    lines = (done.stderr + done.stdout).strip().splitlines() or [f'pytest ended with status {done.returncode}']
    return {'said': lines[-1].strip('= '),
            'failed': [line.split()[1] for line in lines if line.startswith(('FAILED ', 'ERROR '))]}


def timed(what, batch_size, kinds):
    def check(opts):
        """images/s of ours and of PyTorch's, by turns: median, lowest and highest."""
        workers = []
        for name, precision, ours, theirs in kinds:
            shape = {'precision': precision, 'batch_size': batch_size, 'size': 256, 'filters': opts.filters}
            workers += [Worker(f'ours, {name}', sys.executable, 'ours', what, **shape, **ours),
                        Worker(f'PyTorch, {name}', opts.torch, 'peer', what, **shape, **theirs, device=opts.device)]
        by_turns(workers, opts.rounds, steps=20 if opts.device == 'cuda' else 1)
        return {worker.name: figure([batch_size / s for s in worker.seconds]) for worker in workers}
    return check


def determinism(opts):
    """What --deterministic costs, and whether two processes end with the same bits, with it and without."""
    shape = {'precision': 'float32', 'batch_size': 4, 'size': 256, 'filters': opts.filters}
    workers = by_turns([Worker(name, sys.executable, 'ours', 'step', **shape, deterministic=name == 'deterministic')
                        for name in ('plain', 'deterministic')], opts.rounds, steps=20 if opts.device == 'cuda' else 1)
    found = {worker.name: {'images_per_second': figure([4 / s for s in worker.seconds])} for worker in workers}
    for name in found:
        how = {**shape, 'deterministic': name == 'deterministic', 'steps': 10 if opts.device == 'cuda' else 2}
        code = f'from benchmarks import ours; print(ours.bits(**{how!r}))'
        found[name]['same bits'] = len({output(sys.executable, '-c', code) for _ in range(2)}) == 1
    return found


def reading(opts):
    """images/s of the reader alone, and of the step with it."""
    shape = {'precision': 'bfloat16' if opts.device == 'cuda' else 'float32', 'batch_size': 4, 'size': 256,
             'filters': opts.filters, 'data': opts.data}
    workers = by_turns([Worker('reader alone', sys.executable, 'ours', 'read', **shape),
                        Worker('step on real pairs', sys.executable, 'ours', 'step', **shape)], opts.rounds, steps=5)
    return {worker.name: figure([4 / s for s in worker.seconds]) for worker in workers}


CHECKS = {f'{title}, batch {batch_size}{compiled}': timed(what, batch_size, kinds)
          for compiled, kinds in (('', PLAIN), (', compiled', COMPILED))
          for title, what in (('step', 'step'), ('generator', 'forward')) for batch_size in (4, 1)}
CHECKS |= {'determinism': determinism, 'reading': reading, 'tests': tests}

if __name__ == '__main__':
    main(parse())

"""Measure this machine beside PyTorch, and write docs/benchmarks.md.

What is measured replaces its section in the machine's file in benchmarks/results/. The other sections stay.
"""

import argparse
import importlib.metadata
import os
import re
import shutil
import time

from benchmarks import alone, compare, page
from benchmarks.turns import ROOT, output

#            what measures it    one round of so many of --rounds
SECTIONS = {'step':     (compare.step,    1),
            'forward':  (compare.forward, 1),
            'reading':  (alone.reading,   1),
            'beside':   (alone.beside,    3),
            'starting': (alone.starting,  3),
            'testing':  (alone.testing,   3),
            'replicas': (alone.replicas,  3),
            'growth':   (compare.growth,  3),
            'quality':  (alone.quality,   3)}
# The newest that the CPU has is noted.
INSTRUCTIONS = {'amx_bf16': 'AMX-BF16', 'avx512_bf16': 'AVX512-BF16', 'avx512_vnni': 'AVX512-VNNI', 'avx2': 'AVX2'}
INSTALL = '. It needs PyTorch and NumPy: python -m venv pt && pt/bin/pip install torch==2.13.0 numpy'


def parse():
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument('--torch', required=True, help='a python that has torch and numpy: ENVIRONMENT/bin/python')
    parser.add_argument('--data', required=True, help='a folder of pairs with train/ and val/ in it, such as facades')
    parser.add_argument('--only', nargs='+', metavar='SECTION', choices=SECTIONS, default=SECTIONS,
                        help='measure these alone: ' + ' '.join(SECTIONS))
    parser.add_argument('--rounds', type=int, default=9, help='of step, forward and reading; the others have a third')
    parser.add_argument('--precision', nargs='+', dest='precisions', choices=compare.PRECISIONS,
                        help='of step, forward and quality; default: both where the CPU has bfloat16, else float32')
    # To try the program out: a folder for the figures and the page, and narrow networks.
    parser.add_argument('--results', help=argparse.SUPPRESS)
    parser.add_argument('--filters', type=int, default=64, help=argparse.SUPPRESS)
    opts = parser.parse_args()
    if not shutil.which(opts.torch):
        parser.error(f'--torch {opts.torch} is no program{INSTALL}')
    if not os.path.isdir(os.path.join(opts.data, 'train')):
        parser.error(f'--data {opts.data} has no folder train in it')
    opts.torch, opts.data = (os.path.abspath(path) for path in (shutil.which(opts.torch), opts.data))
    opts.precision = 'bfloat16' if 'BF16' in cpu() else 'float32'       # the faster one of this machine
    if not opts.precisions:
        opts.precisions = compare.PRECISIONS if opts.precision == 'bfloat16' else [opts.precision]
    return opts


def main(opts):
    os.environ['CUDA_VISIBLE_DEVICES'] = '-1'        # all of this is about CPUs
    versions = {'tensorflow': importlib.metadata.version('tensorflow'),
                'torch': output(opts.torch, '-c', 'import numpy, torch; print(torch.__version__)', remedy=INSTALL)}
    if 'TF_ENABLE_ONEDNN_OPTS' in os.environ:
        versions['tensorflow'] += f' with TF_ENABLE_ONEDNN_OPTS={os.environ["TF_ENABLE_ONEDNN_OPTS"]}'
    folder = opts.results or os.path.join(ROOT, 'benchmarks/results')
    path, results = results_of_this_machine(folder)
    for name in opts.only:
        measure, divisor = SECTIONS[name]
        rounds = max(1, opts.rounds // divisor)
        print(f'{time.strftime("%H:%M:%S")} {name}, {rounds} rounds', flush=True)
        results['sections'][name] = {
            'date': time.strftime('%Y-%m-%d'),
            'commit': commit(), **versions,
            'load': round(os.getloadavg()[0], 1), 'rounds': rounds, 'figures': measure(opts, rounds)}
        page.save(results, path)
    page.write(folder, os.path.join(opts.results or os.path.join(ROOT, 'docs'), 'benchmarks.md'), SECTIONS)


def commit():
    return output('sh', '-c', 'git describe --always --dirty || echo unknown')


def cpu():
    """The CPU in one line, with the newest of its instruction sets."""
    with open('/proc/cpuinfo') as file:
        fields = dict(re.findall(r'^(.+?)\s*: (.*)$', file.read(), re.MULTILINE))
    newest = next((f', {name}' for flag, name in INSTRUCTIONS.items() if flag in fields['flags'].split()), '')
    return f'{fields["model name"]} (family {fields["cpu family"]}), {os.cpu_count()} cores{newest}'


def results_of_this_machine(folder):
    """(path, results): those of the same CPU, or new ones that are named after it."""
    for path, results in page.machines(folder).items():
        if results['cpu'] == cpu():
            return path, results
    name = '-'.join(re.findall(r'[a-z0-9]+', cpu().lower()))
    return os.path.join(folder, name + '.json'), {'cpu': cpu(), 'sections': {}}


if __name__ == '__main__':
    main(parse())

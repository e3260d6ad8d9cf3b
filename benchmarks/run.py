"""All of docs/benchmarks.md in one run: python benchmarks/run.py --torch ENVIRONMENT/bin/python --data FOLDER_OF_PAIRS

`--only` runs some of its sections; the figures of the others stay as they are in benchmarks/results/.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time

import alone
import page
from peers import HERE, compare

RESULTS = os.path.join(HERE, 'results', 'all.json')
BATCHES, SIZES, FILTERS = (1, 2, 4, 8, 16), (256, 512, 1024), (16, 32, 64)


def version(python, package):
    return subprocess.run([python, '-c', f'from importlib.metadata import version; print(version("{package}"))'],
                          capture_output=True, text=True).stdout.strip()


def commit():
    return subprocess.run(['git', '-C', HERE, 'rev-parse', '--short', 'HEAD'], capture_output=True,
                          text=True).stdout.strip() or 'unknown'


def cpu():
    with open('/proc/cpuinfo') as file:
        text = file.read()
    model = next((line.split(':')[1].strip() for line in text.splitlines() if 'model name' in line), platform.machine())
    family = next((f' (family {line.split(":")[1].strip()})' for line in text.splitlines() if 'cpu family' in line), '')
    return f'{model}{family}, {os.cpu_count()} cores' + (', AVX512-BF16' if 'avx512_bf16' in text else '')


def sections(torch, data, rounds):
    """Name -> function that measures it."""
    few = max(2, rounds // 3)
    return {
        'imported': lambda: [alone.imported(sys.executable, 'tensorflow'), alone.imported(torch, 'torch')],
        'step': lambda: [compare(torch, rounds, 'step', precision) for precision in ('bfloat16', 'float32')],
        'forward': lambda: [compare(torch, rounds, 'forward', precision, batch_size)
                            for precision in ('bfloat16', 'float32') for batch_size in (1, 4, 16)],
        'batches': lambda: [compare(torch, few, 'step', 'bfloat16', n, compiled=False) for n in BATCHES],
        'sizes': lambda: [compare(torch, few, 'step', 'bfloat16', 1, n, compiled=False) for n in SIZES],
        'filters': lambda: [compare(torch, few, 'step', 'bfloat16', 4, 256, n, compiled=False) for n in FILTERS],
        'ops': lambda: {precision: alone.in_a_process('traced', precision, rounds)
                        for precision in ('bfloat16', 'float32')},
        'reading': lambda: alone.reading(data, 'bfloat16', rounds),
        'beside': lambda: alone.beside(data, 'bfloat16', few),
        'starting': lambda: alone.starting(data, few),
        'data': lambda: alone.data_sizes(data),
        'testing': lambda: alone.in_a_process('testing', data, few),
        'quality': lambda: alone.quality(os.path.dirname(data))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--torch', required=True, help='a python that has torch (pip install torch==2.13.0)')
    parser.add_argument('--data', required=True, help='facades/train; facades/val beside it')
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--only', nargs='+', metavar='SECTION')
    opts = parser.parse_args()
    if not version(opts.torch, 'torch'):
        sys.exit(f'benchmarks/run.py: {opts.torch} has no torch: pip install torch==2.13.0 into an environment of its '
                 'own and give its python as --torch')
    measure = sections(opts.torch, os.path.abspath(opts.data), opts.rounds)
    unknown = set(opts.only or ()) - measure.keys()
    if unknown:
        sys.exit(f'benchmarks/run.py: no section {" ".join(unknown)}; there are {" ".join(measure)}')
    results = {}
    if os.path.exists(RESULTS):
        with open(RESULTS) as file:
            results = json.load(file)
    for name in opts.only or measure:
        print(f'{time.strftime("%H:%M:%S")} {name}', flush=True)
        results[name] = {'date': time.strftime('%Y-%m-%d'), 'commit': commit(), 'cpu': cpu(), 'rounds': opts.rounds,
                         'tensorflow': version(sys.executable, 'tensorflow'), 'torch': version(opts.torch, 'torch'),
                         'figures': measure[name]()}
        with open(RESULTS, 'w') as file:
            json.dump(results, file, indent=1)
    page.write(results)


if __name__ == '__main__':
    main()

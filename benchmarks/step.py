"""The training step (or the generator) against PyTorch's on this machine, in the same minutes, by turns.

    python benchmarks/step.py --torch /path/to/an/environment/with/torch/bin/python
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
GFLOP = {'step': 87.0, 'forward': 12.1}     # per 256 x 256 image at 64 filters: docs/design.md


class Worker:
    """A process of benchmarks/worker.py."""

    def __init__(self, name, python, *args):
        self.name, self.results = name, []
        self.process = subprocess.Popen([python, os.path.join(HERE, 'worker.py'), *map(str, args)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def run(self, count):
        self.process.stdin.write(f'{count}\n')
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f'{self.name}: {" ".join(self.process.args)} ended; run it by hand and type 1')
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def version(python, package):
    return subprocess.run([python, '-c', f'from importlib.metadata import version; print(version("{package}"))'],
                          capture_output=True, text=True).stdout.strip()


def cpu():
    with open('/proc/cpuinfo') as file:
        text = file.read()
    model = next((line.split(':')[1].strip() for line in text.splitlines() if 'model name' in line), platform.machine())
    return f'{model}, {os.cpu_count()} cores' + (', AVX512-BF16' if 'avx512_bf16' in text else '')


def measure(opts):
    """All settings by turns: name -> {'precision', 'seconds' of every step, 'peak_mib'}, and the matrix rates."""
    matmuls, workers = [], []
    for precision in opts.precisions:
        for framework, python in ('tensorflow', sys.executable), ('torch', opts.torch):
            worker = Worker(f'matmul {framework}', python, framework, 'matmul', '--precision', precision)
            matmuls.append((precision, worker))
        shape = ['--precision', precision, '--batch_size', opts.batch_size, '--base_filters', opts.base_filters,
                 '--size', opts.size]
        settings = {'ours': [], 'PyTorch NCHW': [], 'PyTorch channels_last': ['--channels_last']}
        settings |= {'PyTorch compiled': ['--compile']} if opts.compile else {}
        for name, extra in settings.items():
            framework, python = ('tensorflow', sys.executable) if name == 'ours' else ('torch', opts.torch)
            workers.append((precision, Worker(name, python, framework, opts.what, *shape, *extra)))
    for _, worker in workers + matmuls:
        worker.run(opts.warm_up)
    for number in range(opts.rounds):
        for _, worker in (workers + matmuls)[::(-1) ** number]:
            worker.results.append(worker.run(opts.steps))
    for _, worker in workers + matmuls:
        worker.close()
    rates = {p: max(2 * 4096 ** 3 / min(s for r in w.results for s in r['seconds']) for q, w in matmuls if q == p) / 1e9
             for p in opts.precisions}
    return [{'precision': p, 'name': w.name, 'seconds': [r['seconds'] for r in w.results],
             'peak_mib': max(r['peak_mib'] for r in w.results)} for p, w in workers], rates


def table(opts, rows, rates):
    """The rows as text: images/s, median and spread of the rounds' medians, and the ratio to the best PyTorch."""
    lines = []
    for precision in opts.precisions:
        limit = rates[precision] / (GFLOP[opts.what] * (opts.size / 256) ** 2 * (opts.base_filters / 64) ** 2)
        lines.append(f'{opts.what}, {precision}, batch {opts.batch_size}: matrix rate {rates[precision]:.0f} GFLOP/s, '
                     f'limit {limit:.2f} images/s')
        mine = [row for row in rows if row['precision'] == precision]
        speeds = {row['name']: [opts.batch_size / statistics.median(s) for s in row['seconds']] for row in mine}
        best = max(statistics.median(s) for name, s in speeds.items() if name != 'ours')
        for row in mine:
            speed = speeds[row['name']]
            middle = statistics.median(speed)
            lines.append(f'  {row["name"]:22} {middle:6.2f} images/s ({min(speed):.2f}-{max(speed):.2f})  '
                         f'{middle / best:.2f} x the best PyTorch  {middle / limit:4.0%} of the limit  '
                         f'{row["peak_mib"]:5.0f} MiB')
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--torch', default=sys.executable, help='a python that has torch (pip install torch==2.13.0)')
    parser.add_argument('--what', choices=tuple(GFLOP), default='step')
    parser.add_argument('--precisions', nargs='+', choices=('float32', 'bfloat16'), default=['float32', 'bfloat16'])
    parser.add_argument('--batch_size', type=int, default=4)
    parser.add_argument('--size', type=int, default=256)
    parser.add_argument('--base_filters', type=int, default=64)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--steps', type=int, default=3, help='a round')
    parser.add_argument('--warm_up', type=int, default=3, help='steps')
    parser.add_argument('--compile', action='store_true', help='torch.compile as well')
    parser.add_argument('--out', default=os.path.join(HERE, 'results', 'step.json'))
    opts = parser.parse_args()
    if not version(opts.torch, 'torch'):
        sys.exit(f'benchmarks/step.py: {opts.torch} has no torch: pip install torch==2.13.0 into an environment of its '
                 'own and give its python as --torch')
    rows, rates = measure(opts)
    facts = {'command': ' '.join(sys.argv), 'date': time.strftime('%Y-%m-%d'), 'cpu': cpu(),
             'python': platform.python_version(), 'tensorflow': version(sys.executable, 'tensorflow'),
             'torch': version(opts.torch, 'torch'), 'load_before': os.getloadavg()}
    print(', '.join(f'{name} {facts[name]}' for name in ('cpu', 'tensorflow', 'torch', 'date')))
    print(table(opts, rows, rates))
    os.makedirs(os.path.dirname(opts.out), exist_ok=True)
    with open(opts.out, 'w') as file:
        json.dump({**facts, 'gflops': rates, 'rows': rows}, file, indent=1)


if __name__ == '__main__':
    main()

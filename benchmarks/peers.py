"""Ours against PyTorch's by turns: every setting in a process of its own that works only when it is told to."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
GFLOP = {'step': 87.0, 'forward': 12.1}     # per 256 x 256 image at 64 filters: docs/design.md
MATRIX = 2 * 4096 ** 3 / 1e9                # GFLOP of the matrix product that the limit is worked out from


class Worker:
    """A process of benchmarks/worker.py."""

    def __init__(self, name, python, *args):
        self.name, self.seconds, self.peak_mib = name, [], 0
        self.process = subprocess.Popen([python, os.path.join(HERE, 'worker.py'), *map(str, args)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def run(self, count):
        """Run so many steps and return their seconds."""
        self.process.stdin.write(f'{count}\n')
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f'{self.name}: {" ".join(self.process.args)} ended; run it by hand and type 1')
        answer = json.loads(line)
        self.peak_mib = answer['peak_mib']
        return answer['seconds']

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def by_turns(workers, rounds, steps=2, warm_up=2):
    """Let them run `steps` steps a round, in this order and in the reverse; keeps each round's mean seconds a step.

    The step before these does not count: it finds the caches as another process has left them.
    """
    for worker in workers:
        worker.run(warm_up)
    for number in range(rounds):
        for worker in workers[::(-1) ** number]:
            worker.seconds.append(sum(worker.run(1 + steps)[1:]) / steps)
    for worker in workers:
        worker.close()


def compare(torch, rounds, what, precision, batch_size=4, size=256, base_filters=64, compiled=True):
    """One setting of ours, of PyTorch in its memory layouts and compiled, and the matrix product of both."""
    shape = ['--precision', precision, '--batch_size', batch_size, '--size', size, '--base_filters', base_filters]
    workers = [Worker('ours', sys.executable, 'tensorflow', what, *shape),
               Worker('PyTorch NCHW', torch, 'torch', what, *shape),
               Worker('PyTorch channels_last', torch, 'torch', what, *shape, '--channels_last')]
    if compiled:        # in the layout that is the faster one then; the generator's weights are frozen
        layout = ['--channels_last'] if what == 'step' else []
        workers.append(Worker('PyTorch compiled', torch, 'torch', what, *shape, '--compile', *layout))
    matmuls = [Worker(name, python, name, 'matmul', '--precision', precision)
               for name, python in (('tensorflow', sys.executable), ('torch', torch))]
    by_turns(workers + matmuls, rounds)
    work = GFLOP[what] * (size / 256) ** 2 * (base_filters / 64) ** 2
    rates = [MATRIX / min(pair) for pair in zip(*(m.seconds for m in matmuls))]
    return {'what': what, 'precision': precision, 'batch_size': batch_size, 'size': size, 'base_filters': base_filters,
            'gflop_per_image': work, 'matrix_gflops': rates,
            'rows': [{'name': w.name, 'peak_mib': w.peak_mib, 'images_per_second': [batch_size / s for s in w.seconds]}
                     for w in workers]}

"""Ours beside PyTorch's: the training step, the generator, and how the step's cost grows."""

import statistics
import sys

from benchmarks.turns import Worker, by_turns, figure

PRECISIONS = ('bfloat16', 'float32')
GFLOP = {'step': 87.0, 'forward': 12.1}     # of a 256 x 256 image at 64 filters: docs/design.md
MATRIX = 2 * 4096 ** 3 / 1e9                # GFLOP of the matrix product that the limit is worked out from
#          batch size, image size, how many times narrower
GROWTH = [*((n, 256, narrower) for narrower in (1, 2, 4) for n in (1, 4, 16)), *((1, n, 1) for n in (512, 1024))]


def step(opts, rounds):
    return [compare(opts, rounds, 'step', precision, 4) for precision in opts.precisions]


def forward(opts, rounds):
    return [compare(opts, rounds, 'forward', precision, n) for precision in opts.precisions for n in (1, 4, 16)]


def growth(opts, rounds):
    return [compare(opts, rounds, 'step', opts.precision, *setting, compiled=False) for setting in GROWTH]


def compare(opts, rounds, what, precision, batch_size, size=256, narrower=1, compiled=True):
    """One setting of ours, of PyTorch in its memory layouts and compiled, and the matrix product of both.

    `ratio` is over the best of PyTorch and `limit` over the faster matrix product, each of the same round. Where the
    machine has no bfloat16, the product is of float32: in bfloat16, PyTorch's takes a minute there.
    """
    filters = max(1, opts.filters // narrower)
    shape = {'precision': precision, 'batch_size': batch_size, 'size': size, 'filters': filters}
    theirs = {'NCHW': {}, 'channels_last': {'channels_last': True}}
    if compiled:        # in the layout that is the faster one then
        theirs['compiled'] = {'compiled': True, 'channels_last': what == 'step'}
    workers = [Worker('ours', sys.executable, 'ours', what, **shape)]
    if what == 'forward' and batch_size == 1 and precision == 'float32':
        workers.append(Worker('ours, onnxruntime', sys.executable, 'ours', 'onnx', **shape))
    workers += [Worker('PyTorch ' + name, opts.torch, 'peer', what, **shape, **how) for name, how in theirs.items()]
    of = precision if opts.precision == 'bfloat16' else 'float32'
    matrices = [Worker(module + ', matrix product', python, module, 'matmul', precision=of)
                for module, python in (('ours', sys.executable), ('peer', opts.torch))]
    by_turns(workers + matrices, rounds)
    best = min((worker.seconds for worker in workers if worker.name.startswith('PyTorch')),
               key=statistics.median)
    rates = [MATRIX / min(pair) for pair in zip(*(worker.seconds for worker in matrices))]
    gflop = GFLOP[what] * (size / 256) ** 2 * (filters / 64) ** 2
    return {'setting': shape, 'matrix_gflops': figure(rates), 'rows': {worker.name: {
        'images_per_second': figure([batch_size / s for s in worker.seconds]),
        'ratio': figure([b / s for s, b in zip(worker.seconds, best)]),
        'limit': figure([batch_size / s * gflop / rate for s, rate in zip(worker.seconds, rates)]),
        'mib': round(worker.mib), 'imported': round(worker.imported)} for worker in workers}}

"""What has no peer: reading, what is done beside the steps, starting, test.py, an all-reduce, quality."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time

from benchmarks.turns import ROOT, Worker, by_turns, fail, figure, output

TRAIN, TEST = ([sys.executable, os.path.join(ROOT, script)] for script in ('train.py', 'test.py'))


def ours(opts, name, function, **options):
    return Worker(name, sys.executable, 'ours', function, precision=opts.precision, filters=opts.filters, size=256,
                  **options)


def reading(opts, rounds):
    """images/s of the step on constant tensors and on real pairs, and of the reader alone."""
    workers = by_turns([ours(opts, 'constant tensors', 'step', batch_size=4),
                        ours(opts, 'real pairs', 'step', batch_size=4, data=opts.data)], rounds, steps=4)
    workers += by_turns([ours(opts, 'reader alone', 'read', batch_size=4, data=opts.data)], rounds, steps=50)
    return {worker.name: figure([4 / s for s in worker.seconds]) for worker in workers}


def beside(opts, rounds):
    """Seconds of a step, and of each thing that train.py does beside its steps."""
    workers = [ours(opts, what, 'beside', what=what, data=opts.data) for what in ('log', 'sample', 'page', 'save')]
    workers = by_turns([ours(opts, 'step', 'step', batch_size=4), *workers], rounds, steps=1)
    return {worker.name: figure(worker.seconds) for worker in workers}


def starting(opts, rounds):
    """Seconds from the command to the end of the first step, and, once, of the README's first command."""
    times = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cwd:
            times.append(first_step(opts, cwd))
    with tempfile.TemporaryDirectory() as cwd:
        start = time.monotonic()
        output('env', f'PIX2PIX_DATASETS={cwd}/datasets', *TRAIN, '--dataset', 'demo', cwd=cwd)
        return {'first step': figure(times), 'demo': figure([time.monotonic() - start])}


def first_step(opts, cwd):
    """Start train.py in a folder and stop it after its first step, which leaves a run there: seconds to that step."""
    lines, start = os.path.join(cwd, 'checkpoints/run/metrics.jsonl'), time.monotonic()
    with tempfile.TemporaryFile('w+') as errors:
        process = subprocess.Popen(
            [*TRAIN, '--dataset', opts.data, '--name', 'run', '--log_every', '1', '--precision', opts.precision,
             '--base_filters', str(opts.filters)], cwd=cwd, stdout=subprocess.DEVNULL, stderr=errors)
        while not (os.path.exists(lines) and os.path.getsize(lines)):
            if process.poll() is not None:
                fail('train.py', errors)
            time.sleep(0.01)
        seconds = time.monotonic() - start
        process.terminate()
        process.wait()
        return seconds


def testing(opts, rounds):
    """Milliseconds an image of test.py, without its start, and of its network alone, four at a time, by turns."""
    images = min(100, len(os.listdir(os.path.join(opts.data, 'train'))) - 4)
    network, whole = ours(opts, 'four at a time', 'forward', batch_size=4), []
    with tempfile.TemporaryDirectory() as cwd:
        first_step(opts, cwd)
        for number in range(rounds):
            network.seconds.append(network.run(images // 4) / 4)
            times = [time.monotonic()]
            for limit in 4, 4 + images:     # a new folder each time: to replace a file takes longer
                output(*TEST, '--name', 'run', '--split', 'train', '--limit', str(limit), '--output',
                       f'{number}-{limit}', cwd=cwd)
                times.append(time.monotonic())
            whole.append((times[2] - 2 * times[1] + times[0]) / images)
    return {name: figure([1000 * s for s in seconds])
            for name, seconds in ((network.name, network.seconds), ('test.py', whole))}


def replicas(opts, rounds):
    """Seconds of the all-reduce of a step's gradients between two processes."""
    printed = output(sys.executable, '-m', 'benchmarks.replicas', '2', str(opts.filters), str(rounds))
    return {'all-reduce': figure(json.loads(printed.splitlines()[-1]))}


def quality(opts, rounds):
    """Validation metrics after 8 epochs at half width: {precision: {metric: a value for each seed}}."""
    figures = {precision: {'l1': [], 'psnr': [], 'ssim': []} for precision in opts.precisions}
    for precision, seed in itertools.product(opts.precisions, range(rounds)):
        with tempfile.TemporaryDirectory() as cwd:
            output(*TRAIN, '--dataset', opts.data, '--name', 'run', '--direction', 'BtoA', '--precision', precision,
                   '--seed', str(seed), '--epochs', '8', '--ema', '0', '--validate_every', '8', '--base_filters',
                   str(opts.filters // 2), cwd=cwd)
            with open(os.path.join(cwd, 'checkpoints/run/metrics.jsonl')) as file:
                last = json.loads(file.readlines()[-1])
        for name, values in figures[precision].items():
            values.append(float(f'{last["val_" + name]:.6g}'))
    return figures

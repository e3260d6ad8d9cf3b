"""What has no peer: reading, what is done beside the steps, starting, many files, test.py end to end, quality."""

import contextlib
import functools
import glob
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from ops import traced  # noqa: F401  for in_a_process
from peers import HERE, Worker, by_turns

ROOT = os.path.dirname(HERE)
BATCH = 4
BESIDE = {'log': 50, 'sample': 5, 'page': 5, 'save': 1}     # how often, in five epochs of 400 pairs by the defaults
STEPS = 500                                                 # the steps of these


def reading(folder, precision, rounds):
    """images/s of the step on constant tensors and on real pairs, and of the reader alone."""
    shape = ['--batch_size', BATCH, '--precision', precision]
    workers = [Worker('constant tensors', sys.executable, 'tensorflow', 'step', *shape),
               Worker('real pairs', sys.executable, 'tensorflow', 'step', *shape, '--data', folder)]
    by_turns(workers, rounds, steps=4)
    reader = Worker('reader alone', sys.executable, 'tensorflow', 'read', *shape, '--data', folder)
    by_turns([reader], rounds, steps=50)
    return {worker.name: [BATCH / s for s in worker.seconds] for worker in workers + [reader]}


def beside(folder, precision, rounds):
    """Seconds of each thing that train.py does beside its steps, and of a step: by turns, a process each."""
    step, *others = [Worker(what, sys.executable, 'tensorflow', what, '--batch_size', BATCH, '--precision', precision,
                            '--data', folder) for what in ('step', *BESIDE)]
    by_turns([step, *others], rounds, steps=1, warm_up=1)
    return {worker.name: worker.seconds for worker in [step, *others]}


def links(folder, into, count):
    """A data set of `count` training pairs that are links to those in a folder."""
    files = sorted(glob.glob(os.path.join(glob.escape(os.path.abspath(folder)), '*')))
    os.makedirs(os.path.join(into, 'train'))
    for i in range(count):
        os.symlink(files[i % len(files)], os.path.join(into, 'train', f'{i:06d}.jpg'))


def first_step(folder, images, *options):
    """Start train.py in a folder of its own on that many files: seconds to the end of its first step, and MiB."""
    with tempfile.TemporaryDirectory() as cwd:
        links(folder, os.path.join(cwd, 'pairs'), images)
        lines = os.path.join(cwd, 'checkpoints/pairs/metrics.jsonl')
        start = time.monotonic()
        process = subprocess.Popen([sys.executable, os.path.join(ROOT, 'train.py'), '--dataset', 'pairs',
                                    '--log_every', '1', *options], cwd=cwd, stdout=subprocess.DEVNULL)
        while process.poll() is None and not (os.path.exists(lines) and os.path.getsize(lines)):
            time.sleep(0.01)
        seconds = time.monotonic() - start
        if process.poll() is not None:
            sys.exit('train.py ended before its first step')
        with open(f'/proc/{process.pid}/status') as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith('VmHWM'))
        process.send_signal(signal.SIGKILL)
        process.wait()
        return seconds, peak / 1024


def imported(python, module):
    """MiB of a process that has imported a module and done nothing else."""
    code = f'import {module}, resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)'
    return int(subprocess.run([python, '-c', code], check=True, capture_output=True, text=True).stdout) / 1024


def starting(folder, rounds):
    """Seconds from the command to the end of the first step, at full width, and of the parts of it."""
    parts = [in_a_process('parts', folder, 400) for _ in range(rounds)]
    return {'whole': [first_step(folder, 400)[0] for _ in range(rounds)],
            'parts': {name: [part[name] for part in parts] for name in parts[0]}}


def in_a_process(what, argument, number):
    """A function of this file in a process of its own: python benchmarks/alone.py WHAT ARGUMENT NUMBER"""
    return json.loads(subprocess.run([sys.executable, __file__, what, argument, str(number)], check=True, text=True,
                                     stdout=subprocess.PIPE).stdout.splitlines()[-1])


def parts(folder, images):
    """train.py up to its first step: name of each part -> seconds."""
    sys.path[:0] = [ROOT]
    folder, marks = os.path.abspath(folder), []

    def mark():
        marks.append(time.perf_counter())

    class FirstStep(Exception):
        """It is done."""
    with tempfile.TemporaryDirectory() as cwd:
        links(folder, os.path.join(cwd, 'pairs'), images)
        os.chdir(cwd)
        mark()
        import train

        class Session(train.tf.Session):
            def run(self, fetches, *args, **options):
                if len(marks) == 2:                 # the first of all: the graph is built
                    mark()
                if not isinstance(fetches, dict):   # only the step fetches by name
                    return super().run(fetches, *args, **options)
                mark()
                super().run(fetches)
                mark()
                raise FirstStep
        train.tf.Session = Session
        mark()
        with contextlib.suppress(FirstStep):
            train.main(train.parse(['--dataset', 'pairs']))
        names = 'importing', 'building the graph', 'variables and reader', 'first step'
        return {name: end - start for name, (start, end) in zip(names, itertools.pairwise(marks), strict=True)}


def data_sizes(folder):
    """[images, seconds to the first step, MiB] of data sets of growing size, at a width of 2 filters."""
    return [[images, *first_step(folder, images, '--base_filters', '2')] for images in (100, 1000, 10_000, 100_000)]


def testing(folder, rounds, images=100):
    """Milliseconds an image: test.py's network alone, and test.py whole (read, network, PNGs, metrics), by turns.

    And the CPU time of all threads of each.
    """
    sys.path[:0] = [ROOT]
    folder, python = os.path.abspath(folder), sys.executable
    with tempfile.TemporaryDirectory() as cwd:
        os.chdir(cwd)       # a process of its own
        links(folder, 'pairs', images)
        subprocess.run([python, os.path.join(ROOT, 'train.py'), '--dataset', 'pairs', '--epochs', '1', '--batch_size',
                        str(images // 5)], check=True, stdout=subprocess.DEVNULL)
        import pix2pix  # noqa: F401  quietly
        # isort: split
        import reader
        import test
        opts = test.parse(['--name', 'pairs', '--split', 'train'])
        generator = pix2pix.Generator('checkpoints/pairs')
        names = [f'pairs/train/{name}' for name in reader.list_images('pairs/train')]
        sources = [source for source, _ in reader.whole_pairs(names)]

        def alone():
            for source in sources:
                generator.forward(source)

        def whole():
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                test.evaluate(opts, generator, 'pairs')
        times = {name: [] for what in ('network alone', 'test.py') for name in (what, what + ', CPU time')}
        alone()
        for number in range(rounds):
            for name, run in (('network alone', alone), ('test.py', whole))[::(-1) ** number]:
                shutil.rmtree('samples/pairs/test', ignore_errors=True)      # to replace a file takes longer
                start, cpu = time.perf_counter(), time.process_time()
                run()
                times[name].append((time.perf_counter() - start) / images * 1000)
                times[name + ', CPU time'].append((time.process_time() - cpu) / images * 1000)
        return times


def quality(dataset, seeds=(0, 1, 2)):
    """Validation metrics of both precisions after 8 epochs at half width: {precision: [{'l1', 'psnr', 'ssim'}]}.

    The two of a seed train side by side, each on a core of its own.
    """
    figures = {'bfloat16': [], 'float32': []}
    cores = sorted(os.sched_getaffinity(0))
    for seed in seeds:
        with tempfile.TemporaryDirectory() as cwd:
            trainings = [subprocess.Popen(
                [sys.executable, os.path.join(ROOT, 'train.py'), '--dataset', dataset, '--name', precision,
                 '--direction', 'BtoA', '--base_filters', '32', '--epochs', '8', '--validate_every', '8',
                 '--precision', precision, '--seed', str(seed)], cwd=cwd, stdout=subprocess.DEVNULL,
                preexec_fn=functools.partial(os.sched_setaffinity, 0, [cores[i % len(cores)]]))
                for i, precision in enumerate(figures)]
            if any(training.wait() for training in trainings):
                sys.exit('train.py failed')
            for precision, values in figures.items():
                with open(os.path.join(cwd, 'checkpoints', precision, 'metrics.jsonl')) as file:
                    last = json.loads(file.readlines()[-1])
                values.append({name: last[f'val_{name}'] for name in ('l1', 'psnr', 'ssim')})
    return figures


if __name__ == '__main__':      # in a process of its own: `python benchmarks/alone.py testing FOLDER 5`
    print(json.dumps(globals()[sys.argv[1]](sys.argv[2], int(sys.argv[3]))))

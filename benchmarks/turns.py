"""Settings that take turns: each is a process of its own, and works only when it is told to."""

import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Worker:
    """A process of benchmarks.worker. `seconds` has a value for each round, `mib` is the peak of its memory,
    `imported` what of it the import took."""

    def __init__(self, name, python, *setting, **options):
        self.name, self.seconds, self.errors = name, [], tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen([python, '-m', 'benchmarks.worker', *setting, json.dumps(options)], cwd=ROOT,
                                        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def run(self, steps):
        """The mean seconds of so many steps."""
        self.ask(steps)
        return self.answer()

    def ask(self, steps):
        """Let it run so many steps."""
        try:
            print(steps, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            fail(self.name, self.errors)

    def answer(self):
        """The mean seconds of the steps that it was asked for."""
        try:
            seconds, self.mib, self.imported = json.loads(self.process.stdout.readline())
            return seconds
        except ValueError:
            fail(self.name, self.errors)


def by_turns(workers, rounds, steps=2):
    """Let them run so many steps a round, in this order and in the reverse, so that all meet the same minutes."""
    try:
        for worker in workers:
            worker.ask(1)       # to build, compile and warm up, all at once
        for worker in workers:
            worker.answer()
        for number in range(rounds):
            for worker in workers[::(-1) ** number]:
                worker.seconds.append(worker.run(steps))
        for worker in workers:
            worker.process.communicate()        # ends it
    finally:
        for worker in workers:
            worker.process.kill()       # where one has failed
    return workers


def output(*command, cwd=ROOT, remedy=''):
    """What a command prints. Where it fails, so do we."""
    with tempfile.TemporaryFile('w+') as errors:
        done = subprocess.run(command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=errors)
        return done.stdout.strip() if done.returncode == 0 else fail(' '.join(command), errors, remedy)


def fail(name, errors, remedy=''):
    """End with the last line that a process wrote to its file of errors."""
    errors.seek(0)
    lines = errors.read().split('\n')
    sys.exit(f'benchmarks: {name} ended: {next(filter(str.strip, lines[::-1]), "it did not say why")}{remedy}')


def figure(values):
    """[median, lowest, highest], of six digits each."""
    return [float(f'{f(values):.6g}') for f in (statistics.median, min, max)]

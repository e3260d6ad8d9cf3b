"""A training for as long as you like: memory, descriptors, CPU seconds an epoch and the size of the page stay flat.

    SOAK_MINUTES=60 pytest -m faults -s tests/test_soak.py
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

import pytest

from pix2pix.run import log
from tests.conftest import draw_pairs
from tests.scripts import ROOT

MINUTES = float(os.environ.get('SOAK_MINUTES', 2))
OFTEN = ['--dataset', 'pairs', '--base_filters', '2', '--batch_size', '1', '--samples', '1', '--name', 'tiny',
         *(word for what in ('log', 'save', 'validate', 'sample') for word in (f'--{what}_every', '1'))]


class Reading(NamedTuple):
    """What the process holds and has used after so many epochs."""
    epochs: int
    megabytes: float        # resident
    descriptors: int
    cpu: float              # seconds, since the reading before, for each epoch since
    page: int               # bytes


def read(pid, run, last_cpu, last_epochs):
    """(a Reading, CPU seconds so far) of a process."""
    with open(f'/proc/{pid}/status') as file:
        [kilobytes] = [int(line.split()[1]) for line in file if line.startswith('VmRSS')]
    with open(f'/proc/{pid}/stat') as file:
        cpu = sum(map(int, file.read().rpartition(')')[2].split()[11:13])) / os.sysconf('SC_CLK_TCK')
    with open(run / 'checkpoints/tiny/metrics.jsonl') as file:
        epochs = sum(1 for _ in file)       # a line each
    page = os.path.getsize(run / 'samples/tiny/index.html')
    return Reading(epochs, kilobytes / 1024, len(os.listdir(f'/proc/{pid}/fd')),
                   (cpu - last_cpu) / max(1, epochs - last_epochs), page), cpu


@pytest.mark.faults
def test_a_long_training_grows_by_nothing_but_its_files(tmp_path):
    """One pair an epoch, and all that is written is written after each. Readings of the last half beside those of the
    second quarter: TensorFlow's pools have their size by then."""
    draw_pairs(tmp_path / 'pairs', train=1, val=1)
    with open(tmp_path / 'said.txt', 'w') as said:      # a pipe that nobody reads would fill up
        process = subprocess.Popen([sys.executable, f'{ROOT}/train.py', *OFTEN, '--epochs', '1000000'],
                                   cwd=tmp_path, stdout=said, stderr=said)
    said = (tmp_path / 'said.txt').read_text
    try:
        end = time.monotonic() + 600
        while not (tmp_path / 'samples/tiny/index.html').exists():
            assert process.poll() is None and time.monotonic() < end, said()
            time.sleep(0.1)
        end, readings, cpu = time.monotonic() + 60 * MINUTES, [], 0.0
        while time.monotonic() < end:
            time.sleep(60 * MINUTES / 40)
            assert process.poll() is None, said()
            reading, cpu = read(process.pid, tmp_path, cpu, readings[-1].epochs if readings else 0)
            readings.append(reading)
            print(f'{reading.epochs:6,} epochs {reading.megabytes:7.1f} MB {reading.descriptors} descriptors '
                  f'{reading.cpu:.3f} CPU s an epoch, page {reading.page:,} bytes', flush=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 143, said()
        assert sum(1 for _ in log.read(tmp_path / 'checkpoints/tiny/metrics.jsonl')) > 20
    finally:
        process.kill()
        process.wait()

    quarter = len(readings) // 4
    before, after = readings[quarter:2 * quarter], readings[2 * quarter:]
    middle = lambda name, some: statistics.median(getattr(reading, name) for reading in some)
    assert middle('megabytes', after) < middle('megabytes', before) + 20
    assert middle('cpu', after) < 1.3 * middle('cpu', before)
    assert max(reading.descriptors for reading in after) <= max(reading.descriptors for reading in before) + 3
    assert after[-1].page < 150_000

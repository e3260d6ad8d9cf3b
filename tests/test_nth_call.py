"""Every file call of a start, a step and an end of a run fails once, in several ways: pytest -m faults."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from pix2pix.run import checkpoint
from tests import nth_call
from tests.scripts import ROOT


def test_the_run_of_the_trial_comes_to_its_end_where_no_call_fails(tmp_path):
    train = nth_call.Training()
    train(tmp_path)
    assert checkpoint.steps_in(f'{tmp_path}/checkpoints') == [1, 2, 3]         # the best, and the newest two
    train(tmp_path)
    assert train.begun == 3


@pytest.mark.faults
def test_every_call_that_fails_is_named_and_the_run_carries_on(tmp_path):
    """After a kill or an error at each place, the end is that of a run that met none, to the bit."""
    cc, library = shutil.which('cc'), tmp_path / 'nth_call.so'
    if not cc:
        pytest.skip('no compiler')
    subprocess.run([cc, '-O1', '-shared', '-fPIC', '-o', library, f'{ROOT}/tests/nth_call.c', '-ldl'], check=True)
    process = subprocess.run([sys.executable, '-m', 'tests.nth_call', library, tmp_path], cwd=ROOT, text=True,
                             env={**os.environ, 'LD_PRELOAD': str(library)}, capture_output=True, timeout=3600)
    *wrong, last = process.stdout.splitlines() or ['']
    tried = re.fullmatch(r'(\d+) faults at (\d+) places', last)
    assert tried and wrong == [], process.stdout + process.stderr
    print(last)
    assert int(tried[1]) >= 250

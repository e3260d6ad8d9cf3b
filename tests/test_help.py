"""docs/train-help.txt and docs/test-help.txt are what --help prints."""

import os
import subprocess
import sys

import pytest

from tests.scripts import ROOT


@pytest.mark.parametrize('name', ['train', 'test'])
def test_the_docs_have_the_help_of_today(name):
    printed = subprocess.run([sys.executable, f'{ROOT}/{name}.py', '--help'], env={**os.environ, 'COLUMNS': '110'},
                             capture_output=True, text=True, check=True).stdout
    with open(f'{ROOT}/docs/{name}-help.txt') as file:
        first, kept = file.read().split('\n\n', 1)
    assert first == f'COLUMNS=110 python {name}.py --help prints:'
    assert kept.split() == printed.split(), f'put what {first} into docs/{name}-help.txt, below its first line'

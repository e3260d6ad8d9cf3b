"""Other implementations' names of options: the rows, docs/coming-from.md, and what the scripts answer."""

import functools
import pathlib
import re
import subprocess
import sys

import pytest

from pix2pix import elsewhere
from tests.scripts import ROOT

DOCS = pathlib.Path(ROOT, 'docs/coming-from.md').read_text()
FLAG = re.compile(r'--\w+')
SCRIPTS = 'train.py', 'test.py'


@functools.cache
def options_of(script):
    """The flags in the usage of a script, which names each in full."""
    printed = subprocess.run([sys.executable, f'{ROOT}/{script}', '--help'], capture_output=True, text=True, check=True)
    return set(FLAG.findall(printed.stdout))


def options():
    return set.union(*map(options_of, SCRIPTS))


# The rows of the tables in cells; the first is theirs, and the others speak of ours.
CELLS = [line.removesuffix('|').split('|')[1:] for line in DOCS.splitlines() if line.startswith('| `--')]
# Their flags and ours in each row that has both.
TABLE = [(FLAG.findall(theirs), FLAG.findall(ours)) for theirs, ours, *differs in CELLS if differs]


def test_every_option_of_ours_in_the_docs_is_one():
    commands = [line for line in DOCS.splitlines() if line.endswith('# here')]
    ours = set(FLAG.findall(' '.join([*commands, *(cell for _, *others in CELLS for cell in others)])))
    assert len(commands) == 3 and len(CELLS) > 50 and len(ours) > 20 and ours <= options(), ours - options()


@pytest.mark.parametrize('script', SCRIPTS)
def test_an_option_stands_under_the_script_that_has_it(script):
    section = DOCS.split(f'### {script}\n')[1].split('\n##')[0]
    rows = [line.split('|')[2] for line in section.splitlines() if line.startswith('| `--')]
    ours = set(FLAG.findall(' '.join(rows)))
    assert len(ours) > 7 and ours <= options_of(script)


@pytest.mark.parametrize('theirs, words', elsewhere.ROWS)
def test_every_row_leads_to_options_that_there_are_and_stands_in_the_docs(theirs, words):
    flags = set(FLAG.findall(words))
    assert any(flags <= options_of(script) and theirs not in options_of(script) for script in SCRIPTS)
    assert any(theirs in names and flags <= set(ours) for names, ours in TABLE)


def test_what_the_docs_have_of_another_name_has_a_row():
    known = {theirs for theirs, _ in elsewhere.ROWS}
    renamed = {name for names, _ in TABLE for name in names} - options()
    assert len(renamed) > 25 and renamed - known == {'--model', '--dataset_mode', '--mode'}       # of another kind


@pytest.mark.parametrize('script, typed, given', [
    ('train.py', '--dataroot', '--dataset'), ('train.py', '--ngf', '--base_filters'),
    ('train.py', '--lambda_L1', '--l1_weight'), ('train.py', '--no_dropout', '--keep_prob 1'),
    ('train.py', '--gpu_ids', '--devices'), ('train.py', '--input_nc', '--source_channels'),
    ('train.py', '--output_dir', '--name'), ('test.py', '--output_dir', '--output'),
    ('test.py', '--eval', '--no_dropout --statistics moving'), ('test.py', '--input_dir', '--dataset'),
    ('test.py', '--epoch', '--checkpoint checkpoints/NAME/model-STEP'),
    ('train.py', '--continue_train', 'the same command again: it carries on')])
def test_the_scripts_answer_with_our_name(script, typed, given):
    process = subprocess.run([sys.executable, f'{ROOT}/{script}', typed, '1'], capture_output=True, text=True)
    assert (process.returncode, process.stdout) == (2, '')
    assert process.stderr == f'{script}: error: {typed} is not an option; give {given} (docs/coming-from.md)\n'


def test_an_epoch_is_no_epochs():
    """In the port it is the checkpoint that a training begins with; here it might have been taken for a beginning."""
    process = subprocess.run([sys.executable, f'{ROOT}/train.py', '--dataset', 'x', '--epoch', '3'],
                             capture_output=True, text=True)
    assert process.stderr == 'train.py: error: --epoch is not an option; did you mean --epochs?\n'

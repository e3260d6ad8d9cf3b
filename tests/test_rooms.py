"""Who may import whom (docs/design.md): import-linter holds the packages, and the single files are read here."""

import ast
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from tests.scripts import ROOT

ROOT = pathlib.Path(ROOT)
PACKAGES = [path for folder in ('pix2pix', 'datasets') for path in sorted(ROOT.glob(f'{folder}/*.py'))
            + sorted(ROOT.glob(f'{folder}/*/*.py'))]
SINGLE = [ROOT / name for name in ('reader.py', 'train.py', 'test.py')]


def lint_imports(folder):
    """import-linter with the contracts of pyproject.toml: its exit status, and what it says in one line."""
    process = subprocess.run([sys.executable, '-c', 'from importlinter.cli import lint_imports_command as lint; lint()',
                              '--no-cache'], cwd=folder, capture_output=True, text=True, timeout=120)
    return process.returncode, ' '.join((process.stdout + process.stderr).split())


def test_the_rooms_import_what_they_may():
    status, output = lint_imports(ROOT)
    contracts = (ROOT / 'pyproject.toml').read_text().count('[[tool.importlinter.contracts]]')
    assert status == 0 and contracts > 0 and f'Contracts: {contracts} kept, 0 broken' in output, output


@pytest.fixture
def copy(tmp_path):
    """The packages and the contracts, to be broken."""
    for path in [*PACKAGES, ROOT / 'pyproject.toml']:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path


@pytest.mark.parametrize('module, line', [
    ('pix2pix/files.py', 'from pix2pix.images import png'),                     # the ground stands on nothing
    ('pix2pix/errors.py', 'from pix2pix.model import losses'),
    ('pix2pix/script.py', 'from pix2pix.images import diagnose'),
    ('pix2pix/elsewhere.py', 'from pix2pix.run import folder'),
    ('pix2pix/download.py', 'from pix2pix.distributed import launch'),
    ('pix2pix/images/decode.py', 'from pix2pix.metrics import fid'),
    ('pix2pix/images/decode.py', 'from pix2pix.model import losses'),
    ('pix2pix/images/png.py', 'from pix2pix.run import log'),
    ('pix2pix/metrics/fid.py', 'from pix2pix.inference.generator import Generator'),
    ('pix2pix/metrics/pixels.py', 'from pix2pix.run.log import read'),
    ('pix2pix/metrics/evaluate.py', 'import pix2pix.model.networks'),
    ('pix2pix/run/report.py', 'from pix2pix.model.architecture import LAYERS'),
    ('pix2pix/run/recorder.py', 'from pix2pix.inference import generator'),
    ('pix2pix/run/checkpoint.py', 'from pix2pix.distributed import replicas'),
    ('pix2pix/inference/generator.py', 'from pix2pix.distributed import launch'),
    ('pix2pix/inference/generator.py', 'from pix2pix.export import parity'),
    ('pix2pix/pytorch/names.py', 'from pix2pix.export import parity'),
    ('pix2pix/model/losses.py', 'from pix2pix import errors'),                  # not even the ground
    ('pix2pix/model/layers.py', 'from pix2pix.images import arrays'),
    ('pix2pix/model/networks.py', 'from datasets.catalogue import CATALOGUE'),
    ('pix2pix/distributed/launch.py', 'from pix2pix.images import arrays'),
    ('pix2pix/distributed/replicas.py', 'from pix2pix.run import log'),
    ('pix2pix/distributed/loopback.py', 'from pix2pix.inference import tiles'),
    ('pix2pix/distributed/replicas.py', 'from pix2pix.model import losses'),
    ('pix2pix/run/folder.py', 'from datasets.locate import locate'),
    ('datasets/catalogue.py', 'from pix2pix.errors import UserError'),
    ('datasets/catalogue.py', 'from datasets import demo'),
    ('datasets/archive.py', 'from datasets.locate import locate'),              # which comes back to archive
    ('pix2pix/images/arrays.py', 'from pix2pix.images import pictures'),
    ('pix2pix/utils.py', '')])                                                  # what has no place among the arrows
def test_an_arrow_that_there_is_not_is_refused(copy, module, line):
    with open(copy / module, 'a') as file:
        file.write(f'\n{line}\n')
    status, output = lint_imports(copy)
    assert status == 1 and re.search(r'[1-9] broken', output) and f'.{pathlib.Path(module).stem}' in output, output


# What import-linter does not see.

def imports_of(path):
    """What a file imports, with the name that is taken from a module behind it: 'pix2pix.errors.UserError'."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: a relative import'
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


def importers_of(module, paths):
    return [str(path.relative_to(ROOT)) for path in paths if any(
        name == module or name.startswith(module + '.') for name in imports_of(path))]


def test_the_reader_knows_images_and_the_ground_alone():
    ours = [name for name in imports_of(ROOT / 'reader.py')
            if name.partition('.')[0] in ('pix2pix', 'datasets', 'train', 'test', 'tests', 'benchmarks')]
    ground = [path.stem for path in ROOT.glob('pix2pix/*.py') if path.stem != '__init__']
    assert ours and not [name for name in ours if name.split('.')[:2] not in
                         [['pix2pix', part] for part in ('images', *ground)]]


def test_nobody_imports_a_script_and_no_room_imports_the_reader():
    for script in 'train', 'test':
        assert importers_of(script, [*PACKAGES, *SINGLE, *ROOT.glob('benchmarks/*.py')]) == []
    assert importers_of('reader', [*PACKAGES, *SINGLE]) == ['train.py', 'test.py']


COMMANDS = ('commands.py', '__main__.py', 'readme.py')


def test_the_package_does_not_know_the_scripts():
    """Neither does its prose: what a script does with a module is said in the script. The commands alone start them,
    and what is a command itself may name them. The README beside exported files tells of the port's own test.py."""
    for path in PACKAGES:
        if path.is_relative_to(ROOT / 'pix2pix') and path.name not in COMMANDS:
            assert not re.search(r'\b(train|test|reader)\.py\b', path.read_text()), path


def test_no_room_comes_in_by_the_front_door():
    """`from pix2pix import Generator` imports it where no linter sees it: by its module there, or not at all."""
    assert [path for path in PACKAGES if {'pix2pix', 'pix2pix.Generator'} & set(imports_of(path))] == []


def test_no_import_stands_inside_a_function_but_the_one_that_holds_back_the_chatter():
    inside = {f'{path.relative_to(ROOT)}: {ast.unparse(statement)}' for path in PACKAGES + SINGLE
              for function in ast.walk(ast.parse(path.read_text()))
              if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
              for statement in ast.walk(function) if isinstance(statement, ast.Import | ast.ImportFrom)}
    assert inside == {'pix2pix/quiet.py: import tensorflow.compat.v1 as tf'}

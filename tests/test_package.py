"""What an import loads, what it prints, and what answers before TensorFlow is loaded: each in a process of its own."""

import os
import re
import subprocess
import sys

import pytest

import pix2pix
from tests.scripts import ROOT

# The modules of a name among those that are loaded.
LOADED = 'import sys; print(*sorted(name for name in sys.modules if (name + ".").startswith({!r})))'


def python(*args, path=ROOT, cwd='/'):
    """(exit status, stdout, stderr) of Python, with nothing of this process's own TensorFlow about it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith('TF_')}
    process = subprocess.run([sys.executable, *args], cwd=cwd, env={**environment, 'PYTHONPATH': path}, text=True,
                             capture_output=True, timeout=120)
    return process.returncode, process.stdout, process.stderr


def loaded(statement, name):
    """The modules under `name` that a statement loads. It must end well, and without a word on stderr."""
    status, output, error = python('-c', f'{statement}\n{LOADED.format(name + ".")}')
    assert (status, error) == (0, '')
    return output.split()


def test_the_version_is_one():
    assert re.fullmatch(r'\d+\.\d+\.\d+((a|b|rc)\d+)?', pix2pix.__version__)


def test_the_package_has_nothing_else():
    with pytest.raises(AttributeError, match="'pix2pix' has no attribute 'Discriminator'"):
        pix2pix.Discriminator  # noqa: B018
    with pytest.raises(ImportError):
        from pix2pix import Discriminator  # noqa: F401


@pytest.mark.parametrize('statement', [
    'import pix2pix', 'import pix2pix.model.architecture', 'import pix2pix.flags, pix2pix.files, pix2pix.errors',
    'import pix2pix; pix2pix.__version__', 'import pix2pix.images.listing'])
def test_what_needs_no_tensorflow_loads_none(statement):
    assert 'pix2pix' in loaded(statement, 'pix2pix') and loaded(statement, 'tensorflow') == []


def test_the_generator_of_a_run_loads_tensorflow_without_a_word():
    code = 'from pix2pix import Generator\ntry: Generator("none")\n' \
           'except Exception as error: assert "no such file" in str(error)'
    assert 'tensorflow' in loaded(code, 'tensorflow')


def test_the_generator_of_an_exported_file_loads_none():
    code = 'from pix2pix import Generator\ntry: Generator("none.onnx")\n' \
           'except Exception as error: assert "export" in str(error)'
    assert 'pix2pix.inference.onnx_generator' in loaded(code, 'pix2pix') and loaded(code, 'tensorflow') == []


def test_the_reader_knows_nothing_of_the_model():
    """Not even its architecture; and TensorFlow, which it is made of, says nothing."""
    modules = loaded('import pix2pix.quiet, reader', 'pix2pix')
    assert 'pix2pix.images.decode' in modules
    assert [name for name in modules if name.startswith('pix2pix.model')] == []


def test_the_model_knows_nothing_of_the_other_rooms():
    modules = loaded('import pix2pix.quiet, pix2pix.model.training_step', 'pix2pix')
    assert {name.split('.')[1] for name in modules if '.' in name} == {'model', 'quiet'}


# The command lines.

@pytest.fixture
def no_tensorflow(tmp_path):
    """A path with a tensorflow on it that ends the process as soon as it is imported."""
    (tmp_path / 'tensorflow').mkdir()
    (tmp_path / 'tensorflow/__init__.py').write_text('raise SystemExit("tensorflow was loaded")')
    return f'{tmp_path}:{ROOT}'


#           script                       arguments that are right
SCRIPTS = [([f'{ROOT}/train.py'],        ['--dataset', 'pairs']),
           ([f'{ROOT}/test.py'],         ['--name', 'tiny']),
           (['-m', 'datasets.check'],    ['pairs']),
           (['-m', 'datasets.combine'],  ['a', 'b', 'c']),
           (['-m', 'pix2pix.export'],    ['--name', 'tiny', '--to', 'savedmodel']),
           (['-m', 'pix2pix.draw'],      ['--name', 'tiny']),
           (['-m', 'pix2pix.pytorch'],   ['a.pth', '--name', 'new'])]
SCRIPT = pytest.mark.parametrize('script, right', SCRIPTS, ids=[script[-1].removeprefix(ROOT) for script, _ in SCRIPTS])


@SCRIPT
def test_help_is_given_before_tensorflow_is_loaded(script, right, no_tensorflow):
    status, output, error = python(*script, '--help', path=no_tensorflow)
    assert (status, error) == (0, '') and output.startswith('usage: ') and '--help' in output


@SCRIPT
def test_a_mistyped_flag_is_answered_before_tensorflow_is_loaded(script, right, no_tensorflow):
    status, output, error = python(*script, *right, '--hepl', path=no_tensorflow)
    assert (status, output) == (2, '') and error.endswith('error: --hepl is not an option; did you mean --help?\n')
    assert error.count('\n') == 1


@SCRIPT
def test_a_path_that_leads_nowhere_is_answered_before_tensorflow_is_loaded(script, right, no_tensorflow, tmp_path):
    status, output, error = python(*script, *right, path=no_tensorflow, cwd=tmp_path)
    assert (status, output) == (1, '') and re.fullmatch('.*: (there is )?no such (folder|file).*\n', error)


@SCRIPT
def test_what_is_right_does_load_it(script, right, no_tensorflow, tmp_path):
    """And so the tests above would have seen it."""
    for there in 'pairs', 'a', 'b', 'a.pth', 'checkpoints/tiny':
        (tmp_path / there).mkdir(parents=True)
    assert python(*script, *right, path=no_tensorflow, cwd=tmp_path) == (1, '', 'tensorflow was loaded\n')


def test_a_folder_is_split_without_tensorflow(no_tensorflow, tmp_path):
    for i in range(3):
        (tmp_path / 'pool').mkdir(exist_ok=True)
        (tmp_path / f'pool/{i}.png').touch()
    status, output, error = python('-m', 'datasets.split', 'pool', 'OUT', path=no_tensorflow, cwd=tmp_path)
    assert (status, error) == (0, '') and output == 'OUT: 1 pair in train, 1 pair in val, 1 pair in test, copied\n'
    status, output, error = python('-m', 'datasets.split', 'pool', 'OUT', path=no_tensorflow, cwd=tmp_path)
    assert (status, output) == (1, '') and error.startswith('datasets.split: OUT is there already.')

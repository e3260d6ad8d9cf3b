"""What `pip install .` would install, built from a copy of this folder, and used from another one."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser

import numpy as np
import pytest
from PIL import Image

import pix2pix
from tests.conftest import draw_pairs
from tests.scripts import ROOT
from tests.test_generator import make_run, noise

ROOT = pathlib.Path(ROOT)
OTHERS = 'datasets', 'tests', 'benchmarks'


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """The wheel, with everything beside the package that might get into it."""
    source, built = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('built')
    shutil.copytree(ROOT / 'pix2pix', source / 'pix2pix', ignore=shutil.ignore_patterns('__pycache__'))
    for path in [*ROOT.glob('*.*'), *(path for folder in OTHERS for path in ROOT.glob(f'{folder}/*.*'))]:
        if path.is_file():
            (source / path.relative_to(ROOT)).parent.mkdir(exist_ok=True)
            shutil.copy(path, source / path.relative_to(ROOT))
    code = f'from setuptools import build_meta; build_meta.build_wheel({str(built)!r})'
    subprocess.run([sys.executable, '-c', code], cwd=source, check=True, capture_output=True, timeout=120)
    [path] = built.iterdir()
    return path


def test_it_holds_the_package_with_the_scripts_in_it_and_nothing_beside_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    about = f'pix2pix-{pix2pix.__version__}.dist-info'
    assert {name.split('/')[0] for name in names} == {'pix2pix', about}
    files = {str(path.relative_to(ROOT)) for path in (ROOT / 'pix2pix').rglob('*')
             if path.is_file() and '__pycache__' not in path.parts}
    scripts = {f'pix2pix/scripts/{path.relative_to(ROOT)}'
               for path in [*ROOT.glob('*.py'), *ROOT.glob('datasets/*.py'), *ROOT.glob('datasets/*.sha256')]}
    assert {name for name in names if not name.startswith(about)} == files | scripts
    assert 'pix2pix/run/report.html' in files and 'pix2pix/scripts/train.py' in scripts


def test_it_asks_for_what_the_requirements_say(wheel):
    """In their order: pip knows a name and its bounds however they are written."""
    with zipfile.ZipFile(wheel) as archive:
        about = Parser().parsestr(archive.read(f'pix2pix-{pix2pix.__version__}.dist-info/METADATA').decode())
    bounds = lambda line: (re.match(r'[\w\[\]-]+', line)[0], set(re.findall(r'[<>=]+[\d.]+', line)))
    assert about['Version'] == pix2pix.__version__
    wanted = (ROOT / 'requirements.txt').read_text().split()
    assert list(map(bounds, about.get_all('Requires-Dist'))) == list(map(bounds, wanted)) and len(wanted) > 5
    assert set(about['Requires-Python'].split(',')) == {'>=3.10', '<3.14'}


def test_a_generator_draws_from_any_folder(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / 'site')        # as pip does
    run = make_run(tmp_path / 'run')
    Image.fromarray(noise(40, 70)).save(tmp_path / 'labels.png')
    code = 'import numpy, sys; from pix2pix import Generator; numpy.save(sys.argv[2], ' \
           'Generator(sys.argv[1])("labels.png")); from pix2pix.run import report; print(report.__file__)'
    environment = {**os.environ, 'PYTHONPATH': str(tmp_path / 'site')}
    process = subprocess.run([sys.executable, '-c', code, run, 'photo.npy'], cwd=tmp_path, env=environment, text=True,
                             capture_output=True, timeout=120)
    assert (process.returncode, process.stderr) == (0, ''), process.stderr
    assert process.stdout == f'{tmp_path}/site/pix2pix/run/report.py\n'
    np.testing.assert_array_equal(np.load(tmp_path / 'photo.npy'), pix2pix.Generator(run)(noise(40, 70)))


def test_the_commands_run_the_scripts_in_any_folder(wheel, tmp_path):
    """One of each kind: a script, which prints its own name, and a tool of datasets/, which finds its neighbours."""
    zipfile.ZipFile(wheel).extractall(tmp_path / 'site')
    [points] = (tmp_path / 'site').glob('*.dist-info/entry_points.txt')
    commands = dict(line.split(' = ') for line in points.read_text().splitlines() if ' = ' in line)
    assert set(commands) == {f'pix2pix-{name}' for name in 'train test check combine split download'.split()}

    def run(command, *args):
        module, function = commands[command].split(':')
        code = f'import sys; sys.argv[0] = {command!r}; from {module} import {function}; {function}()'
        environment = {**os.environ, 'PYTHONPATH': str(tmp_path / 'site')}
        return subprocess.run([sys.executable, '-c', code, *args], cwd=tmp_path, env=environment, text=True,
                              capture_output=True, timeout=120)
    mistake = run('pix2pix-train', '--dataset', 'nowhere')
    assert mistake.returncode == 1 and mistake.stderr.startswith('train.py: nowhere: there is no such folder')
    assert run('pix2pix-test', '--help').stdout.startswith('usage: test.py ')
    draw_pairs(tmp_path / 'all', a=10)
    assert run('pix2pix-split', 'all/a', 'mine').returncode == 0 and (tmp_path / 'mine/val').is_dir()
    checked = run('pix2pix-check', 'mine')
    assert (checked.returncode, checked.stderr) == (0, '') and checked.stdout.endswith('no fault found\n')
    assert '(default: datasets)' in ' '.join(run('pix2pix-download', '--help').stdout.split())

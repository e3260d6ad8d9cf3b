"""TensorFlow's chatter while it is imported is not seen, and its errors are.

A false TensorFlow shows it: one that writes to the terminal as the true one does, below Python.
"""

import os
import subprocess
import sys

import pytest

from tests.scripts import ROOT

CHATTER = b'I0000 cpu_feature_guard.cc: to enable AVX2, rebuild TensorFlow\n'


@pytest.fixture
def false_tensorflow(tmp_path):
    """A function of what its import and its look for devices do besides chattering; python(code) runs beside it."""
    def make(on_import='', on_devices=''):
        package = tmp_path / 'tensorflow/compat/v1'
        package.mkdir(parents=True)
        for folder in package.parent.parent, package.parent:
            (folder / '__init__.py').touch()
        (package / '__init__.py').write_text(f'''if True:
            import logging, os
            os.write(2, {CHATTER!r})
            {on_import}
            class config:
                def list_physical_devices():
                    os.write(2, {CHATTER!r})
                    {on_devices}
            def get_logger():
                return logging.getLogger('tensorflow')
        ''')
    return make


def python(code, tmp_path, **environment):
    """Run it with the false TensorFlow first on the path: (exit status, stdout, stderr)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith('TF_')}
    process = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, text=True, capture_output=True, timeout=60,
                             env={**kept, 'PYTHONPATH': f'{tmp_path}:{ROOT}', **environment})
    return process.returncode, process.stdout, process.stderr


def test_the_chatter_of_the_import_and_of_the_devices_is_not_seen(false_tensorflow, tmp_path):
    false_tensorflow()
    code = 'import pix2pix.quiet, sys; print(sorted(name for name in sys.modules if "compat.v1" in name))'
    assert python(code, tmp_path) == (0, "['tensorflow.compat.v1']\n", '')


def test_the_terminal_is_given_back(false_tensorflow, tmp_path):
    """Both to Python and to what writes below it; what was said before comes first."""
    false_tensorflow()
    code = 'import os; os.write(2, b"a\\n"); import pix2pix.quiet, sys; os.write(2, b"b\\n"); sys.stderr.write("c")'
    assert python(code, tmp_path) == (0, '', 'a\nb\nc')


def test_warnings_of_tensorflow_in_python_are_not_seen_and_errors_are(false_tensorflow, tmp_path):
    false_tensorflow()
    code = 'import pix2pix.quiet, logging; log = logging.getLogger("tensorflow"); log.warning("w"); log.error("e")'
    assert python(code, tmp_path) == (0, '', 'e\n')


@pytest.mark.parametrize('place', ['on_import', 'on_devices'])
def test_an_error_shows_itself_and_what_was_held_back(false_tensorflow, tmp_path, place):
    """The chatter may tell why: a library that was not found."""
    false_tensorflow(**{place: 'raise ImportError("libcudart.so: cannot open")'})
    status, _, error = python('import pix2pix.quiet', tmp_path)
    assert status == 1 and error.startswith(CHATTER.decode()) and error.endswith('libcudart.so: cannot open\n')


def test_a_package_that_is_missing_shows_itself_alone(false_tensorflow, tmp_path):
    false_tensorflow(on_import='import no_such_package')
    status, _, error = python('import pix2pix.quiet', tmp_path)
    assert status == 1 and error.endswith("No module named 'no_such_package'\n") and CHATTER.decode() not in error


def test_whoever_asks_for_the_chatter_sees_it(false_tensorflow, tmp_path):
    false_tensorflow()
    code = 'import pix2pix.quiet; import tensorflow.compat.v1 as tf; tf.config.list_physical_devices()'
    assert python(code, tmp_path, TF_CPP_MIN_LOG_LEVEL='0') == (0, '', 2 * CHATTER.decode())


def test_a_tensorflow_that_is_there_already_is_left_alone(false_tensorflow, tmp_path):
    false_tensorflow(on_devices='raise RuntimeError("asked for devices")')
    assert python('import tensorflow.compat.v1, pix2pix.quiet', tmp_path) == (0, '', CHATTER.decode())


@pytest.mark.parametrize('name, ours, other', [('TF_CPP_MIN_LOG_LEVEL', '3', '1'), ('TF_ENABLE_ONEDNN_OPTS', '1', '0'),
                                               ('TF_FORCE_GPU_ALLOW_GROWTH', 'true', 'false')])
def test_tensorflow_is_imported_with_our_setting_or_the_user_s(false_tensorflow, tmp_path, name, ours, other):
    false_tensorflow(on_import=f'print(os.environ["{name}"])')
    code = 'import pix2pix.quiet, tensorflow.compat.v1'
    assert python(code, tmp_path)[:2] == (0, ours + '\n')
    assert python(code, tmp_path, **{name: other})[:2] == (0, other + '\n')

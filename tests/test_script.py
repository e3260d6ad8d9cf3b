"""How scripts start and end: of made ones, and of ours beside packages that are made to fail."""

import os
import signal
import subprocess
import sys

import pytest

from tests.scripts import ROOT

#                            script                       arguments that are right
SCRIPTS = {'train.py':         ([f'{ROOT}/train.py'],       ['--dataset', 'pairs']),
           'test.py':          ([f'{ROOT}/test.py'],        ['--name', 'tiny']),
           'datasets.check':   (['-m', 'datasets.check'],   ['pairs']),
           'datasets.combine': (['-m', 'datasets.combine'], ['a', 'b', 'c']),
           'pix2pix.draw':     (['-m', 'pix2pix.draw'],     ['--name', 'tiny']),
           'pix2pix.export':   (['-m', 'pix2pix.export'],   ['--name', 'tiny', '--to', 'savedmodel']),
           'pix2pix.pytorch':  (['-m', 'pix2pix.pytorch'],  ['a.pth', '--name', 'new'])}
PIP = '. Activate the environment (. .venv/bin/activate), or: pip install -r requirements.txt\n'


def start(folder, *args, **how):
    """Python in a folder, whose modules are found before all others but ours. It heeds SIGINT, whatever pytest does."""
    for there in 'pairs', 'a', 'b', 'a.pth', 'checkpoints/tiny':         # what the arguments name
        os.makedirs(os.path.join(folder, there), exist_ok=True)
    how.setdefault('preexec_fn', lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    environment = {name: value for name, value in os.environ.items() if not name.startswith('TF_')}
    return subprocess.Popen([sys.executable, *args], cwd=folder, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env={**environment, 'PYTHONPATH': f'{folder}:{ROOT}'}, **how)


def run(folder, *args, **how):
    """(exit status, stdout, stderr)."""
    process = start(folder, *args, **how)
    output = process.communicate(timeout=60)
    return process.returncode, *output


def made(folder, main='', imports='', begin='str', hints=None):
    """A script a.py, and module b.a, that imports something, and whose main(options) does something."""
    code = f'from pix2pix import script\nfrom pix2pix.errors import UserError\nOPTS = script.begin({begin})\n' \
           f'{imports}\ndef main(options):\n    {main or "pass"}\nscript.end(main, OPTS, {hints})\n'
    (folder / 'b').mkdir()
    for name in 'a.py', 'b/a.py':
        (folder / name).write_text(code)
    return ['a.py']


# The end.

@pytest.mark.parametrize('main, status, said', [
    ('return 3', 3, ''), ('return None', 0, ''), ('raise KeyboardInterrupt', 130, ''),
    ('raise UserError("tile 3: no")', 1, 'a.py: tile 3: no\n'),
    ('open("none.txt")', 1, "a.py: [Errno 2] No such file or directory: 'none.txt'\n"),
    ('import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(9)', 130, '')])
def test_what_a_user_can_cause_is_one_line_and_an_interrupt_none(tmp_path, main, status, said):
    assert run(tmp_path, *made(tmp_path, main)) == (status, '', said)


def test_what_main_has_begun_is_tidied_up_after_an_interrupt(tmp_path):
    main = 'import os, signal, time\n    try: os.kill(os.getpid(), signal.SIGINT); time.sleep(9)\n' \
           '    finally: print("tidy")'
    assert run(tmp_path, *made(tmp_path, main)) == (130, 'tidy\n', '')


def test_a_module_is_called_as_it_was_started(tmp_path):
    made(tmp_path, 'raise UserError("no")')
    assert run(tmp_path, '-m', 'b.a') == (1, '', 'b.a: no\n')


def test_a_fault_of_the_program_is_a_traceback(tmp_path):
    status, _, error = run(tmp_path, *made(tmp_path, '1 / 0'))
    assert status == 1 and error.startswith('Traceback') and error.endswith('ZeroDivisionError: division by zero\n')


@pytest.mark.parametrize('error, said', [('FileNotFoundError', 'x; look'), ('UserError', 'x')])
def test_a_kind_of_error_may_have_a_hint(tmp_path, error, said):
    script = made(tmp_path, f'raise {error}("x")', hints='{FileNotFoundError: "look"}')
    assert run(tmp_path, *script) == (1, '', f'a.py: {said}\n')


def test_main_gets_the_options(tmp_path):
    assert run(tmp_path, *made(tmp_path, 'print(options)', begin='lambda: 7')) == (0, '7\n', '')


# The start: what is imported.

def test_a_package_that_is_missing_is_named_with_the_remedy(tmp_path):
    script = made(tmp_path, imports='import no_such.part')
    assert run(tmp_path, *script) == (1, '', "a.py: No module named 'no_such'" + PIP)


def test_a_part_of_python_that_is_missing_is_not_to_be_had_from_pip(tmp_path):
    (tmp_path / 'fcntl.py').write_text('raise ModuleNotFoundError("No module named \'fcntl\'", name="fcntl")')
    assert run(tmp_path, *made(tmp_path, imports='import fcntl')) == (
        1, '', "a.py: No module named 'fcntl'. It is a part of Python on Linux; on Windows use WSL\n")


@pytest.mark.parametrize('imports', ['import pix2pix.nothing', 'raise ImportError("libfoo.so")', '1 / 0'])
def test_another_fault_while_importing_is_a_traceback(tmp_path, imports):
    status, _, error = run(tmp_path, *made(tmp_path, imports=imports))
    assert status == 1 and error.startswith('Traceback') and 'pip' not in error


@pytest.mark.parametrize('name', SCRIPTS)
def test_a_missing_tensorflow_is_one_line(tmp_path, name):
    (tmp_path / 'tensorflow.py').write_text('raise ModuleNotFoundError("No module named \'tensorflow\'", '
                                            'name="tensorflow")')
    script, right = SCRIPTS[name]
    assert run(tmp_path, *script, *right) == (1, '', f"{name}: No module named 'tensorflow'" + PIP)


@pytest.mark.parametrize('name, script, package', [
    ('datasets.download', ['-m', 'datasets.download', 'maps'], 'tqdm'),
    ('datasets.split', ['-m', 'datasets.split', 'a', 'b'], 'tqdm'),
    ('test.py', [f'{ROOT}/test.py', '--name', 'tiny'], 'numpy'),
    ('train.py', [f'{ROOT}/train.py', '--dataset', 'pairs'], 'jinja2')])        # one of the last to be imported
def test_so_is_any_other_package(tmp_path, name, script, package):
    (tmp_path / f'{package}.py').write_text(f'raise ModuleNotFoundError("No module named {package!r}", '
                                            f'name={package!r})')
    assert run(tmp_path, *script) == (1, '', f'{name}: No module named {package!r}' + PIP)


@pytest.mark.parametrize('name', SCRIPTS)
def test_ctrl_c_while_tensorflow_is_imported_ends_without_a_word(tmp_path, name):
    """Whatever the import makes of an interrupt: here it is another error, as of some modules written in C."""
    (tmp_path / 'tensorflow.py').write_text('import time\nprint("importing", flush=True)\ntry: time.sleep(60)\n'
                                            'except BaseException: raise ImportError("no multiarray")\n')
    script, right = SCRIPTS[name]
    process = start(tmp_path, *script, *right)
    assert process.stdout.readline() == 'importing\n'
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ('', '') and process.returncode == 130


def test_an_interrupt_that_is_ignored_stays_ignored(tmp_path):
    """As under nohup, or of a job in the background."""
    kill = 'import os, signal; os.kill(os.getpid(), signal.SIGINT)'
    script = made(tmp_path, main=f'{kill}; print("main")', imports=kill)
    assert run(tmp_path, *script, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) == (0, 'main\n', '')


def test_a_mistake_on_the_command_line_comes_before_all_that(tmp_path):
    script = made(tmp_path, imports='import no_such', begin='lambda: exit("a.py: no such flag")')
    assert run(tmp_path, *script) == (1, '', 'a.py: no such flag\n')

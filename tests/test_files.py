"""A file is replaced whole or not at all, and an error says which, and how much space there is."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys

import pytest

from pix2pix import files
from tests.scripts import ROOT


@pytest.fixture
def old(tmp_path):
    """A file that holds 'old'."""
    path = tmp_path / 'file'
    path.write_text('old')
    return path


def names(folder):
    return sorted(os.listdir(folder))


@pytest.mark.parametrize('content', ['text, \N{GREEK SMALL LETTER BETA}', b'\0bytes\xff', '', b''])
def test_text_and_bytes_are_written(tmp_path, content):
    files.write(str(tmp_path / 'file'), content)
    data = (tmp_path / 'file').read_bytes()
    assert data == content if isinstance(content, bytes) else data.decode('utf-8') == content
    assert names(tmp_path) == ['file']


def test_what_must_outlive_a_power_cut_is_on_the_disk_before_the_old_file_goes(old, calls):
    files.write(str(old), 'new', flushed=True)
    partial = f'.{os.getpid()}.partial'
    assert old.read_text() == 'new'
    assert calls == [('fsync', partial), ('replace', partial, 'file'), ('fsync', old.parent.name)]


def test_folders_are_made(tmp_path):
    files.write(str(tmp_path / 'a/b/file'), 'new')
    assert (tmp_path / 'a/b/file').read_text() == 'new' and names(tmp_path / 'a/b') == ['file']


def test_a_name_without_a_folder_is_one_in_this_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files.write('file', 'new')
    assert (tmp_path / 'file').read_text() == 'new'


def test_the_old_file_stays_until_the_new_one_is_whole(old):
    """What is being written has a name of its own beside it."""
    with files.replacing(str(old)) as partial:
        with open(partial, 'w') as file:
            file.write('new')
        assert old.read_text() == 'old' and os.path.dirname(partial) == str(old.parent)
        assert len(names(old.parent)) == 2
    assert old.read_text() == 'new' and names(old.parent) == ['file']


@pytest.mark.parametrize('error', [ValueError('a bug'), KeyboardInterrupt()])
def test_after_an_error_the_old_file_is_there_and_nothing_else(old, error):
    """The error is the one that was raised."""
    with pytest.raises(type(error)) as caught, files.replacing(str(old)) as partial:
        with open(partial, 'w') as file:
            file.write('half')
        raise error
    assert caught.value is error and old.read_text() == 'old' and names(old.parent) == ['file']


@pytest.fixture
def full():
    """`with` it no file grows beyond 1000 bytes, as on a disk that is full."""
    class Full:
        def __enter__(self):
            self.limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, self.limits[1]))

        def __exit__(self, *_):
            resource.setrlimit(resource.RLIMIT_FSIZE, self.limits)
    return Full()


def test_where_the_disk_is_full_the_error_names_the_file_and_the_space_and_the_old_file_stays(old, full):
    with pytest.raises(OSError) as caught, full:
        files.write(str(old), b'x' * 10_000)
    match = re.fullmatch(re.escape(f'{old} could not be written: File too large (') + r'(\d+) MiB free\)',
                         str(caught.value))
    free = shutil.disk_usage(old.parent).free / 2 ** 20
    assert match and float(match[1]) == pytest.approx(free, rel=0.1, abs=1), (caught.value, free)
    assert old.read_text() == 'old' and names(old.parent) == ['file']


def test_where_a_file_stands_in_place_of_the_folder_the_error_names_the_path(old):
    with pytest.raises(OSError) as caught:
        files.write(f'{old}/below/file', 'new')
    assert str(caught.value) == f'{old}/below/file could not be written: Not a directory'
    assert old.read_text() == 'old'


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    (tmp_path / 'folder').mkdir()
    with pytest.raises(OSError) as caught:
        files.write(str(tmp_path / 'folder'), 'new')
    assert str(caught.value).startswith(f'{tmp_path}/folder could not be written: Is a directory (')
    assert names(tmp_path) == ['folder'] and names(tmp_path / 'folder') == []


def test_a_process_that_is_killed_leaves_the_old_file(old):
    code = f'''if True:
        import os, signal
        from pix2pix import files
        with files.replacing({str(old)!r}) as partial:
            with open(partial, 'w') as file:
                file.write('half')
            os.kill(os.getpid(), signal.SIGKILL)
    '''
    process = subprocess.run([sys.executable, '-c', code], cwd=ROOT, timeout=60)
    assert process.returncode == -signal.SIGKILL and old.read_text() == 'old'
    files.write(str(old), 'new')        # what it left is in nobody's way
    assert old.read_text() == 'new'


def test_two_processes_that_write_the_same_file_do_not_write_into_each_other_s(old):
    """The last one to end wins, and what it wrote is whole."""
    code = f'''if True:
        import sys
        from pix2pix import files
        with files.replacing({str(old)!r}) as partial, open(partial, 'w') as file:
            file.write(sys.argv[1])
            print('begun', flush=True)
            sys.stdin.read()
    '''
    processes = [subprocess.Popen([sys.executable, '-c', code, text], cwd=ROOT, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True) for text in ('first', 'second')]
    assert [process.stdout.readline() for process in processes] == ['begun\n'] * 2
    for process, text in zip(processes, ('first', 'second')):
        process.communicate(timeout=60)
        assert process.returncode == 0 and old.read_text() == text
    assert names(old.parent) == ['file']


def test_a_process_that_dies_alone_in_a_folder_ends_the_wait_of_the_next(tmp_path, monkeypatch):
    code = f'''if True:
        import sys
        from pix2pix import files
        with files.alone_in({str(tmp_path)!r}):
            print('in', flush=True)
            sys.stdin.read()
    '''
    process = subprocess.Popen([sys.executable, '-c', code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)
    assert process.stdout.readline() == 'in\n'
    said = []
    monkeypatch.setattr(files, 'print', lambda line, flush: (said.append(line), process.kill()), raising=False)
    for _ in range(2):      # nobody is in it the second time
        with files.alone_in(str(tmp_path)):
            assert process.wait(20) == -signal.SIGKILL and not names(tmp_path)
    assert said == [f'waiting for another process, which fills {tmp_path}']

"""Files that are written whole or not at all, and which are on this machine."""

import contextlib
import errno
import fcntl
import os
import re
import shutil

PATTERN = re.compile(r'\[.*\]|\\')       # in the path of a checkpoint TensorFlow takes it for a pattern


def flush(path):
    """Bring what a file holds, or the names in a folder, to the disk. A power cut may take what is not there yet."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno != errno.EINVAL:     # a file system that has no such thing
            raise
    finally:
        os.close(number)


def is_remote(folder):
    """Whether TensorFlow reads the folder over a network, such as gs://bucket/pairs."""
    return '://' in folder


@contextlib.contextmanager
def replacing(path, *, flushed=False):
    """A context with a name to write to, this process's own, which becomes `path` at the end. OSError names the path
    and the space that is left.

    `flushed` is for what must outlive a power cut: the new file is on the disk before the old one goes.
    """
    folder = os.path.dirname(path) or '.'
    partial = os.path.join(folder, f'.{os.getpid()}.partial')
    try:
        os.makedirs(folder, exist_ok=True)
        yield partial
        if flushed:
            flush(partial)
        os.replace(partial, path)
        if flushed:
            flush(folder)
    except OSError as error:
        free = f' ({shutil.disk_usage(folder).free / 2 ** 20:.0f} MiB free)' if os.path.isdir(folder) else ''
        raise OSError(f'{path} could not be written: {error.strerror or error}{free}') from None
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def write(path, content, *, flushed=False):
    """Bytes or text -> a file."""
    with replacing(path, flushed=flushed) as partial, open(partial, 'wb') as file:
        file.write(content if isinstance(content, bytes) else content.encode())


@contextlib.contextmanager
def alone_in(folder):
    """A context in which no other process is in this one for the folder, which is made. Waits for one that is, and says
    so. The system ends the wait when that process dies.
    """
    os.makedirs(folder, exist_ok=True)
    number = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):      # a file system that locks no folders
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f'waiting for another process, which fills {folder}', flush=True)
                fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)

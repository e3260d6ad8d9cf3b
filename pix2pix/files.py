"""Files that are written whole or not at all."""

import contextlib
import os
import shutil


@contextlib.contextmanager
def replacing(path):
    """A context with a name to write to, this process's own, which becomes `path` at the end. OSError names the path
    and the space that is left."""
    folder = os.path.dirname(path) or '.'
    partial = os.path.join(folder, f'.{os.getpid()}.partial')
    try:
        os.makedirs(folder, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        free = f' ({shutil.disk_usage(folder).free / 2 ** 20:.0f} MiB free)' if os.path.isdir(folder) else ''
        raise OSError(f'{path} could not be written: {error.strerror or error}{free}') from None
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def write(path, content):
    """Bytes or text -> a file."""
    with replacing(path) as partial, open(partial, 'wb') as file:
        file.write(content if isinstance(content, bytes) else content.encode())

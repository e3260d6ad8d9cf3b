"""Files that are written whole or not at all."""

import os
import shutil


def write(path, content):
    """Bytes or text -> a file, by way of one of this process's own; OSError names it and the space that is left."""
    folder = os.path.dirname(path) or '.'
    partial = os.path.join(folder, f'.{os.getpid()}.partial')
    try:
        os.makedirs(folder, exist_ok=True)
        with open(partial, 'wb') as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        os.replace(partial, path)
    except OSError as error:
        if os.path.exists(partial):
            os.remove(partial)
        free = f' ({shutil.disk_usage(folder).free / 2 ** 20:.0f} MiB free)' if os.path.isdir(folder) else ''
        raise OSError(f'{path} could not be written: {error.strerror}{free}') from None

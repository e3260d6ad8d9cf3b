"""The folder of a run: its options, and the lock of the process that trains it."""

import contextlib
import fcntl
import json
import os
import socket

from pix2pix import files


class RunError(Exception):
    """A run that cannot go on as asked, in one line."""


def read_options(path, needed=()):
    """The options of a run; RunError where the file is missing, damaged, or lacks one of `needed`."""
    try:
        with open(path) as file:
            options = json.load(file)
    except FileNotFoundError:
        raise RunError(f'{path}: no such file; is the run name right? train.py writes it') from None
    except (OSError, ValueError) as error:
        raise RunError(f'{path}: cannot be read as JSON ({error}); restore it or move the folder away') from None
    if not isinstance(options, dict):
        raise RunError(f'{path}: is not an object of options; restore it or move the folder away')
    missing = sorted(set(needed) - options.keys())
    if missing:
        raise RunError(f'{path}: {", ".join(missing)} missing; it is damaged or of another version')
    return options


def settle_options(path, options, fixed):
    """Save a new run's options; let a started one go on only where `fixed`, the options that decide the model and the
    order of the data, are the same. Returns the names of the others that changed."""
    saved = read_options(path, fixed) if os.path.exists(path) else options
    for name in fixed:
        if saved[name] != options[name]:
            raise RunError(f'--{name} is {options[name]} but the run was started with {saved[name]} ({path}): '
                           'give the old value, or another --name')
    files.write(path, json.dumps(options, indent=2) + '\n')
    return [name for name in options if name in saved and saved[name] != options[name]]


def is_locked(run_dir):
    """Whether a process is training this run."""
    try:
        with open(os.path.join(run_dir, 'lock')) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


@contextlib.contextmanager
def locked(run_dir):
    """Hold a run's folder alone. The system drops the lock of a dead process, so that it is no obstacle."""
    path = os.path.join(run_dir, 'lock')
    with open(path, 'a+') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RunError(f'{run_dir} is being trained by {file.read().strip() or "another process"}: '
                           'stop it, or give another --name') from None
        file.truncate(0)
        file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
        file.flush()
        yield

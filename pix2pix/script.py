"""How a script starts and ends: what a user can cause is one line, and Ctrl-C is none."""

import os
import signal
import sys

from pix2pix.errors import UserError

INTERRUPTED = 128 + signal.SIGINT


def begin(parse, check=None):
    """The options that parse() makes of the command line, before the packages are imported that take seconds.

    check(options) raises UserError where a path leads nowhere, or whatever else can be said at once.

    While these are imported, Ctrl-C ends the process without a word, and one that is missing is named in one line.
    """
    options = parse()
    try:
        if check:
            check(options)
    except UserError as error:
        sys.exit(f'{name()}: {error}')
    sys.excepthook = name_what_is_missing
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:       # else whoever started this ignores it
        signal.signal(signal.SIGINT, leave)
    return options


def end(main, options, hints=None):
    """Run main(options) and end with the exit status that it returns; with 1 and a line where an error is a user's.

    hints  kind of error -> what to add to its line
    """
    if signal.getsignal(signal.SIGINT) is leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(main(options))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (UserError, OSError) as error:
        also = [hint for kind, hint in (hints or {}).items() if isinstance(error, kind)]
        sys.exit('; '.join([f'{name()}: {error}', *also]))


def leave(number, frame):
    """Nothing has been done yet. An exception would pass through what is imported, which may make another one of it."""
    os._exit(INTERRUPTED)


def name_what_is_missing(kind, error, traceback):
    package = (error.name or '').partition('.')[0] if kind is ModuleNotFoundError else __package__
    if package == __package__:
        sys.__excepthook__(kind, error, traceback)
    elif package in sys.stdlib_module_names:
        print(f'{name()}: {error}. It is a part of Python on Linux; on Windows use WSL', file=sys.stderr)
    else:
        print(f'{name()}: {error}. Activate the environment (. .venv/bin/activate), or: '
              'pip install -r requirements.txt', file=sys.stderr)


def name():
    """That of the script, as it was started: 'a.py', or 'a.b' by python -m a.b."""
    spec = sys.modules['__main__'].__spec__
    return spec.name.removesuffix('.__main__') if spec else os.path.basename(sys.argv[0])

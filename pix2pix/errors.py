"""Words for users. An error that they can mend is one line: the thing, what is wrong with it, and the remedy."""

import re

NOISE = re.compile(r'Graph execution error:|Detected at node|\d+ root error|\[\[\{\{|Node: |File "|$')


class UserError(Exception):
    """A fault that a user can mend, in one line. The scripts print it without a traceback."""


def count(number, noun):
    """'1 pair', '2,000 pairs'."""
    return f'{number:,} {noun}' + ('' if number == 1 else 's')


def reason(error):
    """The one line of an exception that says what happened, at most 200 characters.

    TensorFlow's messages begin with the node of the graph and the lines of Python that made it.
    """
    message = getattr(error, 'message', None) or str(error)
    if type(error).__name__ == 'NotFoundError' and 'No such file' in message:
        return 'no such file'
    lines = [line.strip() for line in re.split(r'\nNode: .*\n', message)[-1].splitlines()]
    line = next((line for line in lines if not NOISE.match(line)), type(error).__name__)
    return re.sub(r'^(\(\d+\) )?(\w+Error: |[A-Z_]+: |assertion failed: )*', '', line)[:200]


def printable(text):
    """Text of others in one line that a terminal shows and does not obey: control characters are written out."""
    return ''.join(c if c.isprintable() else repr(c)[1:-1] for c in ' '.join(text.split()))

"""Options: flags in columns and in full, numbers within their bounds, and values made of options of the same names."""

import argparse
import difflib
import itertools
import math
import os
import re
import sys

from pix2pix import elsewhere, files


class Parser(argparse.ArgumentParser):
    """A parser that takes no flag but in full, and answers another one in one line, with the one that may be meant.

    A beginning of a flag is refused: it may mean another one tomorrow, and `--epoch` is not `--epochs` elsewhere.
    """

    def __init__(self, description, prog=None):
        super().__init__(prog, description=description, allow_abbrev=False)
        self._negative_number_matcher = re.compile(r'-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$', re.I)    # argparse's: without e

    def parse_known_args(self, args=None, namespace=None):
        args = sys.argv[1:] if args is None else args
        flags = [arg.partition('=')[0] for arg in itertools.takewhile(lambda arg: arg != '--', args)]
        for flag in flags:      # before what is missing is named: it may be what the unknown flag was to give
            if flag.startswith('--') and ' ' not in flag and flag not in self._option_string_actions:
                self.error(f'{flag} {self.remedy(flag)}')
        return super().parse_known_args(args, namespace)

    def remedy(self, flag):
        options = list(self._option_string_actions)
        ours = elsewhere.ours(flag, options)
        if ours:
            return f'is not an option; give {ours} (docs/coming-from.md)'
        near = [option for option in options if option.startswith(flag)] or difflib.get_close_matches(
            flag, options, cutoff=0.75)
        return f'is not an option; did you mean {near[0]}?' if near else 'is not an option; --help lists them'

    def error(self, message):
        """Without the usage: it is many lines, and the message comes last."""
        self.exit(2, f'{self.prog}: error: {message}\n')


def adder(parser, title):
    """add(flag, help, default, ...) for a group of options: the default is shown in the help."""
    group = parser.add_argument_group(title)

    def add(flag, help, default=None, **how):
        how |= {} if 'action' in how else {'default': default}
        group.add_argument(flag, help=help if default is None else f'{help} (%(default)s)', **how)
    return add


def from_options(kind, options):
    """A NamedTuple of that kind, with its values from a dict of options."""
    return kind(**{name: options[name] for name in kind._fields})


def number(kind, what, holds):
    """An argparse type: a number of that kind for which `holds(number)`; a message calls it `what`."""
    def parse_number(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not holds(value):
            raise argparse.ArgumentTypeError(f'{text!r} is not {what}')
        return value
    return parse_number


whole = number(int, 'a whole number of 64 bits', lambda n: -2 ** 63 <= n < 2 ** 63)
natural = number(int, 'a whole number from 1 on', lambda n: n > 0)
positive = number(float, 'a number above 0', lambda x: 0 < x < math.inf)
weight = number(float, 'a number from 0 on', lambda x: 0 <= x < math.inf)
rate = number(float, 'a number from 0 to below 1', lambda x: 0 <= x < 1)
channels = number(int, 'a number of channels, 1 to 32', lambda n: 1 <= n <= 32)
probability = number(float, 'a number above 0, at most 1', lambda x: 0 < x <= 1)


def fault_of_name(name):
    """Why a run cannot have this name, or None."""
    if os.path.basename(name) != name or name in ('', '.', '..'):
        return 'a plain name, it becomes checkpoints/NAME and samples/NAME'
    if files.PATTERN.search(name):
        return 'give one without [...] and \\, which TensorFlow takes for a pattern'
    return None


def count_or_all(text):
    """An argparse type: 'all', or a number from 1 on; the text."""
    return text if text == 'all' else str(natural(text))


def choices_of(names):
    """An argparse type: some of these names, with commas between -> a list of them, in the order of `names`."""
    def parse_choices(text):
        asked = text.split(',')
        for name in asked:
            if name not in names:
                raise argparse.ArgumentTypeError(f'{name!r} is none of {", ".join(names)}')
        return [name for name in names if name in asked]
    return parse_choices

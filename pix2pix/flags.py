"""Options: flags in columns, numbers within their bounds, and values made of options of the same names."""

import argparse
import math


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


natural = number(int, 'a whole number from 1 on', lambda n: n > 0)
positive = number(float, 'a number above 0', lambda x: 0 < x < math.inf)
weight = number(float, 'a number from 0 on', lambda x: 0 <= x < math.inf)
rate = number(float, 'a number from 0 to below 1', lambda x: 0 <= x < 1)
probability = number(float, 'a number above 0, at most 1', lambda x: 0 < x <= 1)


def count_or_all(text):
    """An argparse type: 'all', or a number from 1 on; the text."""
    return text if text == 'all' else str(natural(text))

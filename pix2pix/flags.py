"""Command lines of the scripts: flags in columns, and numbers within their bounds."""

import math


def adder(parser, title):
    """add(flag, help, default, ...) for a group of options: the default is shown in the help."""
    group = parser.add_argument_group(title)

    def add(flag, help, default=None, **how):
        how |= {} if 'action' in how else {'default': default}
        group.add_argument(flag, help=help if default is None else f'{help} (%(default)s)', **how)
    return add


def count_or_all(text):
    """An argparse type: 'all', or a number from 1 on; the text."""
    if text != 'all' and int(text) < 1:
        raise ValueError
    return text


def number(kind, low, high=math.inf, low_included=False):
    """An argparse type: a number of that kind between low and high."""
    def parse_number(text):
        value = kind(text)
        if not (low < value < high or (low_included and value == low)):
            raise ValueError
        return value
    parse_number.__name__ = f'{kind.__name__} between {low} and {high}, got'
    return parse_number


natural, positive = number(int, 0), number(float, 0)
weight, rate, rate1 = number(float, 0, low_included=True), number(float, 0, 1, True), number(float, 0, 1.000001)

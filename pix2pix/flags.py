"""Command lines of the scripts: flags in columns, and numbers within their bounds."""

import math


def adder(parser):
    """add(flag, help, default, ...) for a parser: the default is shown in the help."""
    def add(flag, help, default=None, **how):
        parser.add_argument(flag, default=default, help=help if default is None else f'{help} (%(default)s)', **how)
    return add


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

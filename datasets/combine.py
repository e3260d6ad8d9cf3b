"""Join two folders of like-named images into pairs: python -m datasets.combine A B OUT"""

import argparse
import os
import sys


def parse(args=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('a', metavar='A', help='folder of left halves, with or without train/ val/ test/ in it')
    parser.add_argument('b', metavar='B', help='folder of right halves, with the same names')
    parser.add_argument('out', metavar='OUT', help='folder of the pairs')
    parser.add_argument('--overwrite', action='store_true', help='replace pairs that are there')
    return parser.parse_args(args)


OPTS = parse() if __name__ == '__main__' else None      # before TensorFlow is loaded: a mistake is answered at once

import pix2pix.quiet  # noqa: F401

# isort: split
import numpy as np
from tqdm import tqdm

from pix2pix.errors import UserError
from pix2pix.images import png
from pix2pix.images.folders import describe_passed_over, list_images_under
from pix2pix.images.pictures import read_pictures


def images_by_stem(folder, names, problems):
    """The images of these names in a folder: name without extension -> path."""
    found = {}
    for name in names:
        stem, path = os.path.splitext(name)[0], os.path.join(folder, name)
        if found.setdefault(stem, path) != path:
            problems.append(f'{path}: left out, there is also {os.path.basename(found[stem])}')
    return found


def join(left, right):
    """Two pictures [H, W, 3] of one size -> one pair [H, 2 W, 3], or [H, 2 W] where both are gray.

    Beside 16 bits, 8 bits become 16. ValueError where the sizes differ.
    """
    if left.shape != right.shape:
        raise ValueError('{} x {} beside {} x {} pixels'.format(*left.shape[1::-1], *right.shape[1::-1]))
    if left.dtype != right.dtype:
        left, right = (half if half.dtype == np.uint16 else half.astype(np.uint16) * 257 for half in (left, right))
    pair = np.concatenate([left, right], axis=1)
    return pair[..., 0] if (pair == pair[..., :1]).all() else pair


def combine(a, b, out, overwrite=False, say=print):
    """Write OUT/NAME.png for every name in both folders; returns (pairs written, lines on what was not)."""
    for folder in a, b:
        if not os.path.isdir(folder):
            raise UserError(f'{folder}: no such folder')
    problems, left, right = [], list_images_under(a), list_images_under(b)
    for line in describe_passed_over(left.passed_over + right.passed_over):
        say(line)
    lefts, rights = images_by_stem(a, left.images, problems), images_by_stem(b, right.images, problems)
    problems += [f'{lefts[name]}: nothing of that name in {b}' for name in sorted(lefts.keys() - rights.keys())]
    problems += [f'{rights[name]}: nothing of that name in {a}' for name in sorted(rights.keys() - lefts.keys())]
    outputs = {name: os.path.join(out, name + '.png') for name in sorted(lefts.keys() & rights.keys())}
    there = [path for path in outputs.values() if os.path.exists(path) and not overwrite]
    problems += [f'{path}: is there already; --overwrite replaces it' for path in there]
    outputs = {name: path for name, path in outputs.items() if path not in set(there)}
    halves, written = read_pictures(side[name] for name in outputs for side in (lefts, rights)), 0
    for path in tqdm(outputs.values(), unit='pair', disable=None):
        (left, a_half, left_error), (right, b_half, right_error) = next(halves), next(halves)
        if left_error or right_error:
            problems += [str(error) for error in (left_error, right_error) if error]
            continue
        try:
            png.write(path, join(a_half, b_half))
        except ValueError as error:
            problems.append(f'{left} and {right}: {error}')
            continue
        written += 1
    return written, problems


def main(opts):
    written, problems = combine(opts.a, opts.b, opts.out, opts.overwrite)
    print(*problems, f'{written} pairs written to {opts.out}, {len(problems)} problems', sep='\n')
    if not written:
        raise UserError(f'no pair was written. Do {opts.a} and {opts.b} have images of the same name and size?')


if __name__ == '__main__':
    try:
        main(OPTS)
    except (UserError, OSError) as error:
        sys.exit(f'datasets.combine: {error}')

"""Join two folders of images into pairs, by their names: python -m datasets.combine A B OUT"""

import argparse
import os

from pix2pix import script
from pix2pix.errors import UserError, count
from pix2pix.flags import Parser


def parse(args=None):
    parser = Parser(__doc__, prog='python -m datasets.combine')
    parser.add_argument('a', metavar='A', help='folder of left halves, with or without train/ val/ test/ in it')
    parser.add_argument('b', metavar='B', help='folder of right halves, in the same sub-folders')
    parser.add_argument('out', metavar='OUT', help='folder of the pairs')
    parser.add_argument('--a', dest='pattern_a', type=pattern, metavar='PATTERN',
                        help="which images of A, such as '*_photo.jpg'; default: found by itself")
    parser.add_argument('--b', dest='pattern_b', type=pattern, metavar='PATTERN',
                        help="which images of B, such as '*_label.png', where * is the same")
    parser.add_argument('--overwrite', action='store_true', help='replace pairs that are there')
    return parser.parse_args(args)


def pattern(text):
    """An argparse type: a pattern of names."""
    if text.count('*') != 1:
        raise argparse.ArgumentTypeError(f'{text!r} does not have one *, in quotes, for what the two names share')
    return text


def check_folders(a, b, out, pattern_a, pattern_b):
    """UserError where a folder is not there, or where one stands for two things."""
    if not out:
        raise UserError('OUT has no name: give the folder of the pairs')
    for folder in a, b:
        if not os.path.isdir(folder):
            raise UserError(f'{folder}: no such folder')
        if os.path.realpath(folder) == os.path.realpath(out):
            raise UserError(f'{out} is both the folder of the pairs and one of a side: give another OUT')
    if os.path.samefile(a, b) and not (pattern_a and pattern_b):
        raise UserError(f"{a} is both A and B: say which images are which, such as --a '*_photo.jpg' --b '*_label.png'")


# Before TensorFlow is loaded: a mistake is answered at once.
OPTS = script.begin(parse, lambda opts: check_folders(opts.a, opts.b, opts.out, opts.pattern_a, opts.pattern_b)) \
    if __name__ == '__main__' else None

import pix2pix.quiet  # noqa: F401

# isort: split
import numpy as np
from tqdm import tqdm

from datasets.match import match
from pix2pix.images import png
from pix2pix.images.listing import describe_passed_over, list_images_under
from pix2pix.images.pictures import read_pictures


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


def combine(a, b, out, *, pattern_a=None, pattern_b=None, overwrite=False, say=print):
    """Write OUT/NAME.png for what belongs together in A and B, by its names (datasets/match.py); returns (pairs
    written, lines on what was not)."""
    check_folders(a, b, out, pattern_a, pattern_b)
    lefts, rights = list_images_under(a, without=out), list_images_under(b, without=out)
    for line in describe_passed_over(lefts.passed_over + rights.passed_over):
        say(line)
    found = match(lefts.images, rights.images, a=pattern_a, b=pattern_b)
    say(f'{a} and {b} are matched by {found.rule}' + ''.join(
        f'; {count(side.others, "image")} of {folder} left out' for folder, side in ((a, found.left), (b, found.right))
        if side.others))
    problems = []
    for i, (folder, side, other) in enumerate([(a, found.left, b), (b, found.right, a)]):
        paired = {names[i] for names in found.pairs.values()}
        problems += [f'{os.path.join(folder, name)}: left out, there is also {os.path.basename(kept)}'
                     for name, kept in side.doubles]
        problems += [f'{os.path.join(folder, name)}: nothing of that name in {other}'
                     for name in side.names.values() if name not in paired]
    outputs = {os.path.join(out, name + '.png'): names for name, names in found.pairs.items()}
    there = {path for path in outputs if os.path.exists(path) and not overwrite}
    problems += [f'{path}: is there already; --overwrite replaces it' for path in sorted(there)]
    outputs = {path: names for path, names in outputs.items() if path not in there}
    halves = read_pictures(os.path.join(*path) for names in outputs.values() for path in zip((a, b), names))
    written = 0
    for path in tqdm(outputs, unit='pair', disable=None):
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
    """Combine, and return the exit status: 0 when all went well."""
    written, problems = combine(**vars(opts))
    print(*problems, f'{count(written, "pair")} written to {opts.out}, {count(len(problems), "problem")}', sep='\n')
    return 1 if problems else 0


if __name__ == '__main__':
    script.end(main, OPTS)

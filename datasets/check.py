"""The doctor of a folder of pairs: python -m datasets.check FOLDER

Reads every file as train.py would, and exits with 1 when training would fail.
"""

import argparse
import collections
import hashlib
import os
import sys


def parse(args=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', help='of pairs, or a name of the catalogue')
    parser.add_argument('--direction', choices=('AtoB', 'BtoA'), help='that you mean to train')
    return parser.parse_args(args)


OPTS = parse() if __name__ == '__main__' else None      # before TensorFlow is loaded: a mistake is answered at once

import pix2pix.quiet  # noqa: F401

# isort: split
import numpy as np
from tqdm import tqdm

from datasets.catalogue import CATALOGUE
from datasets.locate import locate
from pix2pix.errors import UserError
from pix2pix.images.diagnose import try_read
from pix2pix.images.folders import describe_passed_over, list_images

SPLITS = ('train', 'val', 'test')


def flatness(image):
    """The share of neighbouring pixels that are equal within 2 of 255: high for label maps, low for photos."""
    return float((np.abs(np.diff(image, axis=1)) <= 2).all(-1).mean()) if image.shape[1] > 1 else 1.0


def check_split(folder, seen, say):
    """Read one folder of pairs; returns (files, faults, [flatness of A, of B], names of files that are passed over)."""
    sizes, flat, faults = collections.Counter(), [], 0
    names, passed_over = list_images(folder)
    paths = [f'{folder}/{name}' for name in names]
    bar = tqdm(try_read(paths), os.path.basename(folder), len(paths), leave=False, disable=None)
    for path, image, error in bar:
        if error:
            faults += 1
            say(f'  {error}')
            continue
        height, width = image.shape[:2]
        gray = 'gray' if (image == image[..., :1]).all() else 'colour'
        sizes[f'{width} x {height} {gray}'] += 1
        flat.append([flatness(image[:, :width // 2]), flatness(image[:, width // 2:])])
        twin = seen.setdefault(hashlib.sha256(image.tobytes()).digest(), path)
        if twin != path:
            say(f'  {path!r}: the same pixels as {twin!r}')
    say(f'{folder}: {len(names)} files, {faults} unreadable; ' +
        ', '.join(f'{count} of {size}' for size, count in sizes.most_common(5)) + (', ...' if len(sizes) > 5 else ''))
    return len(names), faults, np.mean(flat, axis=0) if flat else [0, 0], passed_over


def check(folder, direction=None, say=print):
    """Check all splits of a folder, or the folder itself; returns the number of unreadable files."""
    splits = [f'{folder}/{split}' for split in SPLITS if os.path.isdir(f'{folder}/{split}')] or [folder]
    row, seen = CATALOGUE.get(os.path.basename(os.path.abspath(folder))), {}
    direction = direction or (row.direction if row else None)
    results = [check_split(split, seen, say) for split in splits]
    if row:
        for split, (count, *_) in zip(splits, results):
            wanted = row.splits.get(os.path.basename(split))
            if count != wanted:
                say(f'{split}: {count} files, the catalogue says {wanted}')
    for line in describe_passed_over(sum((passed_over for *_, passed_over in results), [])):
        say(line)
    a, b = np.mean([flat for _, _, flat, _ in results], axis=0)
    say(f'flat, as label maps are: {a:.0%} of A (left), {b:.0%} of B (right)')
    if max(a, b) > 0.5 and max(a, b) > min(a, b) + 0.2:
        guess = 'AtoB' if a > b else 'BtoA'
        say(f'{guess[0]} looks like the labels: --direction {guess} learns labels -> photo')
        if direction not in (None, guess):
            say(f'the direction here is {direction}: are the sides swapped?')
    return sum(faults for _, faults, *_ in results)


def main(opts):
    faults = check(locate(opts.folder), opts.direction)
    print(f'{faults} files would end the training' if faults else 'no fault found')
    return 1 if faults else 0


if __name__ == '__main__':
    try:
        sys.exit(main(OPTS))
    except (UserError, OSError) as error:
        sys.exit(f'datasets.check: {error}')

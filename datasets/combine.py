"""Join two folders of like-named images into pairs: python -m datasets.combine A B OUT"""

import argparse
import os
import sys

import imageio.v3 as iio
import numpy as np
from tqdm import tqdm

EXTENSIONS = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp')


class CombineError(Exception):
    """What kept every pair from being written, in one line."""


def images_in(folder, problems):
    """The images of a folder and its sub-folders: name without extension -> path."""
    found = {}
    for where, _, files in sorted(os.walk(folder)):
        for file in sorted(files):
            stem, extension = os.path.splitext(os.path.join(where, file))
            if extension.lower() in EXTENSIONS:
                name = os.path.relpath(stem, folder)
                if found.setdefault(name, stem + extension) != stem + extension:
                    problems.append(f'{stem + extension}: left out, there is also {os.path.basename(found[name])}')
    return found


def join(left, right):
    """Two images of one size -> one pair; gray beside colour becomes colour. ValueError where they do not fit."""
    a, b = (iio.imread(path, index=0) for path in (left, right))
    if a.shape[:2] != b.shape[:2]:
        raise ValueError('{} x {} beside {} x {} pixels'.format(*a.shape[1::-1], *b.shape[1::-1]))
    if a.dtype != b.dtype:
        raise ValueError(f'{a.dtype} beside {b.dtype}')
    return np.concatenate([a, b] if a.ndim == b.ndim == 2 else [rgb(a), rgb(b)], axis=1)


def rgb(image):
    """Gray or colour, with or without alpha -> [H, W, 3]."""
    image = image.reshape(image.shape[:2] + (-1,))
    return image[..., :3] if image.shape[-1] > 2 else np.broadcast_to(image[..., :1], image.shape[:2] + (3,))


def combine(a, b, out, overwrite=False):
    """Write OUT/NAME.png for every name in both folders; returns (pairs written, lines on what was not)."""
    for folder in a, b:
        if not os.path.isdir(folder):
            raise CombineError(f'{folder}: no such folder')
    problems = []
    lefts, rights = images_in(a, problems), images_in(b, problems)
    problems += [f'{lefts[name]}: nothing of that name in {b}' for name in sorted(lefts.keys() - rights.keys())]
    problems += [f'{rights[name]}: nothing of that name in {a}' for name in sorted(rights.keys() - lefts.keys())]
    written = 0
    for name in tqdm(sorted(lefts.keys() & rights.keys()), unit='pair', disable=None):
        path = os.path.join(out, name + '.png')
        if os.path.exists(path) and not overwrite:
            problems.append(f'{path}: is there already; --overwrite replaces it')
            continue
        try:
            png = iio.imwrite('<bytes>', join(lefts[name], rights[name]), extension='.png')
        except Exception as error:          # whatever the decoder of a damaged file raises
            problems.append(f'{lefts[name]} and {rights[name]}: {" ".join(str(error).split())[:160]}')
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + '.partial', 'wb') as file:
            file.write(png)
        os.replace(path + '.partial', path)
        written += 1
    return written, problems


def main(args=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('a', metavar='A', help='folder of left halves, with or without train/ val/ test/ in it')
    parser.add_argument('b', metavar='B', help='folder of right halves, with the same names')
    parser.add_argument('out', metavar='OUT', help='folder of the pairs')
    parser.add_argument('--overwrite', action='store_true', help='replace pairs that are there')
    opts = parser.parse_args(args)
    written, problems = combine(opts.a, opts.b, opts.out, opts.overwrite)
    print(*problems, f'{written} pairs written to {opts.out}, {len(problems)} problems', sep='\n')
    if not written:
        raise CombineError(f'no pair written: {opts.a} and {opts.b} have no images of the same name and size')


if __name__ == '__main__':
    try:
        main()
    except (CombineError, OSError) as error:
        sys.exit(f'datasets.combine: {error}')

"""Distribute the pairs of a folder to train/, val/ and test/ of a new one: python -m datasets.split FOLDER OUT

FOLDER stays as it is. Which pair goes where follows from the names in FOLDER, the shares and --seed.
"""

import errno
import hashlib
import os
import shutil

from datasets.sides import SPLITS, not_joined
from pix2pix import script
from pix2pix.errors import UserError, count
from pix2pix.flags import Parser, rate
from pix2pix.images.listing import describe_passed_over, list_images_under

#      how        the function        what has become of a file
HOW = {'copy':    (shutil.copy2,      'copied'),
       'link':    (os.link,           'linked: a file that is changed in place changes in both folders'),
       'symlink': (os.symlink,        'linked by name: they are lost when the files of {folder} are moved or deleted')}


def parse(args=None):
    parser = Parser(__doc__.splitlines()[0], prog='python -m datasets.split')
    parser.add_argument('folder', metavar='FOLDER', help='of pairs, with or without sub-folders, which are kept')
    parser.add_argument('out', metavar='OUT', help='a new folder')
    parser.add_argument('--val', type=rate, default=0.1, help='share of the pairs for val, 0 for none (%(default)s)')
    parser.add_argument('--test', type=rate, default=0.1, help='share of the pairs for test, 0 for none (%(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='another seed is another choice (%(default)s)')
    parser.add_argument('--how', choices=HOW, default='copy',
                        help='link (hard links) and symlink take no space; copy depends on nothing (%(default)s)')
    opts = parser.parse_args(args)
    if not 0 < opts.val + opts.test < 1:
        parser.error(f'--val {opts.val:g} and --test {opts.test:g}: together they must be above 0 and below 1')
    return opts


OPTS = script.begin(parse) if __name__ == '__main__' else None     # before other packages are looked for

from tqdm import tqdm


def distribute(names, *, val, test, seed):
    """Names -> a dict of those for train, val and test, sorted: a function of the names, the shares and the seed.

    A split with a share gets one at least. UserError where nothing is left for train.
    """
    order = sorted(names, key=lambda name: hashlib.sha256(f'{seed} '.encode() + os.fsencode(name)).digest())
    n_val, n_test = (max(1, round(share * len(names))) if share else 0 for share in (val, test))
    if len(names) <= n_val + n_test:
        raise UserError(f'{count(len(names), "pair")} cannot be distributed so that val has {n_val}, test has {n_test} '
                        'and train has any. Give smaller shares, or 0 for none')
    parts = order[n_val + n_test:], order[:n_val], order[n_val:n_val + n_test]
    return {split: sorted(part) for split, part in zip(SPLITS, parts) if part}


def check_folders(folder, out):
    """UserError where the one is not a folder of pairs to be split, or the other is not new."""
    if not os.path.isdir(folder):
        raise UserError(f'{folder}: no such folder')
    there = [split for split in SPLITS if os.path.isdir(os.path.join(folder, split))]
    if there:
        raise UserError(f'{folder} is split already: it has {" and ".join(there)}. Give the folder of the pairs, such '
                        f'as {os.path.join(folder, there[0])}')
    if line := not_joined(folder):
        raise UserError(line)
    if not out or os.path.islink(os.path.normpath(out)) or os.path.realpath(out) == os.getcwd():
        raise UserError(f'OUT, {out!r}, cannot be made: give the name of a new folder')
    if os.path.exists(out) and not (os.path.isdir(out) and not os.listdir(out)):
        raise UserError(f'{out} is there already. Give a new folder, so that no pair is in two splits')
    if os.path.realpath(out).startswith(os.path.join(os.path.realpath(folder), '')):
        raise UserError(f'{out} is in {folder}, where its files would count as pairs. Give another OUT')


def split(folder, out, *, val, test, seed, how, say=print):
    """Make OUT/train, OUT/val and OUT/test, whole or not at all, of the pairs in a folder."""
    check_folders(folder, out)
    images, passed_over = list_images_under(folder)
    for line in describe_passed_over(passed_over):
        say(line)
    for name in images:
        if not os.path.exists(os.path.join(folder, name)):
            raise UserError(f'{os.path.join(folder, name)} is a link to nothing: remove it')
    parts = distribute(images, val=val, test=test, seed=seed)
    targets = {name: os.path.join(part, name) for part, names in parts.items() for name in names}
    place, done = HOW[how]
    partial = f'{os.path.normpath(out)}.{os.getpid()}.partial'
    try:
        os.makedirs(partial)
        for name, target in tqdm(targets.items(), unit='pair', disable=None):
            os.makedirs(os.path.join(partial, os.path.dirname(target)), exist_ok=True)
            place(os.path.realpath(os.path.join(folder, name)), os.path.join(partial, target))
        os.rename(partial, out)         # which may be there, but empty
    except OSError as error:
        remedy = '; try --how copy' if how != 'copy' else '; try --how link' if error.errno == errno.ENOSPC else ''
        why = f'{error.filename}: {error.strerror}' if error.filename else error.strerror or error
        raise OSError(f'{out} could not be made: {why}{remedy}') from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    say(f'{out}: ' + ', '.join(f'{count(len(names), "pair")} in {part}' for part, names in parts.items()) + ', '
        + done.format(folder=folder))


def main(opts):
    split(**vars(opts))


if __name__ == '__main__':
    script.end(main, OPTS)

"""What a name given for a data set leads to: nothing, or two sides in folders of their own, and how to join them."""

import os
import shlex

from datasets.catalogue import CATALOGUE
from pix2pix.errors import UserError
from pix2pix.files import is_remote
from pix2pix.images.formats import is_image
from pix2pix.images.listing import sides_of

SPLITS = ('train', 'val', 'test')


def check_there(name):
    """UserError where a name is neither one of the catalogue nor a folder."""
    if name not in CATALOGUE and not os.path.isdir(name) and not is_remote(name):
        raise UserError(f'{name}: there is no such folder, and the catalogue has only {" ".join(CATALOGUE)}. Give a '
                        'folder of pairs (with train/ and val/ in it) or one of these names')


def join_commands(folder):
    """The commands, in one line, that join what lies in two sides and is not joined yet; '' where there is nothing."""
    there = {split for split in SPLITS if os.path.isdir(os.path.join(folder, split))}
    joins = [(sides, split) for split in SPLITS if split not in there and (sides := sides_of(folder, split))]
    if not joins and 'train' not in there and (sides := sides_of(folder)):
        inside = any(os.path.isdir(os.path.join(sides[0], split)) for split in SPLITS)
        joins = [(sides, '' if inside else 'train')]
    return '; '.join(join_command(sides, os.path.normpath(os.path.join(folder, split))) for sides, split in joins)


def join_command(sides, out):
    return shlex.join(['python', '-m', 'datasets.combine', *sides, out])


def hold_out_commands(folder, pairs):
    """The commands that make val/ or test/ for a data set whose training pairs are in the folder `pairs`; '' where
    that is not on this machine."""
    if not os.path.isdir(pairs):
        return ''
    return join_commands(folder) or shlex.join(['python', '-m', 'datasets.split', pairs, 'OUT'])


def not_joined(folder):
    """A line on the sides that are not joined yet; '' where there are none."""
    commands = join_commands(folder)
    return commands and f'{folder} has the two sides of its pairs in folders of their own. Join them: {commands}'


def refuse_sides(folder):
    """UserError where the pairs to train on are in two folders that are not read as they are: trainA and trainB are."""
    line = not_joined(folder)
    there = sides_of(folder, 'train') or os.path.isdir(os.path.join(folder, 'train'))
    if line and not there and not any(map(is_image, os.listdir(folder))):
        raise UserError(line)


def doubt(folder, names):
    """A line where the pairs of a folder look like two sides, in its sub-folders A and B; '' where they do not."""
    sides = sides_of(folder)
    if not sides or not all('/' in name for name in names):
        return ''
    return (f'{folder} looks as if its sub-folders were the two sides of pairs, but each file in them is taken for a '
            f'pair. If they are sides, join them: {join_command(sides, "OUT/train")}')

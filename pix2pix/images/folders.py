"""The folders of a data set, on this machine or behind a network, and the images in them."""

import os

import tensorflow as tf

from pix2pix.errors import UserError, reason
from pix2pix.files import is_remote
from pix2pix.images.bounds import is_irregular
from pix2pix.images.formats import is_image
from pix2pix.images.listing import Listing, is_image_by_content, listing


def find_split(folder, *names):
    """The first of these sub-folders that is there, as a path, or None."""
    try:
        return next((f'{folder}/{name}' for name in names if tf.io.gfile.isdir(f'{folder}/{name}')), None)
    except tf.errors.OpError as error:
        raise UserError(f'{folder} cannot be opened ({reason(error)})') from None


def list_images(folder, sub_folders=True):
    """A Listing of a folder, and of its sub-folders. UserError where it cannot be listed, or has no images in it."""
    try:
        return listing(walk(folder, sub_folders), folder)
    except tf.errors.OpError as error:
        raise UserError(f'{folder} cannot be listed ({type(error).__name__}); is it the folder you meant?') from None
    except UnicodeDecodeError as error:
        raise UserError(f'{folder}: the file name {error.object!r} is not valid UTF-8; rename the file') from None


def list_pairs(folder, a, b):
    """The Listing of the pairs in two folders `a` and `b` of `folder`: a tuple of two names for each, of files whose
    names are the same but for the ending, in sub-folders of the same names. UserError names a file that has no partner.
    """
    sides, passed_over = [], []
    for side in a, b:
        names, others = list_images(side)
        stems = {}
        for name in names:
            if stems.setdefault(os.path.splitext(name)[0], name) != name:
                raise UserError(f'{side} has both {stems[os.path.splitext(name)[0]]} and {name}: keep one')
        sides.append(stems)
        passed_over += others
    for here, there, names, others in (a, b, *sides), (b, a, *sides[::-1]):
        alone = sorted(names.keys() - others.keys())
        if alone:
            more = f', and {len(alone) - 1:,} more have none' if len(alone) > 1 else ''
            raise UserError(f'{os.path.join(here, names[alone[0]])} has no partner in {there}, a file of the same name '
                            f'with any ending{more}. Add what is missing, or move the file away')
    inside = [os.path.relpath(side, folder) for side in (a, b)]
    pairs = [tuple(f'{place}/{names[stem]}' for place, names in zip(inside, sides)) for stem in sorted(sides[0])]
    return Listing(pairs, passed_over)


def walk(folder, sub_folders, below='', above=()):
    """Yields (name, whether it is an image) of all files that are not hidden.

    In object storage each question is a request, and files are judged by their names alone. Only a name that is no
    image's is asked whether it is a folder, and not where sub-folders do not count. `above` are the folders on the way
    here: a link back to one of them is not followed.
    """
    above, remote = (*above, os.path.realpath(f'{folder}/{below}')), is_remote(folder)
    if not remote:
        refuse_pipes(f'{folder}/{below}')
    for entry in tf.io.gfile.listdir(f'{folder}/{below}'):
        name = entry.rstrip('/')        # as object storage lists folders
        path = f'{folder}/{below}{name}'
        if name.startswith('.'):
            continue
        if is_image(name):
            yield below + name, True
        elif entry.endswith('/') or (sub_folders or not remote) and tf.io.gfile.isdir(path):
            if sub_folders and os.path.realpath(path) not in above:
                yield from walk(folder, sub_folders, f'{below}{name}/', above)
        else:
            yield below + name, not remote and is_image_by_content(path)


def refuse_pipes(folder):
    """UserError names a pipe or a device with an image's name, which a training would wait for without end.

    The folder knows of most files what they are: a million of them take no call each.
    """
    if not os.path.isdir(folder):       # whoever lists it says why not
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_file() and is_image(entry.name) and is_irregular(entry.path):
                raise UserError(f'{entry.path!r}: is a pipe or a device, and no file; remove it')

"""Which files of this machine are images, and which are passed over. Nothing here needs TensorFlow.

A file without an ending is opened, and no other.
"""

import collections
import itertools
import os
from typing import NamedTuple

from pix2pix.errors import UserError, count
from pix2pix.images.bounds import is_irregular
from pix2pix.images.formats import ARRAYS, EXTENSIONS, HEADER, format_of, is_image

NAMED = 8       # endings in the line on what is passed over


class Listing(NamedTuple):
    """The files of a folder, relative to it and sorted: those that are images, and those that are passed over."""
    images: list
    passed_over: list


def is_image_by_content(path):
    """Whether a file on the disk, whose name has no extension, begins as an image does."""
    if os.path.splitext(path)[1] or not os.path.isfile(path):       # a pipe would be waited for
        return False
    try:
        with open(path, 'rb') as file:
            return format_of(file.read(HEADER)) is not None
    except OSError:
        return False


def list_images_under(path, without=None):
    """A Listing of a file, or of a folder and its sub-folders.

    What is under the folder `without` is left out.
    """
    if os.path.isfile(path):
        return Listing([os.path.basename(path)], [])
    if not os.path.isdir(path):
        wrong = 'is a pipe or a device, and no file' if is_irregular(path) else 'no such file or folder'
        raise UserError(f'{path}: {wrong}')
    found, seen, apart = [], set(), os.path.abspath(without) if without else None
    if apart and not apart.startswith(os.path.abspath(path) + os.sep):
        apart = None

    def stop(error):
        raise UserError(f'{error.filename} cannot be listed ({error.strerror})')
    for folder, folders, names in os.walk(path, onerror=stop, followlinks=True):
        if os.path.realpath(folder) in seen or os.path.abspath(folder) == apart:     # a link in a circle; `without`
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith('.')]
        seen.add(os.path.realpath(folder))
        found += [os.path.join(folder, name) for name in names if not name.startswith('.')]
    return listing(((os.path.relpath(file, path), is_image(os.path.basename(file)) or is_image_by_content(file))
                    for file in found), path)


def sides_of(folder, split=''):
    """The folders of the two sides, such as trainA and trainB, train_A and train_B, or A and B; None where there are
    none."""
    for joint, letters in itertools.product(('', '_', '-'), ('AB', 'ab')):
        sides = [os.path.join(folder, split + joint + letter) for letter in letters]
        if all(map(os.path.isdir, sides)):
            return sides
    return None


def listing(files, folder):
    """(name, whether it is an image) of the files of a folder -> a Listing. UserError where none is."""
    files = sorted(files)
    images, passed_over = ([name for name, image in files if image is wanted] for wanted in (True, False))
    pictures = [name for name in images if not name.lower().endswith(ARRAYS)]
    if pictures:        # arrays beside them are figures of something else
        images, passed_over = pictures, sorted({*passed_over, *images} - {*pictures})
    if not images:
        raise UserError('; '.join([f'{folder} has no images in it ({" ".join(EXTENSIONS)})',
                                   *describe_passed_over(passed_over)]))
    return Listing(images, passed_over)


def describe_passed_over(names):
    """['8 files passed over (.gif .heic .npy)'], or [] where there are none."""
    endings = sorted({repr(os.path.splitext(name)[1].lower())[1:-1] for name in names}, key=lambda end: (not end, end))
    kinds = [ending or 'no ending' for ending in endings[:NAMED]] + ['...'] * (len(endings) > NAMED)
    return [f'{count(len(names), "file")} passed over ({" ".join(kinds)})'] if names else []


def unique_stems(names):
    """The names without extension, or with it where two would be the same; always as many as there are names."""
    stems = [os.path.splitext(name)[0] for name in names]
    count = collections.Counter(stems)
    stems = [stem if count[stem] == 1 else name for name, stem in zip(names, stems)]
    return stems if len(set(stems)) == len(names) else list(names)

"""Which image files are there. Nothing here opens one."""

import collections
import os

import tensorflow as tf

from pix2pix.errors import UserError, reason
from pix2pix.images.extensions import EXTENSIONS, is_image


def is_remote(folder):
    """Whether TensorFlow reads the folder over a network, such as gs://bucket/pairs."""
    return '://' in folder


def find_split(folder, *names):
    """The first of these sub-folders that is there, as a path, or None."""
    try:
        return next((f'{folder}/{name}' for name in names if tf.io.gfile.isdir(f'{folder}/{name}')), None)
    except tf.errors.OpError as error:
        raise UserError(f'{folder} cannot be opened ({reason(error)})') from None


def list_images(folder, sub_folders=True):
    """The names of the images in a folder, and in its sub-folders, sorted and relative to it."""
    try:
        names = sorted(walk(folder, sub_folders))
    except tf.errors.OpError as error:
        raise UserError(f'{folder} cannot be listed ({type(error).__name__}); is it the folder you meant?') from None
    except UnicodeDecodeError as error:
        raise UserError(f'{folder}: the file name {error.object!r} is not valid UTF-8; rename the file') from None
    if not names:
        raise UserError(no_images(folder))
    return names


def walk(folder, sub_folders, below='', above=()):
    """Only a name that is no image's is asked whether it is a folder: in object storage each question is a request.

    `above` are the folders on the way here: a link back to one of them is not followed.
    """
    above = (*above, os.path.realpath(f'{folder}/{below}'))
    for name in tf.io.gfile.listdir(f'{folder}/{below}'):
        name = name.rstrip('/')         # as object storage lists folders
        path = f'{folder}/{below}{name}'
        if is_image(name):
            yield below + name
        elif sub_folders and name[0] != '.' and tf.io.gfile.isdir(path) and os.path.realpath(path) not in above:
            yield from walk(folder, sub_folders, f'{below}{name}/', above)


def list_images_under(path, without=None):
    """The names of a file, or of all images under a folder and its sub-folders, sorted and relative to that folder.

    What is under the folder `without` is left out.
    """
    if os.path.isfile(path):
        return [os.path.basename(path)]
    if not os.path.isdir(path):
        raise UserError(f'{path}: no such file or folder')
    found, seen, apart = [], set(), os.path.abspath(without) if without else None
    if apart and not apart.startswith(os.path.abspath(path) + os.sep):
        apart = None

    def stop(error):
        raise UserError(f'{error.filename} cannot be listed ({error.strerror})')
    for folder, folders, names in os.walk(path, onerror=stop, followlinks=True):
        if os.path.realpath(folder) in seen or os.path.abspath(folder) == apart:     # a link in a circle; `without`
            folders.clear()
            continue
        seen.add(os.path.realpath(folder))
        found += [os.path.join(folder, name) for name in names if is_image(name)]
    if not found:
        raise UserError(no_images(path))
    return sorted(os.path.relpath(name, path) for name in found)


def no_images(folder):
    return f'{folder} has no images in it ({" ".join(EXTENSIONS)})'


def unique_stems(names):
    """The names without extension, or with it where two would be the same; always as many as there are names."""
    stems = [os.path.splitext(name)[0] for name in names]
    count = collections.Counter(stems)
    stems = [stem if count[stem] == 1 else name for name, stem in zip(names, stems)]
    return stems if len(set(stems)) == len(names) else list(names)

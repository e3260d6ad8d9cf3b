"""The doctor of a folder of pairs: python -m datasets.check FOLDER

Reads every file as train.py would, and exits with 1 when training would fail.
"""

import collections
import hashlib
import os

from datasets.sides import SPLITS, check_there, doubt, hold_out_commands, not_joined
from pix2pix import script
from pix2pix.flags import Parser


def parse(args=None):
    parser = Parser(__doc__.splitlines()[0], prog='python -m datasets.check')
    parser.add_argument('folder', help='of pairs, or a name of the catalogue')
    parser.add_argument('--direction', choices=('AtoB', 'BtoA'), help='that you mean to train')
    return parser.parse_args(args)


# Before TensorFlow is loaded: a mistake is answered at once.
OPTS = script.begin(parse, lambda opts: check_there(opts.folder)) if __name__ == '__main__' else None

import pix2pix.quiet  # noqa: F401

# isort: split
import numpy as np
from tqdm import tqdm

from datasets.catalogue import CATALOGUE
from datasets.facts import Facts, of_size, options
from datasets.locate import locate
from pix2pix.errors import UserError, count
from pix2pix.images import decode
from pix2pix.images.diagnose import ImageError, try_read
from pix2pix.images.findings import Findings
from pix2pix.images.folders import find_split, list_images
from pix2pix.images.formats import ARRAYS
from pix2pix.images.listing import describe_passed_over, sides_of
from pix2pix.images.pairs import check_halves, files_of, name_of
from pix2pix.images.pictures import read_samples
from pix2pix.images.preprocessing import CROP_SIZE
from pix2pix.images.splits import Split
from pix2pix.sizes import Size

LEVEL = {'uint8': 1, 'uint16': 257}      # values of a picture to one of 255


def flatness(image):
    """The share of neighbouring pixels that are equal within 2 of 255: high for label maps, low for photos."""
    return float((np.abs(np.diff(image, axis=1)) <= 2).all(-1).mean()) if image.shape[1] > 1 else 1.0


def folders_of(dataset, say):
    """The folders of pairs in a data set, as train.py reads them: a dict of the names in each, that to train on
    first. Says which files are passed over."""
    train, others = find_split(dataset, 'train'), [find_split(dataset, split) for split in ('val', 'test')]
    listings = {path: list_images(path) for path in [train or dataset, *others] if path}
    below = [f'{path}/'.removeprefix(f'{dataset}/') for path in others if path and not train]
    names = {path: [name for name in listing.images if path != dataset or not name.startswith(tuple(below))]
             for path, listing in listings.items()}
    for line in describe_passed_over([name for listing in listings.values() for name in listing.passed_over]):
        say(line)
    if train or os.path.basename(os.path.abspath(dataset)) in SPLITS:       # or a split by itself
        return names
    own = [name for name in names[dataset] if '/' not in name]
    if len(own) < len(names[dataset]):
        say(f'{dataset}: {count(len(names[dataset]) - len(own), "image")} in its sub-folders will not be read, because '
            'there is no folder train')
    if not own:
        raise UserError(f'{dataset} has no pairs to train on. Put them into {dataset}/train')
    return {**names, dataset: own}


def check_split(folder, names, seen, findings, say):
    """Read the pairs of one folder, and add them to the Findings; returns (faults, [flatness of A, of B], None where
    none can be read)."""
    sizes, flat, faults = collections.Counter(), [], 0
    paths = [f'{folder}/{name}' for name in names]
    bar = tqdm(try_read(paths, decode.rgb_uint16), os.path.basename(folder), len(paths), leave=False, disable=None)
    for path, image, error in bar:
        if error:
            faults += 1
            say(f'  {error}')
            continue
        findings.add(path, image)
        height, width = image.shape[:2]
        gray = 'gray' if (image == image[..., :1]).all() else 'colour'
        sizes[f'{width} x {height} {gray}'] += 1
        flat.append([flatness(half / np.float32(257)) for half in np.split(image, 2, axis=1)])
        say_twin(repr(path), [image], seen, say)
    kinds = [f'{number} of {size}' for size, number in sizes.most_common(5)] + ['...'] * (len(sizes) > 5)
    say(f'{folder}: {count(len(names), "file")}, {faults} unreadable' + ('; ' + ', '.join(kinds) if kinds else ''))
    return faults, np.mean(flat, axis=0) if flat else None


def say_twin(name, images, seen, say):
    """Name the pair that had the same pixels before, if one had."""
    twin = seen.setdefault(hashlib.sha256(b''.join(part for image in images for part in (
        f'{image.dtype} {image.shape}'.encode(), image.tobytes()))).digest(), name)
    if twin != name:
        say(f'  {name}: the same pixels as {twin}')


def check_stored(splits, direction, say):
    """Read pairs of two files, or of arrays, as they are stored, and say what they hold and which options fit; returns
    the number of pairs that cannot be read."""
    sides, faults, seen, flat = [Facts(), Facts()], 0, {}, []
    for split in splits:
        bar = tqdm(split.paths, split.title, leave=False, disable=None)
        for pair in bar:
            try:
                images = [read_samples(path, as_stored=True) for path in files_of(pair)]
                if len(images) == 1:
                    check_halves(images[0])
                    images = np.split(images[0], 2, axis=1)
                if images[0].shape[:2] != images[1].shape[:2]:
                    raise ImageError(f'{name_of(pair)}: {Size(*images[0].shape[:2]).in_words} and '
                                     f'{Size(*images[1].shape[:2]).in_words} pixels')
                if not all(np.isfinite(image).all() for image in images):
                    raise ImageError(f'{name_of(pair)}: NaN or infinity among its values')
            except (ImageError, ValueError) as error:
                faults += 1
                say(f'  {error if isinstance(error, ImageError) else f"{name_of(pair)}: {error}"}')
                continue
            for facts, image in zip(sides, images):
                facts.add(image)
            say_twin(name_of(pair), images, seen, say)
            if all(image.dtype.name in LEVEL and image.shape[-1] in (1, 3) for image in images):
                flat.append([flatness(image / np.float32(LEVEL[image.dtype.name])) for image in images])
        say(f'{split.title}: {count(len(split.names), "pair")}')
    if not sides[0].sizes:
        return faults
    for side, facts in zip('AB', sides):
        say(f'{side}: {facts.line()}')
    if not all(facts.fitting_channels for facts in sides):
        say('the number of channels differs from file to file, and a training needs one')
        faults += 1
    if flat and not any(facts.range() for facts in sides):      # else the values are no levels of gray
        say_sides(*np.mean(flat, axis=0), direction, say, names='AB')
    fit = options(*(sides if direction != 'BtoA' else sides[::-1]))
    say(f'options that fit: {fit}' if fit else 'the options need not be changed')
    return faults


def stored_splits(dataset):
    """The Splits of a data set that is read as it is stored: of two folders, or of what is no picture; [] of others."""
    try:
        sides = [split for name in SPLITS if (split := Split.find(dataset, name, files=[2]))]
        if sides and not find_split(dataset, 'train'):
            return sides
        found = [split for name in SPLITS if (split := Split.find(dataset, name, files=[1]))]
        found = found or [Split(dataset, dataset, *list_images(dataset, sub_folders=False))]
        return [] if is_picture(found[0].paths[0]) else found
    except UserError:
        if sides_of(dataset, 'train') and not find_split(dataset, 'train'):
            raise
        return []       # what is wrong with the folders is said where they are read as those of pictures


def is_picture(path):
    """Whether a file is no array, and has no more bands, and no other values, than a picture."""
    try:
        values = read_samples(path, as_stored=True)
    except ImageError:
        return True         # which is said where it is read as one
    usual = values.dtype.name in ('uint8', 'uint16') or 0 <= values.min() <= values.max() <= 1
    return usual and values.shape[-1] <= 4 and not path.lower().endswith(ARRAYS)


def check(dataset, direction=None, say=print):
    """Check all splits of a data set, or the folder itself; returns the number of unreadable files."""
    stored = stored_splits(dataset)
    if stored:
        return check_stored(stored, direction, say)
    row, seen, findings = CATALOGUE.get(os.path.basename(os.path.abspath(dataset))), {}, Findings()
    direction = direction or (row.direction if row else None)
    folders = folders_of(dataset, say)
    results = [check_split(folder, names, seen, findings, say) for folder, names in folders.items()]
    if row:
        for folder, names in folders.items():
            wanted = row.splits.get(os.path.basename(folder), len(names))
            if len(names) != wanted:
                say(f'{folder}: {count(len(names), "file")}, the catalogue says {wanted}')
    for line in findings.lines(CROP_SIZE):
        say(line)
    if findings.halves and (fit := of_size(findings.halves.most_common(1)[0][0])):
        say(f'options that fit the size: {" ".join(fit)}')
    if flat := [sides for _, sides in results if sides is not None]:
        say_sides(*np.mean(flat, axis=0), direction, say)
    say_folders(dataset, folders, say)
    return sum(faults for faults, _ in results)


def say_sides(a, b, direction, say, names=('A (left)', 'B (right)')):
    """Which side looks like label maps, by the flatness of A and of B, and whether the direction fits."""
    say(f'flat, as label maps are: {a:.0%} of {names[0]}, {b:.0%} of {names[1]}')
    if max(a, b) > 0.5 and max(a, b) > min(a, b) + 0.2:
        guess = 'AtoB' if a > b else 'BtoA'
        say(f'{guess[0]} looks like the labels: --direction {guess} learns labels -> photo')
        if direction not in (None, guess):
            say(f'the direction here is {direction}: are the sides swapped?')


def say_folders(dataset, folders, say):
    """What is still to do before the training, or looks wrong, by the names of folders and files."""
    train, *held_out = folders
    commands = hold_out_commands(dataset, train)
    if line := doubt(train, folders[train]):
        say(line)
    if held_out and (line := not_joined(dataset)):
        say(line)
    if not held_out and commands and os.path.basename(os.path.abspath(dataset)) not in SPLITS:
        say(f'there is no folder val or test beside train: nothing would be validated. To make them: {commands}')


def main(opts):
    """Check, and return the exit status: 1 when training would fail."""
    faults = check(locate(opts.folder), opts.direction)
    print(f'{count(faults, "file")} would end the training' if faults else 'no fault found')
    return 1 if faults else 0


if __name__ == '__main__':
    script.end(main, OPTS)

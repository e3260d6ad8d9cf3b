"""The splits of a data set: pairs in one folder, a file each, or in two, a file of A and one of B."""

from typing import NamedTuple

from pix2pix.errors import UserError
from pix2pix.images.folders import find_split, list_images, list_pairs
from pix2pix.images.listing import sides_of


class Split(NamedTuple):
    """Pairs in one folder, or in two: how it is called, the names of the pairs in `folder`, and of the files that are
    passed over. Of two files, the name of a pair is a tuple of theirs."""
    title: str
    folder: str
    names: list
    passed_over: list

    @classmethod
    def find(cls, dataset, *splits, files=(1, 2)):
        """The first of these that is there: train/ with its sub-folders, or trainA/ and trainB/; None for none.

        files  of how many files its pairs may be
        """
        for split in splits:
            if 1 in files and (path := find_split(dataset, split)):
                return cls(path, path, *list_images(path))
            if 2 in files and (sides := sides_of(dataset, split)):
                return cls(' and '.join(sides), dataset, *list_pairs(dataset, *sides))
        return None

    @property
    def paths(self):
        """Those of the pairs; of two files, a tuple of theirs."""
        return paths_of(self.folder, self.names)


def paths_of(folder, names):
    """Names of pairs in a folder -> their paths."""
    return [f'{folder}/{name}' if isinstance(name, str) else tuple(f'{folder}/{one}' for one in name) for name in names]


def pairs_in(folder, *splits):
    """The paths of the pairs in the first of these splits that is there; [] where none can be read, or no folder is
    known."""
    try:
        split = Split.find(folder, *splits) if folder else None
        return split.paths if split else []
    except UserError:
        return []

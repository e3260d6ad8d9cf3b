"""The folder of a data set: one of the user's, or one of the catalogue, drawn or downloaded on first use."""

import os

from datasets import demo
from datasets.catalogue import CATALOGUE, ROOT
from datasets.download import download
from datasets.sides import check_there, refuse_sides
from pix2pix.errors import UserError


def locate(name, root=ROOT, fetch=True):
    """A folder -> itself; a name of the catalogue -> its folder, which is made unless it is there.

    Without `fetch`, for processes that run at once, UserError says that it is not there. So it does where the two sides
    of a user's pairs are not joined yet.
    """
    if name not in CATALOGUE:
        check_there(name)
        refuse_sides(name)
        return name
    folder = os.path.join(root, name)
    if os.path.isdir(folder):
        return folder
    if not fetch:
        first = 'train.py on one device' if name == 'demo' else f'python -m datasets.download {name}'
        raise UserError(f'the data set {name} is not here, and several processes would make it at once. First run '
                        f'{first}')
    if name == 'demo':
        demo.draw(folder, **CATALOGUE[name].splits)
        return folder
    return download(name, root)

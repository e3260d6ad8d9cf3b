"""The palette of a run: the colours of its label maps, found when it begins, for those who draw with it."""

import json
import os

import numpy as np

from pix2pix import files
from pix2pix.errors import UserError
from pix2pix.images import palette
from pix2pix.images.findings import spread
from pix2pix.images.pairs import try_pairs

LOOKED_AT = 24      # pairs


def keep(run, pairs, form, names):
    """Find the colours in the sources of pairs, and keep them in the folder of the run, unless it has begun with them.

    pairs  paths, which become a source and a target as the PairFormat `form` has it
    names  {name: '#rrggbb'} of colours whose meaning is known
    """
    if os.path.exists(run.palette) and run.has_begun() or not pairs:
        return
    if form.labels:
        known = palette.nearest_names(list(map(palette.rgb, form.labels)), names)
        colours = [palette.Colour(code, name, 0.0) for code, name in zip(form.labels, known)]
    elif form.is_plain and form.source_channels == 3:
        colours = found(pairs, form, names)
    else:
        colours = []
    files.write(run.palette, json.dumps([colour._asdict() for colour in colours], indent=1) + '\n')


def found(pairs, form, names):
    """The Colours in the sources of some of these pairs, RGB; [] where they are no label maps."""
    sources = (np.uint8(both[0]) for _, both, error in try_pairs(spread(pairs, LOOKED_AT), form) if not error)
    return palette.find(sources, names)


def read(run, names=()):
    """The Colours of a run, the most frequent first; [] where its sources are no label maps, or none looked at them.

    names  {name: '#rrggbb'} that came later than the run, in place of those that it has kept
    """
    if not os.path.exists(run.palette):
        return []
    try:
        with open(run.palette) as file:
            colours = [palette.Colour(str(c['code']), str(c['name']), float(c['share'])) for c in json.load(file)]
        for colour in colours:
            palette.rgb(colour.code)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(f'{run.palette} is no palette ({type(error).__name__}: {error}). Delete it') from None
    if not names:
        return colours
    later = palette.nearest_names([palette.rgb(colour.code) for colour in colours], names)
    return [colour._replace(name=name) for colour, name in zip(colours, later)]


def names_in(folder):
    """{name: '#rrggbb'} of the palette.json beside the pairs of a data set; {} where there is none."""
    path = os.path.join(folder, 'palette.json')
    return names_in_file(path) if os.path.exists(path) else {}


def names_in_file(path):
    """{name: '#rrggbb'} of a palette.json; UserError where it is none."""
    try:
        with open(path) as file:
            names = {str(name): str(code).lower() for name, code in json.load(file).items()}
        for code in names.values():
            palette.rgb(code)
        if len(set(names.values())) < len(names):
            raise ValueError('a colour has two names')
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise UserError(f'{path} does not hold names of colours, such as {{"wall": "#0030ff"}} ({error})') from None
    return names

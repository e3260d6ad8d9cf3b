"""The data sets that a name stands for. A pair is one image file, A on the left and B on the right."""

import os
from typing import NamedTuple

ROOT = os.environ.get('PIX2PIX_DATASETS') or os.path.dirname(os.path.abspath(__file__))
ADDRESSES = ('https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/{name}.tar.gz',
             'https://people.eecs.berkeley.edu/~tinghuiz/projects/pix2pix/datasets/{name}.tar.gz',
             'http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/{name}.tar.gz')      # where https is not to be had


class Dataset(NamedTuple):
    """One row: the direction trained by default, pairs per split, size of the archive, and what it shows."""
    direction: str
    splits: dict
    megabytes: int
    what: str
    defaults: dict = {}     # of train.py, where the data set asks for others
    palette: dict = {}      # what the colours of its label maps stand for
    size: int = 0           # bytes of the archive, where that is known; else it is within a quarter of the megabytes
    elsewhere: str = ''     # where to get it, when the addresses no longer have it


# The classes of the CMP facade database, as their colours come out of the JPEG files.
FACADES = {'wall': '#0030ff', 'background': '#0000de', 'window': '#0080fe', 'cornice': '#fe5000', 'balcony': '#c0ff3f',
           'door': '#ae0001', 'entrance': '#01cfff', 'window head': '#21fee1', 'trim': '#ff9f01', 'sill': '#71fe8e',
           'shutter': '#fef001', 'column': '#fd0101'}

CATALOGUE = {
    'facades':        Dataset('BtoA', {'train': 400, 'val': 100, 'test': 106}, 30, 'facade labels -> photo',
                              palette=FACADES, size=30_168_306),
    'maps':           Dataset('BtoA', {'train': 1096, 'val': 1098}, 250, 'map -> aerial photo', size=250_242_400),
    'cityscapes':     Dataset('BtoA', {'train': 2975, 'val': 500}, 99, 'street labels -> photo',
                              elsewhere='register at https://www.cityscapes-dataset.com, unpack leftImg8bit/ and '
                                        'gtFine/ here (the labels of test are not published), then run: '
                                        'for split in train val; do python -m datasets.combine leftImg8bit/$split '
                                        'gtFine/$split datasets/cityscapes/$split --a "*_leftImg8bit.png" '
                                        '--b "*_gtFine_color.png"; done'),
    'edges2shoes':    Dataset('AtoB', {'train': 49825, 'val': 200}, 2200, 'edges -> photo of a shoe'),
    'edges2handbags': Dataset('AtoB', {'train': 138567, 'val': 200}, 8600, 'edges -> photo of a handbag'),
    'night2day':      Dataset('AtoB', {'train': 17823, 'val': 2287, 'test': 2297}, 1900, 'night -> day'),
    'demo':           Dataset('BtoA', {'train': 200, 'val': 20}, 0, 'drawn building fronts: labels -> "photo"',
                              {'epochs': 12, 'base_filters': 16, 'sample_every': 2, 'save_every': 4}),
}

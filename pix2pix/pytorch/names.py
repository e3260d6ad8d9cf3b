"""What the PyTorch port calls the variables of its U-Nets and of its basic discriminator, and how it keeps them.

Its U-Net is nested: each block holds the next one between its own two convolutions.
"""

import re
from typing import NamedTuple

import numpy as np

from pix2pix.errors import UserError
from pix2pix.model.architecture import DEPTHS
from pix2pix.model.networks import DISCRIMINATOR, decoder, encoder

NORM = {'scale': 'weight', 'offset': 'bias', 'moving_mean': 'running_mean', 'moving_variance': 'running_var'}
BATCHES = 'num_batches_tracked'     # the port's norms count them, and use the number for nothing
#             ours      the port's
PATCHES = {'conv1': 'model.0', 'conv2': 'model.2', 'conv3': 'model.5', 'conv4': 'model.8', 'conv5': 'model.11'}


class Place(NamedTuple):
    """Where the port keeps a variable."""
    key: str
    swapped: bool = False       # its input has the skip first; ours has it last


def generator_places(norm='batch', depth=8):
    """Our names of the generator's variables -> Places, in the port's order of blocks from the outside.

    Its instance norm has no variables, and each convolution then has a bias: norm 'instance_port'.
    """
    places, plain = {}, norm == 'instance_port'

    def convolution(name, key, *, swapped=False, bias=plain):
        places[f'generator/{name}/w'] = Place(f'{key}.weight', swapped)
        if bias:
            places[f'generator/{name}/b'] = Place(f'{key}.bias')

    def normalisation(name, key):
        if not plain:
            places.update({f'generator/{name}_norm/{ours}': Place(f'{key}.{theirs}') for ours, theirs in NORM.items()})
    block = 'model.model'
    for row, (down, _, has_norm) in enumerate(encoder(depth)):
        up = f'up{depth - row}'
        outermost, innermost = row == 0, row == depth - 1
        convolution(down, f'{block}.{0 if outermost else 1}')
        if 'paper' in has_norm:
            normalisation(down, f'{block}.2')
        last = 3 if outermost or innermost else 5
        convolution(up, f'{block}.{last}', swapped=not innermost, bias=plain or outermost)
        if not outermost:
            normalisation(up, f'{block}.{last + 1}')
        block = f'{block}.{1 if outermost else 3}.model'
    return places


def discriminator_places(norm='batch'):
    """Our names of the discriminator's variables -> Places."""
    norms = {name: has_norm and norm == 'batch' for name, _, _, has_norm in DISCRIMINATOR} | {'conv5': False}
    places = {}
    for name, key in PATCHES.items():
        places[f'discriminator/{name}/w'] = Place(f'{key}.weight')
        if norms[name]:
            behind = f'model.{int(key.removeprefix("model.")) + 1}'
            places |= {f'discriminator/{name}_norm/{ours}': Place(f'{behind}.{NORM[ours]}')
                       for ours in ('scale', 'offset')}
        else:
            places[f'discriminator/{name}/b'] = Place(f'{key}.bias')
    return places


def to_ours(value, place):
    """A tensor of the port's -> ours, to the bit. Theirs are [out, in, h, w] or, of a transpose, [in, out, h, w]; ours
    [h, w, in, out] or [h, w, out, in]."""
    value = np.roll(value, len(value) // 2, axis=0) if place.swapped else value
    return np.ascontiguousarray(value.transpose(2, 3, 1, 0) if value.ndim == 4 else value, np.float32)


def to_port(value, place):
    """The reverse."""
    value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value
    return np.ascontiguousarray(np.roll(value, len(value) // 2, axis=0) if place.swapped else value, np.float32)


def norm_of(tensors):
    """The norm of a U-Net of the port's: biases of the convolutions inside come with instance norm alone."""
    return 'instance_port' if any(name.endswith('model.model.1.model.1.bias') for name in tensors) else 'batch'


def depth_of(tensors):
    """How many blocks a U-Net of the port's has, one in the other; 1 where it is none."""
    blocks = 1
    while any(name.startswith(f'model.model.1.model.{"3.model." * (blocks - 1)}1.') for name in tensors):
        blocks += 1
    return blocks


def imported(tensors, places, path):
    """A state dict of the port's -> our variables by name. UserError says what the network is where it does not fit."""
    tensors = without_wrappers(tensors)
    tensors = {name: value for name, value in tensors.items() if not name.endswith(BATCHES)}
    kind, wanted = kind_of(tensors), 'unet' if any('generator/' in name for name in places) else 'basic'
    if not any('_norm/' in name for name in places):
        wanted += '_instance'
    if kind != wanted:
        raise UserError(f'{path} is {DESCRIBED[kind]}; what fits here is {DESCRIBED[wanted]}')
    expected = {place.key for place in places.values()}
    missing = sorted(expected - tensors.keys())
    unknown = sorted(name for name in tensors.keys() - expected
                     if wanted != 'basic' or not re.search(r'running_(mean|var)$', name))
    if missing or unknown:
        raise UserError(f'{path} is no network that is known here: ' + '; '.join(
            f'it {verb} {names[0]}' + (f' and {len(names) - 1} more' if len(names) > 1 else '')
            for verb, names in (('lacks', missing), ('has', unknown)) if names))
    for name in sorted(expected):
        if not np.isfinite(tensors[name]).all():
            raise UserError(f'{path}: {name} has NaN or infinity in it, and would draw nothing. Take an earlier file')
    return {ours: to_ours(tensors[place.key], place) for ours, place in places.items()}


def without_wrappers(tensors):
    """A state dict without what DataParallel and torch.compile put before its names."""
    return {re.sub(r'^((module|_orig_mod)\.)+', '', name): value for name, value in tensors.items()}


DESCRIBED = {'unet':               'a U-Net generator with batch norm',
             'unet_instance':      'a U-Net generator with instance norm',
             'basic':              'a basic discriminator with batch norm',
             'basic_instance':     'a basic discriminator with instance norm',
             'unet_norm':          'a U-Net generator without a norm (--norm none)',
             'unet_other':         'a U-Net generator of a depth that is none of 5 to 9',
             'resnet':             'a resnet generator (--netG resnet_9blocks or the like)',
             'discriminator':      'a discriminator of another kind (--netD, --n_layers_D or --norm)',
             'unknown':            'a state dict of an unknown network'}


def kind_of(tensors):
    """Which network of the port's has these names: a key of DESCRIBED."""
    if any('.conv_block.' in name for name in tensors):
        return 'resnet'
    if 'model.model.0.weight' in tensors:
        if depth_of(tensors) not in DEPTHS:
            return 'unet_other'
        if norm_of(tensors) == 'instance_port':
            return 'unet_instance'
        return 'unet' if 'model.model.1.model.2.running_mean' in tensors else 'unet_norm'
    if 'model.0.weight' in tensors or 'net.0.weight' in tensors:
        if 'model.11.weight' in tensors and 'model.14.weight' not in tensors:
            if 'model.2.bias' in tensors:
                return 'basic_instance'
            if 'model.3.running_mean' in tensors:
                return 'basic'
        return 'discriminator'
    return 'unknown'


def shapes(architecture):
    """The shapes of all variables by name that the two networks can have, with either norm."""
    base, channels = architecture.base_filters, architecture.source_channels
    found, skips = {}, []

    def add(name, shape, width, norm=()):
        found.update({f'{name}/w': (4, 4, *shape), f'{name}/b': (width,)})
        found.update({f'{name}_norm/{part}': (width,) for part in norm})
    for name, width, _ in encoder(architecture.depth):
        add(f'generator/{name}', (channels, base * width), base * width, NORM)
        skips.append(channels := base * width)
    channels = skips.pop()
    for name, width, *_ in decoder(architecture.depth):
        add(f'generator/{name}', (base * width, channels), base * width, NORM)
        channels = base * width + skips.pop()
    add(f'generator/up{architecture.depth}', (architecture.target_channels, channels), architecture.target_channels)
    channels = architecture.source_channels + architecture.target_channels
    for name, width, *_ in DISCRIMINATOR:
        add(f'discriminator/{name}', (channels, base * width), base * width, ('scale', 'offset'))
        channels = base * width
    add('discriminator/conv5', (channels, 1), 1)
    return found


def exported(variables, places):
    """Our variables -> a state dict of the port's: arrays by name. Statistics that ours do not have are 0 and 1."""
    tensors = {place.key: to_port(variables[ours], place) for ours, place in places.items() if ours in variables}
    for ours, place in places.items():
        if ours.startswith('discriminator/') and ours.endswith('_norm/offset'):
            norm = place.key.removesuffix('bias')
            tensors |= {norm + 'running_mean': np.zeros_like(variables[ours]),
                        norm + 'running_var': np.ones_like(variables[ours])}
    return tensors

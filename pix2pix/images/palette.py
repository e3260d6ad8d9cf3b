"""The colours of label maps, found by themselves. A JPEG of one is noisy, but flat between its edges."""

from typing import NamedTuple

import numpy as np

NEIGHBOURS = 3      # levels of 255 by which a flat pixel differs from the next one, at most
NEAR = 24           # levels by which a pixel differs from its colour, at most
RARE = 2e-4         # share of the flat pixels below which a colour is noise
MOST = 40           # colours of a palette; pictures with more are photos
FLAT = 0.3          # share of all pixels that are flat in label maps, at least
REACH = 3           # pixels around one that is near no colour, whose colours it may be a mixture of
SOLID = 3           # pixels a side of a square that is flat and near no colour: another one is in the picture
LIGHT = 128         # mean level from which a background is light


class Colour(NamedTuple):
    """One of a palette: '#rrggbb', what it stands for or '', and its share of the flat pixels."""
    code: str
    name: str
    share: float


def find(pictures, names=()):
    """The colours of label maps, uint8 [H, W, 3], the most frequent first; [] where these are no label maps.

    names  {name: '#rrggbb'} of colours whose meaning is known; each goes to the nearest that is found, if one is near
    """
    counts, sums, pixels = np.zeros(1 << 15, np.int64), np.zeros([1 << 15, 3]), 0
    for picture in pictures:
        colours = flat(picture)
        pixels += picture.shape[0] * picture.shape[1]
        five_bits = (colours >> 3).astype(np.int64) @ [1 << 10, 1 << 5, 1]
        counts += np.bincount(five_bits, minlength=1 << 15)
        for channel in range(3):
            sums[:, channel] += np.bincount(five_bits, colours[:, channel], 1 << 15)
    merged = merge(counts, sums)
    total = counts.sum()
    found = [(colour, number / total) for colour, number in merged if number > RARE * total]
    if not found or len(found) > MOST or total < FLAT * pixels:
        return []
    named = nearest_names([colour for colour, _ in found], names)
    return [Colour('#' + bytes(np.rint(colour).astype(np.uint8)).hex(), name, round(float(share), 6))
            for (colour, share), name in zip(found, named)]


def flat(picture):
    """The pixels that are as the next ones to the right and below, [N, 3]. Those at edges are mixtures."""
    return picture[:-1, :-1][is_flat(picture)]


def is_flat(picture):
    """Of all pixels but the last row and column, whether they are as the next ones, [H - 1, W - 1]."""
    picture = picture.astype(np.int16)
    right, below = (np.abs(picture[:-1, :-1] - other).max(-1) for other in (picture[:-1, 1:], picture[1:, :-1]))
    return np.maximum(right, below) <= NEIGHBOURS


def classes(picture, codes):
    """The place of each pixel's colour among '#rrggbb' codes, uint8 [H, W, 3] -> int [H, W].

    It is the nearest. A pixel that is near none takes the nearest of those that are near it in the picture: at the
    edges of a JPEG lie mixtures, and a third colour may happen to be between two. ValueError names a flat colour that
    is near none.
    """
    planes = np.moveaxis(picture, -1, 0).astype(np.int16)
    distances = np.stack([np.abs(planes - rgb(code)[:, None, None].astype(np.int16)).max(0) for code in codes])
    found, unsure = distances.argmin(0), distances.min(0) > NEAR
    strange = is_flat(picture) & unsure[:-1, :-1]
    unknown = nearby(~strange, SOLID // 2) == 0 if strange.any() else strange
    if unknown.any():
        y, x = np.argwhere(unknown)[0]
        raise ValueError(f'its colour #{bytes(picture[y, x]).hex()} at {x}, {y} is none of the {len(codes)} labels')
    near = nearby(np.where(unsure, 0, np.uint64(1) << found.astype(np.uint64)), REACH)[unsure]
    absent = near >> np.arange(len(codes), dtype=np.uint64)[:, None] & 1 == 0
    found[unsure] = (distances[:, unsure] + 2 * NEAR * absent).argmin(0)
    return found


def nearby(bits, reach):
    """The bits that are set within so many pixels of each, [H, W]."""
    height, width = bits.shape
    padded = np.pad(bits, reach, 'edge')
    rows = np.bitwise_or.reduce([padded[i:i + height] for i in range(2 * reach + 1)])
    return np.bitwise_or.reduce([rows[:, i:i + width] for i in range(2 * reach + 1)])


def one_hot(picture, codes):
    """[H, W, 3] in [0, 255] -> float32 [H, W, len(codes)]: 255 in the channel of each pixel's colour, 0 in others."""
    return np.float32(255) * (classes(np.uint8(np.rint(picture)), codes)[..., None] == np.arange(len(codes)))


def merge(counts, sums):
    """Counts and sums of the colours by five bits a channel -> [(mean colour, count)], the most frequent first."""
    places = np.argsort(-counts, kind='stable')[:np.count_nonzero(counts)]
    colours, numbers = np.empty([0, 3]), []
    for place in places:
        colour = sums[place] / counts[place]
        near = np.flatnonzero(np.abs(colours - colour).max(-1) <= NEAR)
        if len(near):
            numbers[near[0]] += int(counts[place])
        else:
            colours, numbers = np.vstack([colours, colour]), [*numbers, int(counts[place])]
    return sorted(zip(colours, numbers), key=lambda known: -known[1])


def nearest_names(colours, names):
    """For each colour a name within twice NEAR, or ''. The nearest of all go first, and each name goes to one."""
    found = [''] * len(colours)
    pairs = sorted((np.abs(colour - rgb(code)).max(), place, name) for name, code in dict(names).items()
                   for place, colour in enumerate(colours))
    for distance, place, name in pairs:
        if distance <= 2 * NEAR and not found[place] and name not in found:
            found[place] = name
    return found


def rgb(code):
    """'#rrggbb' -> [r, g, b]; ValueError where it is none."""
    if len(code) != 7 or code[0] != '#':
        raise ValueError(f'{code!r} is not a colour like #0030ff')
    return np.array([int(code[i:i + 2], 16) for i in (1, 3, 5)])


def is_pencil(colours):
    """Whether these are lines on a light ground, as drawn edges are: a pencil draws them."""
    codes = [rgb(colour.code) for colour in colours]
    return bool(codes and colours[0].share > 0.8 and codes[0].mean() >= LIGHT and
                all(np.ptp(code) <= NEAR for code in codes))

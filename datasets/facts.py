"""What the files of one side of the pairs hold, in units of their own, and which options of the training fit them."""

import collections
import math

import numpy as np

from pix2pix.sizes import Size

COLOURS = 64        # different ones up to which a picture may be a label map
SMALL = 1 / 4       # share of 16 bits below which a range is worth an option


class Facts:
    """Of one side: add() each of its pictures."""

    def __init__(self):
        self.sizes, self.channels, self.kinds = (collections.Counter() for _ in range(3))
        self.low, self.high, self.colours = math.inf, -math.inf, set()

    def add(self, values):
        """[H, W, C], as a file holds them."""
        self.sizes[Size(*values.shape[:2])] += 1
        self.channels[values.shape[-1]] += 1
        self.kinds[values.dtype.name] += 1
        self.low, self.high = min(self.low, values.min()), max(self.high, values.max())
        if len(self.colours) <= COLOURS and values.shape[-1] <= 3:
            found = np.unique(values.reshape(-1, values.shape[-1]), axis=0)[:COLOURS + 1]
            self.colours |= set(map(tuple, found.tolist()))

    @property
    def size(self):
        return self.sizes.most_common(1)[0][0]

    def line(self):
        """All in one line."""
        sizes = [size.in_words for size, _ in self.sizes.most_common(3)] + ['...'] * (len(self.sizes) > 3)
        few = f', {len(self.colours)} colours' if 0 < len(self.colours) <= COLOURS else ''
        return f'{", ".join(sizes)} pixels; channels {several(self.channels)}; {several(self.kinds)}; values ' \
               f'{self.low:,g} to {self.high:,g}{few}'

    @property
    def fitting_channels(self):
        """How many a training can have of all; None where they do not go together. Gray, RGB and alpha do."""
        if len(self.channels) == 1:
            return next(iter(self.channels))
        if set(self.channels) <= {1, 2, 3, 4}:
            return 1 if set(self.channels) <= {1, 2} else 3
        return None

    def range(self):
        """(low, high) in round numbers, where the files' own range is no good; else None."""
        kinds, round_up = set(self.kinds), 10 ** math.floor(math.log10(max(abs(self.low), abs(self.high), 1e-9)))
        low, high = math.floor(self.low / round_up) * round_up, math.ceil(self.high / round_up) * round_up
        within = 0 <= self.low and self.high <= 1
        if kinds == {'uint8'} or kinds <= {'float16', 'float32', 'float64'} and within or \
                kinds == {'uint16'} and self.high > SMALL * 65535:
            return None
        return low, high


def plain(number):
    """'-2000000', '0.00003': without an exponent."""
    return np.format_float_positional(float(f'{number:.6g}'), trim='-')


def several(counter):
    return ' '.join(str(value) for value, _ in counter.most_common())


def options(source, target):
    """The options that fit the Facts of both sides, as they are typed; '' where the defaults do."""
    found = [f'--{side}_channels {facts.fitting_channels or facts.channels.most_common(1)[0][0]}' for side, facts in
             (('source', source), ('target', target)) if facts.fitting_channels != 3]
    ranges = source.range(), target.range()
    if ranges[0] and not ranges[1] and set(target.kinds) != {'uint8'}:      # else the one is for both
        ranges = ranges[0], (0, 65535 if set(target.kinds) == {'uint16'} else 1)
    if ranges[0]:
        found.append('--range ' + ' '.join(map(plain, ranges[0])))
    if ranges[1] and ranges[1] != ranges[0]:
        found.append('--target_range ' + ' '.join(map(plain, ranges[1])))
    return ' '.join([*found, *of_size(source.size)])


def of_size(size):
    """--crop_size and --depth for pictures of a size, their aspect kept within a few per cent; [] for squares of 256
    and more."""
    if size.height == size.width and min(size) >= 256:
        return []
    while min(size) >= 512:
        size = Size(size.height // 2, size.width // 2)
    for depth in (8, 7, 6, 5):
        multiple = 2 ** depth
        crop = Size(*(max(multiple, round(side / multiple) * multiple) for side in size))
        if abs(math.log(crop.height * size.width / (crop.width * size.height))) < 0.05 and min(size) >= multiple * 0.9:
            break
    return [f'--crop_size {crop}'] + ([f'--depth {depth}'] if depth < 8 else [])

"""Height and width in pixels, as options have them."""

import argparse
import re
from typing import NamedTuple


class Size(NamedTuple):
    """Height and width, in pixels. As text it is '256x512', or '256' for a square."""
    height: int
    width: int

    def __str__(self):
        return str(self.height) if self.height == self.width else f'{self.height}x{self.width}'

    @property
    def in_words(self):
        """Width first, as files are described."""
        return f'{self.width} x {self.height}'

    @classmethod
    def of(cls, value):
        """From options.json: two numbers, or one of a square, as earlier versions kept it. Else it stays as it is."""
        if type(value) is int:
            return cls(value, value)
        is_size = isinstance(value, list | tuple) and len(value) == 2 and all(type(side) is int for side in value)
        return cls(*value) if is_size else value

    def scaled(self, down, rows, columns):
        """This size by rows / down.height and columns / down.width, a pixel at least."""
        return Size(max(1, round(self.height * rows / down.height)), max(1, round(self.width * columns / down.width)))

    def covering(self, other):
        """This size with its aspect kept, scaled so that it just covers another one."""
        factor = max(other.height / self.height, other.width / self.width)
        return Size(*(max(least, round(side * factor)) for side, least in zip(self, other)))

    def in_training(self, preprocess, crop_size):
        """The Size to which a training brings pictures of this one, but for its jitter."""
        if preprocess == 'resize_and_crop':
            return crop_size
        return self.covering(crop_size) if preprocess == 'fit' else self

    def padded(self, multiple):
        """Both sides up to the next multiple."""
        return Size(*(side + -side % multiple for side in self))


def size(text):
    """An argparse type: '256' or '256x512', height first -> Size."""
    match = re.fullmatch(r'([1-9]\d*)(?:x([1-9]\d*))?', text)
    if not match:
        raise argparse.ArgumentTypeError(f'{text!r} is not HEIGHTxWIDTH, or one number for a square')
    return Size(int(match[1]), int(match[2] or match[1]))

"""What a training changes in pairs, or does not show of them: worth a word before it begins."""

import collections
import contextlib
import io

import numpy as np
import tensorflow as tf
from PIL import Image

from pix2pix.files import is_remote
from pix2pix.images import decode, tiff
from pix2pix.images.diagnose import try_read
from pix2pix.images.formats import format_of
from pix2pix.images.headers import check_headers
from pix2pix.images.pairs import files_of, first_unreadable
from pix2pix.sizes import Size

SAMPLE = 4          # files that are decoded before a training
SMALL = 1 / 4       # share of the range; values that lie within less are named: 14 bits in 16 are just so
CLASSES = 32        # different values that the numbers of classes have at most, where they are told from dark photos
SIDES = ('A (left)', 'B (right)')


class Findings:
    """What is to be said of the pairs that it is shown: add() each, then lines()."""

    def __init__(self):
        self.halves, self.see_through = collections.Counter(), None
        # By depth, 8 or 16 bits, and by side: which values occur, and whether all is gray.
        self.occurs, self.gray = np.zeros([2, 2, 2 ** 16], bool), np.ones([2, 2], bool)

    def add(self, pair, *images):
        """A pair, and what decode.rgb_uint16 makes of its file or files: [H, W, 3]; of one, W is even."""
        self.see_through = self.see_through or next(filter(is_see_through, files_of(pair)), None)
        for side, half in enumerate(images if len(images) > 1 else np.split(images[0], 2, axis=1)):
            fine = int((half % 257).any())
            self.occurs[fine, side][half] = True
            self.gray[fine, side] &= (half == half[..., :1]).all()
        self.halves[Size(*half.shape[:2])] += 1

    def lines(self, become=None):
        """The findings, a line each. `become` is the Size that the halves are resized to; None: they keep their aspect.
        """
        squashed = [size for size, _ in self.halves.most_common()
                    if become and size.height * become.width != size.width * become.height]
        if squashed:
            some = 'some ' if len(self.halves) > 1 else ''
            yield f'{some}halves are {squashed[0].in_words} and become {become.in_words}: their aspect is not kept'
        if self.see_through:
            yield f'alpha is dropped, such as that of {self.see_through}: colours under transparent pixels come through'
        for unit, by_side, grays in zip((257, 1), self.occurs, self.gray):      # 257 is one of 8 bits
            for side, occurs, gray in zip(SIDES, by_side, grays):
                yield from of_values(side, np.flatnonzero(occurs) // unit, gray, highest=65535 // unit)


def of_values(side, values, gray, *, highest):
    """A line on a half with these values of 0 to `highest`, in rising order, or none."""
    classes = values[values < highest]      # the highest one often stands for none of them
    if gray and 1 < len(classes) <= CLASSES and classes[-1] < SMALL * highest:
        yield f'{side} is gray and nearly black, with values {classes[0]:,} to {classes[-1]:,} of {highest:,}: if ' \
              'they are numbers of classes, give each class a colour'
    elif len(values) and values[-1] - values[0] < SMALL * highest:
        yield f'{side}: values reach from {values[0]:,} to {values[-1]:,} of {highest:,}, a small part of the range'


def is_see_through(path):
    """Whether a file has alpha, and pixels that are not opaque."""
    try:
        with tf.io.gfile.GFile(path, 'rb') as file:
            content = file.read()
        if format_of(content) == 'TIFF':
            return tiff.is_see_through(content)
        with Image.open(io.BytesIO(content)) as image:
            return image.has_transparency_data and image.convert('RGBA').getchannel('A').getextrema()[0] < 255
    except (OSError, ValueError, SyntaxError):
        return False


def before_training(pairs, held_out, form):
    """Lines on the pairs of a training. A few are decoded for it.

    ImageError names one that would end the training, as far as the headers tell.
    """
    all_of_them, few = [*pairs, *held_out], spread(pairs, SAMPLE)
    looked_at = len(all_of_them) if is_remote(files_of(pairs[0])[0]) else check_headers(all_of_them, form)
    findings = Findings()
    if form.is_plain:
        files, halves = [path for pair in few for path in files_of(pair)], len(files_of(pairs[0])) == 1
        with contextlib.closing(try_read(files, decode.rgb_uint16, pairs=halves)) as images:     # and its session
            for pair in few:
                findings.add(pair, *(sound(*next(images)) for _ in files_of(pair)))
    error = first_unreadable(few, form) if not form.is_plain or form.labels else None
    if error:
        raise error
    lines = list(findings.lines(form.crop_size if form.preprocess == 'resize_and_crop' else None))
    if looked_at < len(all_of_them):
        lines.append(f'the headers of the first {looked_at:,} of {len(all_of_them):,} pairs are sound; more were not '
                     'looked at, for want of time')
    return lines


def sound(path, image, error):
    """An image of try_read(); its ImageError, raised, where there is one."""
    if error:
        raise error
    return image


def spread(items, count):
    """So many items, or all where there are less: the first, the last, and some in between at equal distances."""
    return [items[i] for i in sorted({i * (len(items) - 1) // (count - 1) for i in range(count)})]

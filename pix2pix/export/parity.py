"""Does an exported file draw what Generator draws? Its own runtime tells, in a process without this package."""

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import numpy as np

from pix2pix.errors import UserError
from pix2pix.images.arrays import to_uint8
from pix2pix.images.pairs import try_pairs
from pix2pix.images.splits import pairs_in

PICTURES = 4        # how many validation pictures are drawn

#        weights    what is compared, and what it may be at most
BOUND = {'float32': ('largest', 1e-4),      # on the scale [-1, 1]
         'float16': ('levels', 2),          # of 255
         'int8':    ('levels', 6)}


class OverBound(UserError):
    """A file does not draw the same picture."""


class Difference(NamedTuple):
    """Between two sets of pictures in [-1, 1]."""
    largest: float
    mean: float
    differ: float           # share of the 8-bit values that are not equal
    levels: int             # by how many levels of 255 at most; 255 where a value is not finite
    milliseconds: float     # of one picture of 256 x 256 pixels

    @classmethod
    def of(cls, expected, drawn, milliseconds):
        """Of two lists of arrays [N, H, W, C]. ValueError where their shapes differ."""
        if [a.shape for a in expected] != [b.shape for b in drawn]:
            raise ValueError(f'pictures of shapes {[b.shape for b in drawn]}, not {[a.shape for a in expected]}')
        a, b = (np.concatenate([array.ravel() for array in arrays]) for arrays in (expected, drawn))
        levels = np.abs(to_uint8(a).astype(int) - to_uint8(np.nan_to_num(b, nan=9, posinf=9, neginf=-9)))
        return cls(float(np.abs(a - b).max()), float(np.abs(a - b).mean()), float(np.mean(levels > 0)),
                   255 if not np.isfinite(b).all() else int(levels.max()), float(milliseconds))


def sources_of(generator, size=None):
    """(what they are in words, pictures to draw: arrays [N, H, W, source_channels] in [-1, 1]).

    The first are validation pictures of the run, where they can be found, or drawn ones. Where the format has no fixed
    size (height, width), a batch of two and a wide picture follow.
    """
    height, width = size or generator.form.crop_size
    channels, found = generator.architecture.source_channels, validation_sources(generator)
    words = f'{len(found)} validation pictures' if found else 'drawn pictures'
    found = found or [waves(height, width, channels, turn) for turn in range(PICTURES)]
    sources = [fitted(source, height, width)[None] for source in found]
    if size is None:
        wide = waves(height, 2 * width, channels, 9)[None]
        sources += [np.concatenate([sources[0], sources[-1][:, :, ::-1]]), wide]
    return words, sources


def validation_sources(generator):
    """The sources of the first pairs held out, float32 [H, W, C] in [-1, 1]; none where the folder is not here."""
    paths = pairs_in(generator.options['folder'], 'val', 'test')[:PICTURES]
    return [both[0] * np.float32(2 / 255) - 1 for _, both, _ in try_pairs(paths, generator.form) if both]


def waves(height, width, channels, turn):
    y, x = np.mgrid[:height, :width, :channels][:2]
    return np.float32(np.sin(x / (9 + turn) + y / 7 + np.arange(channels) + turn))


def fitted(source, height, width):
    """[H, W, C] -> [height, width, C]: its middle, or filled up by repetition."""
    for axis, wanted in enumerate((height, width)):
        start = max(0, (source.shape[axis] - wanted) // 2)
        source = np.take(source, np.arange(start, start + wanted) % source.shape[axis], axis)
    return np.ascontiguousarray(source, np.float32)


def drawn_by(generator, sources):
    """What a Generator makes of them, and its milliseconds for a picture of 256 x 256."""
    expected, times = [], []
    for source in sources:
        generator.forward(source)
        start = time.perf_counter()
        expected.append(generator.forward(source))
        times.append((time.perf_counter() - start) / source[..., 0].size * 256 ** 2)
    return expected, 1000 * float(np.median(times))


def is_there(package):
    """Whether a package can be imported, without doing so."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:     # a.b where there is no a
        return False


def check(path, target, weights, statistics, sources, expected):
    """The Difference of a file from what was expected; OverBound where it is too large for such weights."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = os.path.join(folder, 'sources.npz'), os.path.join(folder, 'outputs.npz')
        np.savez(given, **{f'source{i}': source for i, source in enumerate(sources)})
        measure, run = (os.path.join(os.path.dirname(os.path.abspath(__file__)), script)
                        for script in ('measure.py', f'run_{target}.py'))
        process = subprocess.run([sys.executable, '-I', measure, run, path, given, made, statistics],
                                 capture_output=True, text=True)
        if process.returncode:
            last = (process.stderr.strip().splitlines() or ['no word'])[-1][:200]
            raise OverBound(f'its runtime does not draw it ({last})')
        with np.load(made) as outputs:
            drawn = [outputs[f'source{i}'] for i in range(len(sources))]
            difference = Difference.of(expected, drawn, outputs['milliseconds'])
    what, bound = BOUND[weights]
    if not getattr(difference, what) <= bound:
        raise OverBound(f'it draws other pictures: the largest difference is {difference.largest:.1e}, '
                        f'{difference.levels} levels of 255, and {bound:g} '
                        + ('' if what == 'largest' else 'levels ') + f'may be for {weights}')
    return difference


def table(rows):
    """Rows (file, bytes, Difference or None, or milliseconds alone) as lines of text."""
    lines = [f'{"":<26}{"MiB":>8}{"largest":>10}{"mean":>10}   {"8-bit values that differ":<26}{"ms a picture":>12}']
    for name, size, difference in rows:
        mib = f'{size / 2 ** 20:.1f}' if size else ''
        if isinstance(difference, Difference):
            differ = f'{100 * difference.differ:.2f} %, by {difference.levels} at most'
            lines.append(f'{name:<26}{mib:>8}{difference.largest:>10.1e}{difference.mean:>10.1e}   {differ:<26}'
                         f'{difference.milliseconds:>12.0f}')
        elif difference is None:
            lines.append(f'{name:<26}{mib:>8}{"not checked":>20}')
        else:
            lines.append(f'{name:<26}{mib:>8}{"":>49}{difference:>12.0f}')
    return '\n'.join(lines)

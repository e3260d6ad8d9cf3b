"""Values in the units of a file, of any number of channels <-> those that networks and people see."""

from typing import NamedTuple

import numpy as np

from pix2pix.images.arrays import GRAY

KINDS = 'uint8 uint16 int16 uint32 int32 float16 float32 float64'.split()


class Samples(NamedTuple):
    """What a file holds, and the value that white has where nobody says another: 255 of 8 bits, 1 of floats; None of
    whole numbers whose range nobody knows."""
    values: np.ndarray      # [H, W, C]
    highest: float


def of_array(values):
    """An array [H, W, C] of any type -> Samples."""
    return Samples(values, 1.0 if values.dtype.kind == 'f' else {'uint8': 255, 'uint16': 65535}.get(values.dtype.name))


def scaled(samples, channels, limits=None):
    """Samples -> float32 [H, W, channels] in [0, 255].

    limits  (the value of black, that of white); None: 0 and `highest`. Those of 8 bits reach from 0 to 255 always.
    Gray and RGB become each other, and lose their alpha. ValueError where the channels do not fit, a value is outside,
    or nobody knows its range.
    """
    values, highest = samples
    with_alpha = {(2, 1), (4, 3)} if limits else {(2, 1), (4, 3), (2, 3), (4, 1)}       # else they may be two bands
    if (values.shape[-1], channels) in with_alpha:
        values = values[..., :-1]
    if values.shape[-1] == 3 and channels == 1:
        values = values @ GRAY
        values = values[..., None]
    elif values.shape[-1] == 1 and channels == 3:
        values = np.repeat(values, 3, axis=-1)
    if values.shape[-1] != channels:
        raise ValueError(f'{values.shape[-1]} channels, and the run has {channels}')
    if highest == 255:
        return np.float32(values)
    if limits is None and highest is None:
        raise ValueError(f'{samples.values.dtype} values from {values.min():,} to {values.max():,}, whose range '
                         'nobody knows: give the range')
    low, high = limits or (0, highest)
    if not np.isfinite(values).all():
        raise ValueError('NaN or infinity among its values')
    slack = (high - low) * 1e-6         # of rounding
    if values.min() < low - slack or values.max() > high + slack:
        raise ValueError(f'values from {values.min():,.7g} to {values.max():,.7g}, and the range is {low:,g} to '
                         f'{high:,g}')
    return np.float32((np.clip(values, low, high) - np.float64(low)) * (255 / (high - low)))


def restored(image, dtype, limits=None):
    """float [H, W, C] in [-1, 1] -> values of a file of that dtype, as scaled() reads them."""
    dtype = np.dtype(dtype)
    low, high = (0, 255) if dtype == np.uint8 else limits or (0, 1 if dtype.kind == 'f' else np.iinfo(dtype).max)
    values = (np.clip(np.float64(image), -1, 1) + 1) * ((high - low) / 2) + low
    if dtype.kind == 'f':
        return values.astype(dtype)
    holds = np.iinfo(dtype)         # which a range that is wider must not leave: the values would begin again
    return np.clip(np.rint(values), holds.min, holds.max).astype(dtype)

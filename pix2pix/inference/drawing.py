"""A picture of any size through a network, whatever runs it.

A `network` has `forward`, [N, H, W, source_channels] -> [N, H, W, target_channels] in [-1, 1] of multiples of 256
pixels a side, an `architecture` with these channels, and `tile`, the pixels a side that it draws at once.
"""

import numpy as np

from pix2pix.images.arrays import to_channels, to_float, to_integer
from pix2pix.inference.tiles import draw_in_tiles
from pix2pix.model.architecture import MULTIPLE


def checked(picture):
    """An array of uint8 or uint16 -> [H, W, 1 or 3]; ValueError where it is no picture."""
    if picture.dtype not in (np.uint8, np.uint16) or picture.ndim not in (2, 3) or \
            picture.shape[2:] not in ((), (1,), (3,)) or 0 in picture.shape:
        raise ValueError(f'{picture.dtype} {list(picture.shape)}: give uint8 or uint16, [H, W] or [H, W, 3]; or a '
                         'path, or a PIL image')
    return picture.reshape(*picture.shape[:2], -1)


def draw(network, picture):
    """[H, W, 1 or 3] -> [H, W] or [H, W, 3]."""
    output, top = np.empty([*picture.shape[:2], network.architecture.target_channels], picture.dtype), 0
    for band in bands(network, picture):
        output[top:top + len(band)] = band
        top += len(band)
    return without_one_channel(output)


def bands(network, picture):
    """The output of a picture of any size from top to bottom: yields bands of its rows, [h, W, target_channels].

    `picture` [H, W, 1 or 3] has a shape and a dtype, uint8 or uint16, and is sliced a tile at a time: not held.
    """
    def draw_tile(tile):
        return cut(network.forward(pad(as_source(network, tile))[None])[0], *tile.shape[:2])
    for band in draw_in_tiles(picture, draw_tile, tile=network.tile, channels=network.architecture.target_channels):
        yield to_integer(band, picture.dtype)


def as_source(network, picture):
    """uint8 or uint16 [H, W, 1 or 3] -> float32 [H, W, source_channels] in [-1, 1]."""
    return to_float(to_channels(picture, network.architecture.source_channels))


def without_one_channel(picture):
    return picture[..., 0] if picture.shape[-1] == 1 else picture


def margins(size):
    """What is missing to the next multiple of 256, before and behind."""
    missing = -size % MULTIPLE
    return missing // 2, missing - missing // 2


def pad(source):
    """[H, W, C] -> the next multiples of 256, filled by reflection."""
    return np.pad(source, [*map(margins, source.shape[:2]), (0, 0)], 'reflect')


def cut(output, height, width):
    """What pad() has added is cut off."""
    top, left = margins(height)[0], margins(width)[0]
    return output[top:top + height, left:left + width]

"""A picture of any size through a network, whatever runs it.

A `network` has `forward`, [N, H, W, source_channels] -> [N, H, W, target_channels] in [-1, 1] of multiples of
architecture.multiple pixels a side; the `architecture`; `tile`, the pixels a side that it draws at once; and of its
training `form`, a PairFormat, `native_size`, the size of its pictures, and `target_dtype`, that of the target's files.
`native` is whether it draws each picture at the picture's own scale.
"""

import numpy as np
from PIL import Image

from pix2pix.images import palette, units
from pix2pix.images.arrays import to_channels, to_float, to_integer
from pix2pix.inference.tiles import draw_in_tiles
from pix2pix.sizes import Size


def checked(network, picture):
    """An array -> [H, W, C]; ValueError where it is no picture, or has other channels than the network draws from."""
    plain, wanted = network.form.is_plain, network.form.colours
    kinds = ('uint8', 'uint16') if plain else units.KINDS
    channels = picture.shape[2] if picture.ndim == 3 else 1
    if picture.dtype.name not in kinds or picture.ndim not in (2, 3) or 0 in picture.shape or \
            channels not in ((1, 3) if plain else (1, 2, 3, 4) if wanted in (1, 3) else (wanted,)):
        shape = '[H, W] or [H, W, 3]' if plain else f'[H, W, {wanted}]'
        raise ValueError(f'{picture.dtype} {list(picture.shape)}: give {" or ".join(kinds)}, {shape}; or a path, or a '
                         'PIL image')
    return picture.reshape(*picture.shape[:2], -1)


def draw(network, picture):
    """[H, W, C] -> [H, W] or [H, W, target_channels], at the scale at which the network was trained."""
    size = Size(*picture.shape[:2])
    if working_size(network, size) == size:
        output = np.concatenate(list(bands(network, picture)))
    else:
        drawn = np.concatenate(list(draw_tiles(network, at_scale(network, picture), lambda tile: tile)))
        output = finished(network, drawn, picture)
    return without_one_channel(output)


def bands(network, picture):
    """The output of a picture of any size, at its own scale, from top to bottom: yields bands of its rows, [h, W,
    target_channels].

    `picture` [H, W, C] has a shape and a dtype, and is sliced a tile at a time: not held.
    """
    for band in draw_tiles(network, picture, lambda tile: as_source(network, tile)):
        yield restored(network, band, picture.dtype)


def draw_tiles(network, picture, source_of):
    """What the network makes of source_of(tile) for each tile of a picture: yields bands of rows, in [-1, 1]."""
    def draw_tile(tile):
        source = pad(source_of(tile), network.architecture.multiple)
        return cut(network.forward(source[None])[0], *tile.shape[:2])
    return draw_in_tiles(picture, draw_tile, tile=network.tile, channels=network.architecture.target_channels)


def working_size(network, size):
    """The Size at which a picture goes through the network: its own, or at the scale of the training."""
    if network.native or not network.native_size:
        return size
    form, own = network.form, network.native_size
    return size.scaled(own, *own.in_training(form.preprocess, form.crop_size))


def describe_scale(network):
    """How pictures are brought to the scale of the training, in words."""
    own = network.native_size
    size = working_size(network, own) if own else own
    if size == own:
        return 'pictures are drawn at their own scale'
    return f'pictures are drawn at the scale of the training, where {own.in_words} became {size.in_words}, and come ' \
           'out at their own size'


def at_scale(network, picture):
    """[H, W, C] of a file's values -> the source at its working size, float32 in [-1, 1]."""
    size = working_size(network, Size(*picture.shape[:2]))
    return resized(as_source(network, picture), size, nearest=bool(network.form.labels))


def finished(network, drawn, picture):
    """What was drawn of a picture -> the output of the picture's size, as a file holds it."""
    return restored(network, resized(drawn, Size(*picture.shape[:2])), picture.dtype)


def as_source(network, picture):
    """[H, W, C] of a file's values -> float32 [H, W, source_channels] in [-1, 1]."""
    form = network.form
    if form.labels:
        rgb = units.scaled(units.of_array(picture), 3)
        return palette.one_hot(rgb, form.labels) * np.float32(2 / 255) - 1
    if not form.is_plain:
        return units.scaled(units.of_array(picture), form.colours, form.source_range) * np.float32(2 / 255) - 1
    return to_float(to_channels(picture, form.source_channels))


def restored(network, output, dtype):
    """float [H, W, target_channels] in [-1, 1] -> values of a file: of a picture's dtype, or of the target's files."""
    if network.form.is_plain:
        return to_integer(output, dtype)
    return units.restored(output, network.target_dtype, network.form.target_range)


def resized(image, size, nearest=False):
    """float [H, W, C] -> [height, width, C], as the training does it: bilinear, averaging over what shrinks; or the
    nearest. The same size is left alone."""
    if size == image.shape[:2]:
        return image
    how = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    channels = [Image.fromarray(np.ascontiguousarray(channel)).resize((size.width, size.height), how)
                for channel in np.moveaxis(np.float32(image), -1, 0)]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


def without_one_channel(picture):
    return picture[..., 0] if picture.shape[-1] == 1 else picture


def margins(size, multiple):
    """What is missing to the next multiple, before and behind."""
    missing = -size % multiple
    return missing // 2, missing - missing // 2


def pad(source, multiple):
    """[H, W, C] -> the next multiples, filled by reflection."""
    return np.pad(source, [*(margins(side, multiple) for side in source.shape[:2]), (0, 0)], 'reflect')


def cut(output, height, width):
    """The middle of [H, W, C], of this size: what pad() has added is cut off."""
    top, left = (output.shape[0] - height) // 2, (output.shape[1] - width) // 2
    return output[top:top + height, left:left + width]

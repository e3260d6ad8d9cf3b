"""A picture of any size in overlapping tiles that are blended, a row of tiles at a time."""

import numpy as np


def draw_in_tiles(picture, draw, *, tile, channels):
    """What `draw` makes of a picture, from top to bottom: yields bands of its rows, float32 [h, W, channels].

    picture  [H, W, C] has a shape and is sliced a tile at a time: not held
    draw     a tile of the picture -> float [h, w, channels]
    tile     pixels a side that are drawn at once
    """
    height, width = picture.shape[:2]
    rows, columns = (spans(size, tile) for size in (height, width))
    row_weights, column_weights = weights(rows), weights(columns)
    overlap = np.zeros([0, width, channels], np.float32)        # the share of the rows above
    for i, (top, bottom) in enumerate(rows):
        band = np.zeros([bottom - top, width, channels], np.float32)
        for j, (left, right) in enumerate(columns):
            band[:, left:right] += draw(picture[top:bottom, left:right]) * column_weights[j][:, None]
        band *= row_weights[i][:, None, None]
        band[:len(overlap)] += overlap
        done = (rows[i + 1][0] if i + 1 < len(rows) else bottom) - top
        yield band[:done]
        overlap = band[done:].copy()


def spans(size, tile):
    """Tiles of one axis: (start, end), each of `tile`, evenly spread, overlapping by a quarter or more."""
    if size <= tile:
        return [(0, size)]
    count = -(-(size - tile // 4) // (tile - tile // 4))
    starts = [i * (size - tile) // (count - 1) for i in range(count)]
    return [(start, start + tile) for start in starts]


def weights(tiles):
    """The weights of each tile along its axis: rising over a quarter from its ends; at each pixel they add up to 1."""
    total, ramps = np.zeros(tiles[-1][1], np.float32), []
    for start, end in tiles:
        inside = np.arange(end - start, dtype=np.float32) + 0.5
        ramps.append(np.minimum(1, np.minimum(inside, inside[::-1]) / ((end - start) / 4)))
        total[start:end] += ramps[-1]
    return [ramp / total[start:end] for ramp, (start, end) in zip(ramps, tiles)]

"""Float images in [-1, 1] <-> pictures of 8 or 16 bits, and grids of pictures."""

import numpy as np

GRAY = np.float32([0.299, 0.587, 0.114])    # ITU-R BT.601


def to_integer(image, dtype):
    """[H, W, C] in [-1, 1] -> uint8 or uint16, rounded to the nearest."""
    high = np.iinfo(dtype).max
    scaled = (np.asarray(image, np.float32) + 1) * np.float32(high / 2)
    return np.clip(np.rint(scaled, out=scaled), 0, high, out=scaled).astype(dtype)     # in place: it may be large


def to_uint8(image):
    """[H, W, C] in [-1, 1] -> uint8, rounded to the nearest."""
    return to_integer(image, np.uint8)


def to_float(picture):
    """uint8 or uint16 [H, W, C] -> float32 in [-1, 1]."""
    return picture * np.float32(2 / np.iinfo(picture.dtype).max) - 1


def full_range(picture, bits):
    """Whole numbers of so many bits, in uint8 or uint16 -> scaled to the highest value of the type, to the nearest."""
    high, top = np.iinfo(picture.dtype).max, 2 ** bits - 1
    if top == high:
        return picture
    return ((np.minimum(picture, top) * np.uint32(high) + top // 2) // top).astype(picture.dtype)


def to_channels(picture, channels):
    """[H, W, 1 or 3] -> [H, W, channels]: gray repeated, or colour by luma."""
    if picture.shape[-1] == channels:
        return picture
    if channels == 3:
        return np.broadcast_to(picture, picture.shape[:2] + (3,))
    return np.rint(picture @ GRAY).astype(picture.dtype)[..., None]


def upright(pixels, orientation):
    """[H, W, C] as stored -> a view as it is meant to be seen, by the orientation of EXIF data (1 to 8)."""
    if orientation in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def row(images):
    """Images [H, W, 1 or 3] side by side -> [H, sum of W, 3]."""
    return np.concatenate([to_channels(image, 3) for image in images], axis=1)


def grid(rows):
    """Rows of uint8 images [H, W, 1 or 3] -> one uint8 picture [rows * H, columns * W, 3]."""
    return np.concatenate([row(images) for images in rows], axis=0)

"""Float images in [-1, 1] -> uint8 pictures, grids and PNG files."""

import os

import imageio.v3 as iio
import numpy as np


def to_uint8(image):
    """[H, W, C] in [-1, 1] -> uint8, rounded to the nearest."""
    return np.clip(np.rint((np.asarray(image, np.float32) + 1) * 127.5), 0, 255).astype(np.uint8)


def row(images):
    """Images [H, W, 1 or 3] side by side -> [H, sum of W, 3]."""
    return np.concatenate([np.broadcast_to(image, image.shape[:2] + (3,)) for image in images], axis=1)


def grid(rows):
    """Rows of uint8 images [H, W, 1 or 3] -> one uint8 picture [rows * H, columns * W, 3]."""
    return np.concatenate([row(images) for images in rows], axis=0)


def write_png(path, image):
    """uint8 [H, W, 1 or 3] -> a PNG file, whole or not at all."""
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    partial = f'{path}.partial'
    with open(partial, 'wb') as file:
        file.write(iio.imwrite('<bytes>', image[..., 0] if image.shape[-1] == 1 else image, extension='.png'))
    os.replace(partial, path)

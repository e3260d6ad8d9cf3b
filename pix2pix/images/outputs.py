"""Files of what is drawn: PNG where it holds the values, else TIFF or NumPy."""

import io

import numpy as np
import tifffile

from pix2pix import files
from pix2pix.images import png
from pix2pix.images.formats import ARRAYS


def ending_of(form, dtype, target_ending):
    """'.png', '.tif' or '.npy', for outputs of a PairFormat whose targets are of that dtype, in files of that ending.
    """
    if form.is_plain:
        return '.png'
    if target_ending in ARRAYS:
        return '.npy'
    return '.png' if dtype in ('uint8', 'uint16') and form.target_channels in (1, 3) else '.tif'


def write(path, values):
    """[H, W] or [H, W, C] -> a file of the kind that its ending says."""
    if path.endswith('.png'):
        return png.write(path, values)
    content = io.BytesIO()
    if path.endswith('.npy'):
        np.save(content, values)
    else:
        values = values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values
        colours = 'rgb' if values.ndim == 3 and values.shape[-1] == 3 else 'minisblack'
        tifffile.imwrite(content, values, photometric=colours, planarconfig='contig' if values.ndim == 3 else None,
                         compression='zlib')
    files.write(path, content.getvalue())

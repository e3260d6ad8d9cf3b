"""Pictures of any channels as a person can look at them."""

from typing import NamedTuple

import numpy as np

from pix2pix.images import palette
from pix2pix.images.arrays import to_uint8

BANDS = (1, 2, 3)


class View(NamedTuple):
    """What of pictures is shown in grids and on the page."""
    bands: tuple = None     # which of more than three channels are red, green and blue, from 1 on; None: the first
    labels: tuple = ()      # the colours of the source's channels, where these are labels

    def __call__(self, images):
        """A source and others, float [H, W, C] in [-1, 1] -> uint8 [H, W, 1 or 3]."""
        source, *others = images
        return [self.source(source), *map(self.of_bands, others)]

    def source(self, source):
        if not self.labels:
            return self.of_bands(source)
        return np.uint8([palette.rgb(code) for code in self.labels])[np.argmax(source, axis=-1)]

    def of_bands(self, image):
        return to_uint8(self.channels_of(image))

    def channels_of(self, image):
        """[H, W, C] of any type -> those of its channels that are shown, 1 or 3."""
        channels = image.shape[-1]
        if channels <= 3:
            return image if channels != 2 else image[..., :1]
        bands = self.bands if self.bands and max(self.bands) <= channels else BANDS
        return image[..., [band - 1 for band in bands]]

"""How the files of pairs become sources and targets. Nothing here needs TensorFlow."""

from typing import NamedTuple

from pix2pix.sizes import Size


class PairFormat(NamedTuple):
    """How the files of a pair become a source and a target, in training and at test time. A run keeps it in
    options.json."""
    direction: str                  # AtoB: the left half, or A, is the source; BtoA: the right one, or B
    crop_size: Size                 # of source and target in training
    source_channels: int            # gray and RGB become each other; other numbers must be those of the files
    target_channels: int
    preprocess: str = 'resize_and_crop'     # how a picture comes to its size: preprocessing.py
    source_range: tuple = None      # black and white in the files' units; None: all of 8 or 16 bits, floats in [0, 1]
    target_range: tuple = None
    depth: int = 8                  # of the U-Net: what is padded becomes a multiple of 2 ** depth
    labels: tuple = ()              # the colours of label maps, '#rrggbb': the source becomes a channel for each

    @property
    def is_plain(self):
        """Whether these are pictures as people see them, gray or RGB, which TensorFlow reads."""
        return not (self.source_range or self.target_range or {self.colours, self.target_channels} - {1, 3})

    @property
    def colours(self):
        """Channels of the source's files."""
        return 3 if self.labels else self.source_channels

"""What must be known to build the networks and to train them. The defaults are the paper's."""

from collections.abc import Sequence
from typing import NamedTuple

LAYERS = ('paper', 'port', 'writeup')       # the layer tables of networks.py
# Whose statistics normalise an image: those of its batch, or its own. instance_port is the PyTorch port's: without
# scale and offset, and every convolution has a bias.
NORMS = ('batch', 'instance', 'instance_port')
GAN_MODES = ('vanilla', 'lsgan')    # the adversarial losses of losses.py
AUGMENTATIONS = ('color', 'translation', 'cutout')     # what augment.py does to what D sees, in this order
PRECISIONS = ('float32', 'bfloat16')
DEPTHS = range(5, 10)       # how often the U-Net may halve height and width


class Architecture(NamedTuple):
    """What must be known to build the networks. A run keeps it beside its weights, in options.json."""
    layers: str = 'paper'
    base_filters: int = 64          # of the first layer
    keep_prob: float = 0.5          # of dropout
    source_channels: int = 3
    target_channels: int = 3
    precision: str = 'float32'      # of the convolutions; variables, statistics, losses and Adam are float32
    norm: str = 'batch'
    depth: int = 8                  # how often the U-Net halves height and width

    @property
    def multiple(self):
        """Pixels: height and width are multiples of it, 256 at the paper's depth."""
        return 2 ** self.depth


class Hyperparameters(NamedTuple):
    """How the networks are trained (section 3.3): Adam's rate and first decay, the weights of G's two losses, and which
    the adversarial one is.

    `ema` and `augment` are none of the paper's: the decay of the average of G's weights, or 0 for no average, and which
    AUGMENTATIONS change what D sees.
    """
    learning_rate: float = 2e-4
    beta1: float = 0.5
    l1_weight: float = 100.0
    gan_weight: float = 1.0
    gan_mode: str = 'vanilla'
    ema: float = 0.0
    augment: Sequence = ()

"""What several tests need: a fresh graph for each, and folders of small pairs."""

import pix2pix  # noqa: F401  first: keeps TensorFlow's start-up chatter off the terminal

# isort: split
import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow.compat.v1 as tf


@pytest.fixture(autouse=True)
def graph():
    """Every test builds into a graph of its own, with nothing eager."""
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.fixture
def pairs(tmp_path):
    """A data set of 7 training and 3 validation pairs, 64 x 32 pixels, smooth and each different."""
    return draw_pairs(tmp_path / 'pairs', train=7, val=3)


def draw_pairs(folder, **splits):
    for split, count in splits.items():
        (folder / split).mkdir(parents=True)
        for i in range(count):
            y, x = np.mgrid[:32, :64] / 32
            image = np.stack([np.sin(3 * x + i), np.cos(2 * y - i), np.sin(x * y * 4 + i)], axis=-1)
            iio.imwrite(folder / split / f'{i}.png', np.uint8(127.5 + 127 * image))
    return folder

"""What several tests need: a fresh graph for each, and folders of small pairs."""

import pix2pix.quiet  # noqa: F401  first: keeps TensorFlow's start-up chatter off the terminal

# isort: split
import os
import shutil

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.browser import browser  # noqa: F401  a fixture
from tests.scripts import TINY, run

# On a GPU float32 is float32 in tests: by itself TensorFlow rounds the factors of products to TF32 there.
tf.config.experimental.enable_tensor_float_32_execution(False)

# These files take the longest: they begin, so that no process is left with one of them at the end.
LONG = ('test_replicas', 'test_train', 'test_training_step', 'test_testing', 'test_draw_editor', 'test_export')


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(autouse=True)
def graph():
    """Every test builds into a graph of its own, with nothing eager."""
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.fixture
def pairs(tmp_path):
    """A data set of 7 training and 3 validation pairs, 512 x 256 pixels, smooth and each different."""
    return draw_pairs(tmp_path / 'pairs', train=7, val=3)


@pytest.fixture
def calls(monkeypatch):
    """What is flushed, renamed and deleted from here on, by name: [('fsync', 'a'), ('replace', 'a', 'b'), ...]."""
    calls = []

    def watched(name, paths):
        call = getattr(os, name)

        def recorded(*args, **how):
            calls.append((name, *(os.path.basename(path) for path in paths(*args))))
            return call(*args, **how)
        monkeypatch.setattr(os, name, recorded)
    watched('fsync', lambda number: [os.readlink(f'/proc/self/fd/{number}')])
    watched('replace', lambda *paths: paths)
    watched('remove', lambda path: [path])
    return calls


@pytest.fixture(scope='session')
def unbroken(tmp_path_factory):
    """Seven pairs in batches of three for three epochs, seven steps at once: the folder, and what train.py said.

    Tests only read it. One that writes takes `trained`.
    """
    cwd = tmp_path_factory.mktemp('unbroken')
    draw_pairs(cwd / 'pairs', train=7, val=3)
    return cwd, run(cwd, 'train.py', '--dataset', 'pairs', '--epochs', '3', *TINY, '--keep_best', 'ssim')


@pytest.fixture
def trained(unbroken, tmp_path):
    """A copy of that folder, to write to."""
    copy = shutil.copytree(unbroken[0], tmp_path / 'trained')
    options = copy / 'checkpoints/tiny/options.json'
    options.write_text(options.read_text().replace(str(unbroken[0]), str(copy)))
    return copy


def draw_pairs(folder, height=256, **splits):
    """As large as the crop, so that nothing is resized but for the jitter."""
    for split, count in splits.items():
        (folder / split).mkdir(parents=True)
        for i in range(count):
            y, x = np.mgrid[:height, :2 * height] / height
            image = np.stack([np.sin(3 * x + i), np.cos(2 * y - i), np.sin(x * y * 4 + i)], axis=-1)
            iio.imwrite(folder / split / f'{i}.png', np.uint8(127.5 + 127 * image))
    return folder


def damage(path):
    """Break a PNG in the middle, where neither its header nor its end tells."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle:middle + 50] = bytes(50)
    path.write_bytes(content)

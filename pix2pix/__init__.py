"""pix2pix: paired image-to-image translation (Isola et al., CVPR 2017) in TensorFlow's graph mode.

The rooms: `model` is the paper; `images`, `distributed`, `metrics`, `run`, `inference` and `pytorch` stand around it.
The single files beside them are the ground, which every room may use.
"""

import importlib
import os

__version__ = '1.0.0'

# TensorFlow reads these when it is imported. A value that the user has set stays. By itself it would leave oneDNN off
# on most CPUs (docs/design.md, On a CPU).
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '1')


def __getattr__(name):
    """`from pix2pix import Generator` loads TensorFlow; `import pix2pix` alone does not."""
    if name != 'Generator':
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    importlib.import_module('pix2pix.quiet')
    return importlib.import_module('pix2pix.inference.generator').Generator

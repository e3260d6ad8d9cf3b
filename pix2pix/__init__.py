"""pix2pix: paired image-to-image translation (Isola et al., CVPR 2017) in TensorFlow's graph mode.

The rooms: `model` is the paper; `images`, `distributed`, `metrics`, `run`, `inference` and `pytorch` stand around it.
The single files beside them are the ground, which every room may use.
"""

import importlib
import os

__version__ = '1.1.0'

# TensorFlow reads these when it is imported. A value that the user has set stays. By itself it would leave oneDNN off
# on most CPUs (docs/design.md, On a CPU).
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '1')
# GPU memory is taken as it is needed, by whatever session or graph function comes first.
os.environ.setdefault('TF_FORCE_GPU_ALLOW_GROWTH', 'true')


def Generator(path, **how):
    """A trained generator as a function of pictures: Generator('checkpoints/facades')(picture) -> picture.

    Of a run or a checkpoint it is an inference.generator.Generator, and TensorFlow is loaded. Of an exported file,
    'model.onnx', it is an inference.onnx_generator.OnnxGenerator, which needs onnxruntime alone.
    """
    if os.fspath(path).endswith('.onnx'):
        return importlib.import_module('pix2pix.inference.onnx_generator').OnnxGenerator(path, **how)
    importlib.import_module('pix2pix.quiet')
    return importlib.import_module('pix2pix.inference.generator').Generator(path, **how)

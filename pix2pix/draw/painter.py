"""A run's newest weights as a function of drawings, renewed as the training goes on."""

import threading

import numpy as np
import onnxruntime

from pix2pix.errors import UserError
from pix2pix.export import rows
from pix2pix.export.to_onnx import model_of
from pix2pix.images.arrays import to_channels, to_float, to_uint8
from pix2pix.inference.generator import Generator
from pix2pix.run import checkpoint


class Painter:
    """Painter(run)(picture) -> (what the generator makes of it, the step of its weights); both uint8 [H, W, 3 or 1].

    A picture has the size of the training. onnxruntime draws: for one picture it is the faster one (docs/inference.md).
    """

    def __init__(self, run, *, dropout=False, raw=False):
        self.run, self.lock = run, threading.Lock()
        self.generator = Generator(run.checkpoints, dropout=dropout, raw=raw, precision='float32')
        self.size = (self.generator.options['crop_size'],) * 2
        self.masks = rows.masks(self.generator, self.size)
        self.session = self.loaded()

    def loaded(self):
        generator = self.generator
        model = model_of(generator.architecture, generator.weights(), generator.statistics, size=self.size,
                         dropped=self.masks)
        return onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])

    def newest(self):
        """The step of the newest checkpoint, which draws from now on. One that cannot be read is left for the next."""
        with self.lock:
            steps = checkpoint.steps_in(self.run.checkpoints)
            if steps and steps[-1] != self.generator.step:
                self.generator.step = self.generator.restore(self.run.checkpoints)
                self.session = self.loaded()
            return self.generator.step

    def __call__(self, picture):
        if picture.shape[:2] != self.size:
            raise UserError(f'a drawing has {self.size[1]} x {self.size[0]} pixels here, not {picture.shape[1]} x '
                            f'{picture.shape[0]}')
        source = to_float(to_channels(picture, self.generator.architecture.source_channels))
        with self.lock:
            drawn = self.session.run(None, {'source': np.float32(source)[None]})[0][0]
            return to_uint8(drawn), self.generator.step

"""A run's newest weights as a function of drawings, renewed as the training goes on."""

import threading

import numpy as np
import onnxruntime

from pix2pix.draw import page
from pix2pix.export import rows
from pix2pix.export.to_onnx import model_of
from pix2pix.images.arrays import to_uint8
from pix2pix.inference.generator import Generator
from pix2pix.run import checkpoint


class Painter:
    """Painter(run)(picture) -> (what the generator makes of it, the step of its weights); both uint8 [H, W, 3 or 1].

    A picture has the size of the training. onnxruntime draws, which is faster for one picture (docs/experiments.md).
    """

    def __init__(self, run, *, dropout=False, raw=False):
        self.run, self.lock = run, threading.Lock()
        self.generator = Generator(run.checkpoints, dropout=dropout, raw=raw, precision='float32')
        page.check_drawable(self.generator)
        self.size = self.generator.form.crop_size
        self.masks = rows.masks(self.generator, self.size)
        self.step = self.tried = self.generator.step
        self.session = self.loaded()

    def loaded(self):
        generator = self.generator
        model = model_of(generator.architecture, generator.weights(), generator.statistics, size=self.size,
                         dropped=self.masks)
        return onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])

    def newest(self):
        """The step of the newest checkpoint that can be read, which draws from now on. Each is tried once."""
        with self.lock:
            newest = checkpoint.steps_in(self.run.checkpoints)[-1:]
            if newest and newest[0] != self.tried:
                self.tried = newest[0]
                step = self.generator.restore(self.run.checkpoints)
                self.session, self.step = self.loaded(), step
            return self.step

    def __call__(self, picture):
        source = self.generator.as_source(picture)
        with self.lock:
            return to_uint8(self.session.run(None, {'source': np.float32(source)[None]})[0][0]), self.step

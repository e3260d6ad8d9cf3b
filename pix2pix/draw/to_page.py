"""The generator in a page that draws by itself: the model is inside, and so is what runs it."""

import base64
import gzip
import os

import numpy as np
import onnxruntime

from pix2pix import files
from pix2pix.draw import ort, page
from pix2pix.export import rows, suffix
from pix2pix.export.to_onnx import model_of

LEVELS = 6          # of 255 by which a browser's picture may differ in a place: other processors round otherwise
EVERY = 997         # places of the trial, one of so many values


def write(folder, generator, weights, size=None, *, apart=False):
    """A Generator's network -> page.html with everything inside, or the folder page/ for a web server if `apart`: its
    path."""
    page.check_drawable(generator)
    size = generator.form.crop_size
    model = model_of(generator.architecture, generator.weights(), generator.statistics, weights,
                     size=size if generator.dropout else None, dropped=rows.masks(generator, size))
    model = model.SerializeToString()
    parts = {name: gzip.compress(content, mtime=0) for name, content in {'model': model, **ort.parts()}.items()}
    inside = {} if apart else {name: base64.b64encode(content).decode() for name, content in parts.items()}
    text = page.text(generator, engine='page', parts=inside, trial=trial_of(generator, model, size),
                     about=f'Checkpoint {generator.step}, weights of {weights}. In it: {ort.LICENCE}.')
    kind = suffix(generator, weights='float32' if weights == 'int8' else weights)       # int8 is the usual one here
    path = os.path.join(folder, f'page{kind}' + ('' if apart else '.html'))
    if not apart:
        files.write(path, text)
        return path
    for name, content in parts.items():
        files.write(os.path.join(path, name + '.bin'), content)
    files.write(os.path.join(path, 'index.html'), text)
    return path


def trial_of(generator, model, size):
    """What the model draws of a known source, here and there: the page sees whether the browser draws the same."""
    dims = [1, *size, generator.architecture.source_channels]
    source = np.float32(np.arange(np.prod(dims)) * 37 % 256 / 127.5 - 1).reshape(dims)
    session = onnxruntime.InferenceSession(model, providers=['CPUExecutionProvider'])
    drawn = session.run(None, {'source': source})[0].ravel()
    return {'dims': dims, 'places': list(range(0, drawn.size, EVERY)), 'most': LEVELS,
            'expected': [round(float((value + 1) * 127.5), 2) for value in drawn[::EVERY]]}

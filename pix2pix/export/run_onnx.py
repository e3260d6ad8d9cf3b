"""How measure.py runs an ONNX file."""

import onnxruntime


def load(path, statistics):
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    return lambda source: session.run(None, {'source': source})[0]

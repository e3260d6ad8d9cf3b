"""The generator as an ONNX file, written node by node."""

import json
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pix2pix import __version__
from pix2pix.errors import UserError
from pix2pix.export import rows, suffix
from pix2pix.model.layers import EPSILON

OPSET, IR_VERSION = 17, 8       # of 2022: older runtimes read it too
LARGEST = 2 ** 31 - 2 ** 20     # bytes of one file of protobuf


def write(folder, generator, weights, size=None):
    """A Generator's network -> an ONNX file with its weights as WEIGHTS has them: its path. Any batch; any size where
    there is no dropout, else `size`."""
    path = os.path.join(folder, f'model{suffix(generator, weights)}.onnx')
    model = model_of(generator.architecture, generator.weights(), generator.statistics, weights,
                     size=size, dropped=rows.masks(generator, size), data=generator.data)
    with open(path, 'wb') as file:
        file.write(model.SerializeToString())
    return path


def model_of(architecture, variables, statistics, weights='float32', *, size=None, dropped=None, data=None):
    """An onnx.ModelProto of the generator.

    variables   by name, 'generator/down1/w' and so on
    statistics  of batch norm: 'batch', each picture's own, or 'moving', which become part of the convolutions
    data        what the file tells of the pictures of the training, for JSON
    size        (height, width), for which `dropped` has the masks of dropout, as in rows.draw(); None: any
    """
    net = Network({name.removeprefix('generator/'): value for name, value in variables.items()}, statistics, weights)
    x = net.add('Transpose', 'source', perm=[0, 3, 1, 2])
    net.add('Transpose', rows.draw(net, x, architecture, dropped), perm=[0, 2, 3, 1], output='picture')

    images = lambda name, channels, end: helper.make_tensor_value_info(
        name, TensorProto.FLOAT, ['batch', *(size or ('height' + end, 'width' + end)), channels])
    graph = helper.make_graph(net.nodes, 'generator', [images('source', architecture.source_channels, '')],
                              [images('picture', architecture.target_channels, '_out')], net.tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', OPSET)], ir_version=IR_VERSION,
                              producer_name='pix2pix', producer_version=__version__)
    helper.set_model_props(model, {'pix2pix': json.dumps({
        'layout': 'NHWC', 'range': [-1, 1], 'multiple': architecture.multiple, 'size': size, 'weights': weights,
        'source_channels': architecture.source_channels, 'target_channels': architecture.target_channels,
        'statistics': statistics, 'dropout': bool(dropped), 'data': data or {}})})
    if model.ByteSize() > LARGEST:
        raise UserError(f'it would be of {model.ByteSize() / 2 ** 30:.1f} GiB, and ONNX holds 2 in one file. Use '
                        'weights of fewer bits')
    onnx.checker.check_model(model)
    return model


class Network:
    """Nodes and weights, as the rows add them."""

    def __init__(self, variables, statistics, weights):
        self.variables, self.statistics, self.weights = variables, statistics, weights
        self.nodes, self.tensors = [], []

    def add(self, op, *inputs, output=None, **attributes):
        """A node: the name of its output."""
        output = output or f'{op}_{len(self.nodes)}'
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def tensor(self, name, value):
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def leaky(self, x):
        return self.add('LeakyRelu', x, alpha=0.2)

    def relu(self, x):
        return self.add('Relu', x)

    def tanh(self, x):
        return self.add('Tanh', x)

    def join(self, x, skip):
        return self.add('Concat', x, skip, axis=1)

    def times(self, x, name, mask):
        return self.add('Mul', x, self.tensor(name + '_mask', mask.transpose(0, 3, 1, 2)))

    def shrink(self, x, name, norm):
        return self.convolve('Conv', x, name, norm)

    def grow(self, x, name, norm):
        return self.convolve('ConvTranspose', x, name, norm)

    def convolve(self, op, x, name, norm):
        """A 4x4 convolution at stride 2 or its transpose, with the bias and the norm that the row has."""
        of = lambda part: self.variables.get(f'{name}{part}')
        w, bias = of('/w'), of('/b')                            # [4, 4, in, out], of a transpose [4, 4, out, in]
        axis = {'Conv': 3, 'ConvTranspose': 2}[op]              # that of what comes out
        if norm and self.statistics == 'moving':
            factor = of('_norm/scale') / np.sqrt(of('_norm/moving_variance') + np.float32(EPSILON))
            w = w * (factor if axis == 3 else factor[:, None])
            bias = of('_norm/offset') + factor * ((0 if bias is None else bias) - of('_norm/moving_mean'))
        # Both of ONNX have the channels that come out where ours have them, seen from the end: [out, in, 4, 4] and
        # [in, out, 4, 4].
        inputs = [x, self.weight(name + '_w', w.transpose(3, 2, 0, 1), axis=3 - axis)]
        inputs += [] if bias is None else [self.tensor(name + '_b', np.float32(bias))]
        x = self.add(op, *inputs, strides=[2, 2], pads=[1, 1, 1, 1])
        if norm and self.statistics == 'batch':
            scale, offset = of('_norm/scale'), of('_norm/offset')
            if scale is None:       # --norm instance_port has none
                scale, offset = np.ones(w.shape[axis], np.float32), np.zeros(w.shape[axis], np.float32)
            x = self.add('InstanceNormalization', x, self.tensor(name + '_norm_scale', scale),
                         self.tensor(name + '_norm_offset', offset), epsilon=EPSILON)
        return x

    def weight(self, name, w, axis):
        """A float32 weight as it lies in the file. A runtime makes float32 of it once, when it loads the file."""
        if self.weights == 'float16':
            return self.add('Cast', self.tensor(name, w.astype(np.float16)), to=TensorProto.FLOAT)
        if self.weights == 'int8':
            others = tuple(i for i in range(4) if i != axis)
            step = np.maximum(np.abs(w).max(others, keepdims=True) / 127, np.finfo(np.float32).tiny)
            whole = self.add('Cast', self.tensor(name, np.rint(w / step).astype(np.int8)), to=TensorProto.FLOAT)
            return self.add('Mul', whole, self.tensor(name + '_step', step))
        return self.tensor(name, w)

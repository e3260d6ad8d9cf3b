"""PyTorch's files of tensors, read and written without torch. Nothing in a file can run."""

import collections
import io
import math
import pickle
import struct
import zipfile
from typing import NamedTuple

import numpy as np

from pix2pix.errors import UserError

#         torch's name        NumPy's
TYPES = {'FloatStorage':     np.dtype('<f4'),
         'DoubleStorage':    np.dtype('<f8'),
         'HalfStorage':      np.dtype('<f2'),
         'LongStorage':      np.dtype('<i8'),
         'IntStorage':       np.dtype('<i4'),
         'ByteStorage':      np.dtype('u1'),
         'BoolStorage':      np.dtype('?')}
LEGACY = 0x1950a86a20f9469cfc6c     # the first number of a file of before PyTorch 1.6


class Storage(NamedTuple):
    """The values of one or several tensors, by the key under which the file has them."""
    kind: str
    key: str
    elements: int


class Tensor(NamedTuple):
    """A part of a storage."""
    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


class ForeignObject(Exception):
    """A pickle asks for a class or a function that is none of a file of tensors."""


class Tensors(pickle.Unpickler):
    """Dicts of Tensors, of plain values alone. Every other class and function is refused by its name."""

    def find_class(self, module, name):
        if (module, name) == ('collections', 'OrderedDict'):
            return collections.OrderedDict
        if module == 'torch' and name in TYPES:
            return name
        if (module, name) in (('torch._utils', '_rebuild_tensor_v2'), ('torch._utils', '_rebuild_tensor')):
            return lambda storage, offset, shape, strides, *_: Tensor(storage, offset, shape, strides)
        if (module, name) == ('torch._utils', '_rebuild_parameter'):
            return lambda tensor, *_: tensor
        if module == 'torch' and name.endswith('Storage'):
            raise ValueError(f'its values are of a {name}; save them as float32')
        raise ForeignObject(f'{module}.{name}')

    def persistent_load(self, saved):
        _, kind, key, _, elements, *_ = saved
        return Storage(kind, str(key), elements)


def read(path):
    """A file of a state dict -> a dict of arrays by name. UserError says what the file is instead."""
    try:
        with open(path, 'rb') as file:
            tensors, content_of = (read_zip if zipfile.is_zipfile(file) else read_legacy)(file)
            if not isinstance(tensors, dict):
                raise UserError(f'{path} holds a {type(tensors).__name__}, and no state dict')
            others = [name for name, tensor in tensors.items() if not isinstance(tensor, Tensor)]
            if others:
                raise UserError(f'{path} holds {others[0]!r} of type {type(tensors[others[0]]).__name__} beside '
                                'tensors: it is no plain state dict. Save that of the network alone')
            return {str(name): array(tensor, content_of) for name, tensor in tensors.items()}
    except ForeignObject as error:
        raise UserError(f'{path} asks for {error}: it is a pickled model or other objects, and no state dict. Nothing '
                        'of it was run. Save network.state_dict() in PyTorch, and give that file') from None
    except OSError as error:
        raise UserError(f'{path} cannot be opened ({error.strerror or error})') from None
    except UserError:
        raise
    except Exception as error:      # a pickle that is damaged can raise anything
        raise UserError(f'{path} is damaged, or no file of PyTorch ({type(error).__name__}: {error})') from None


def read_zip(file):
    """A file of PyTorch 1.6 or newer: (what is pickled in it, function from a Storage to its bytes)."""
    archive = zipfile.ZipFile(file)
    [pickled] = [name for name in archive.namelist() if name.endswith('/data.pkl')]
    folder = pickled.removesuffix('data.pkl')
    if folder + 'byteorder' in archive.namelist() and archive.read(folder + 'byteorder') != b'little':
        raise ValueError('its numbers are big-endian')
    tensors = Tensors(io.BytesIO(archive.read(pickled))).load()
    return tensors, lambda storage: archive.read(f'{folder}data/{storage.key}')


def read_legacy(file):
    """A file of the older kind: one stream of pickles, and the values behind them."""
    file.seek(0)
    if Tensors(file).load() != LEGACY:
        raise ValueError('its first number is not that of PyTorch')
    _, system, tensors = (Tensors(file).load() for _ in range(3))
    if not system['little_endian']:
        raise ValueError('its numbers are big-endian')
    sizes, content = {}, {}
    for tensor in tensors.values() if isinstance(tensors, dict) else ():
        if isinstance(tensor, Tensor):
            sizes[tensor.storage.key] = TYPES[tensor.storage.kind].itemsize
    for key in map(str, Tensors(file).load()):
        [elements] = struct.unpack('<q', file.read(8))
        content[key] = file.read(elements * sizes[key])
    return tensors, lambda storage: content[storage.key]


def array(tensor, content_of):
    """A Tensor -> an array of its own. ValueError where it reaches beyond its storage."""
    values = np.frombuffer(content_of(tensor.storage), TYPES[tensor.storage.kind])
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides))
    if len(tensor.shape) != len(tensor.strides) or min((0, tensor.offset, *tensor.shape, *tensor.strides)) < 0 or \
            max(last + 1, math.prod(tensor.shape)) > len(values):
        raise ValueError('a tensor reaches beyond its values')
    strides = [stride * values.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(values[tensor.offset:], tensor.shape, strides).copy()


def write(file, tensors):
    """A dict of arrays, float32 or int64 -> a file as torch.save makes it of a state dict; `file` is open for bytes."""
    kinds = {dtype: kind for kind, dtype in TYPES.items()}
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('archive/data.pkl', pickled(
            [(name, kinds[value.dtype], value.shape, value.size) for name, value in tensors.items()]))
        archive.writestr('archive/byteorder', 'little')
        archive.writestr('archive/version', '3\n')
        for key, value in enumerate(tensors.values()):
            archive.writestr(f'archive/data/{key}', np.ascontiguousarray(value).tobytes())


def pickled(tensors):
    """(name, kind of storage, shape, elements) of each -> the pickle of an OrderedDict of tensors.

    It is written by its opcodes: the classes that it names are torch's, which need not be here.
    """
    text = lambda string: b'X' + struct.pack('<I', len(string.encode())) + string.encode()
    number = lambda value: b'J' + struct.pack('<i', value)
    sequence = lambda items: b'(' + b''.join(items) + b't'
    empty = b'ccollections\nOrderedDict\n)R'
    content = b'\x80\x02' + empty + b'('
    for key, (name, kind, shape, elements) in enumerate(tensors):
        strides = [math.prod(shape[axis + 1:]) for axis in range(len(shape))]
        storage = sequence([text('storage'), f'ctorch\n{kind}\n'.encode(), text(str(key)), text('cpu'),
                            number(elements)]) + b'Q'
        arguments = sequence([storage, number(0), sequence(map(number, shape)), sequence(map(number, strides)), b'\x89',
                              empty])
        content += text(name) + b'ctorch._utils\n_rebuild_tensor_v2\n' + arguments + b'R'
    return content + b'u.'

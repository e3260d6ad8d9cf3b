"""An exported generator as a function of pictures of any size, through onnxruntime: without TensorFlow."""

import json
import os

import onnxruntime

from pix2pix.errors import UserError, reason
from pix2pix.flags import from_options
from pix2pix.images.form import PairFormat
from pix2pix.images.plain import as_array, in_own_bands
from pix2pix.inference import TILE, drawing
from pix2pix.model.architecture import Architecture
from pix2pix.sizes import Size

# What those exported before did not tell: their pictures were gray or RGB, and drawn at their own scale.
OF_EARLIER_FILES = {**PairFormat('AtoB', Size(256, 256), 3, 3)._asdict(), 'native_size': None, 'target_dtype': None}


class OnnxGenerator:
    """An ONNX file of pix2pix.export: OnnxGenerator('model.onnx')(picture) -> picture, an array.

    path     the file
    tile     pixels a side that go through the network at once, a multiple of architecture.multiple
    native   draw each picture at its own scale, and not at that at which the training saw its pictures
    threads  for one picture; None: onnxruntime's own choice, one a core
    Raises UserError, which says what is missing or damaged. Statistics and dropout are those of the file; one with
    dropout has a fixed size.
    """

    def __init__(self, path, *, tile=TILE, native=False, threads=None):
        path, options = os.fspath(path), onnxruntime.SessionOptions()
        if not os.path.isfile(path):
            raise UserError(f'{path}: no such file. An export of a run writes it')
        options.intra_op_num_threads = threads or 0
        try:
            self.session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
            about = json.loads(self.session.get_modelmeta().custom_metadata_map['pix2pix'])
        except KeyError:
            raise UserError(f'{path} is of another program: an export of a run writes what fits here') from None
        except Exception as error:      # onnxruntime has a class for each of its faults, and no base of them
            raise UserError(f'{path} cannot be loaded: it is damaged, or no ONNX file ({reason(error)})') from None
        try:
            data = OF_EARLIER_FILES | about | about.get('data', {})
            self.statistics, self.dropout, self.size = about['statistics'], about['dropout'], about['size']
            multiple = int(about['multiple'])
            if multiple < 1:
                raise ValueError
        except (AttributeError, KeyError, TypeError, ValueError):
            raise UserError(f'{path} is of another version, or damaged: what it should tell of its pictures is not '
                            'there. Export the run again') from None
        if tile < multiple or tile % multiple:
            raise UserError(f'tile {tile} is not a multiple of {multiple}')
        self.architecture = Architecture(source_channels=data['source_channels'], depth=data['depth'],
                                         target_channels=data['target_channels'])
        self.form = from_options(PairFormat, data)._replace(crop_size=Size.of(data['crop_size']))
        self.native, self.native_size = native, Size.of(data['native_size'])
        self.target_dtype = data['target_dtype']
        self.path, self.tile = path, tile

    def forward(self, sources):
        """[N, H, W, source_channels] -> [N, H, W, target_channels], float32 in [-1, 1]; H and W multiples of
        architecture.multiple."""
        if self.size and list(sources.shape[1:3]) != self.size:
            raise ValueError(f'{self.path} was exported with dropout, and so for pictures of '
                             f'{self.size[1]} x {self.size[0]} alone, not of {sources.shape[2]} x {sources.shape[1]}')
        return self.session.run(None, {'source': sources})[0]

    def __call__(self, picture):
        """A picture -> an array of the same size, [H, W] or [H, W, target_channels].

        It is a path, a PIL image, or an array of uint8 or uint16, [H, W] gray or [H, W, 3] RGB, and what comes out has
        its type. A model of bands or ranges takes a PIL image or an array [H, W, source_channels] in the units of its
        files, and gives an array of target_dtype. UserError, ValueError where it cannot be drawn.
        """
        if not self.form.is_plain and isinstance(picture, str | os.PathLike):
            raise UserError(f'{picture}: this model draws from values in units of their own: give it an array of them')
        pixels = as_array(picture) if self.form.is_plain else in_own_bands(picture)
        return drawing.draw(self, drawing.checked(self, pixels))

    def map(self, pictures):
        """An iterator over what the generator makes of each of these pictures, in order."""
        return map(self, pictures)

    def bands(self, picture):
        """The output of a picture of any size from top to bottom: yields bands of its rows, [h, W, target_channels].

        `picture` [H, W, 1 or 3] has a shape and a dtype, uint8 or uint16, and is sliced a tile at a time: not held.
        """
        return drawing.bands(self, picture)

"""A trained generator as a function of pictures of any size."""

import os
import re

import numpy as np
import tensorflow.compat.v1 as tf

from pix2pix import devices
from pix2pix.errors import UserError, reason
from pix2pix.flags import values
from pix2pix.images.arrays import to_channels, to_float, to_integer
from pix2pix.images.pictures import as_array
from pix2pix.inference import TILE
from pix2pix.inference.tiles import draw_in_tiles
from pix2pix.model.architecture import LAYERS, MULTIPLE, PRECISIONS, Architecture
from pix2pix.model.networks import TEST_STATISTICS, trained_generator
from pix2pix.run import checkpoint
from pix2pix.run.folder import Run

NEEDED = (*Architecture._fields, 'crop_size', 'folder', 'direction', 'epochs')


class Generator:
    """A run's generator: Generator('checkpoints/facades')(picture) -> picture, an array of uint8 or uint16.

    path        folder of a run, for its newest checkpoint, or one checkpoint, 'checkpoints/facades/model-20000'
    dropout     as in training (the original's way), or off
    statistics  of batch norm: 'batch', each picture's (tile's) own, or 'moving', those of the training; None: as the
                layer table has it
    seed        of the dropout masks, the same for every picture
    precision   'float32', 'bfloat16', 'auto', or None: that of the training, but float32 where the hardware has no
                bfloat16
    tile        pixels a side that go through the network at once, a multiple of 256; larger pictures go in
                overlapping tiles
    Raises UserError, which says what is missing or damaged.
    """

    def __init__(self, path, *, dropout=True, statistics=None, seed=0, precision=None, tile=TILE):
        if tile < MULTIPLE or tile % MULTIPLE:
            raise UserError(f'tile {tile} is not a multiple of {MULTIPLE}')
        path = os.fspath(path).removesuffix('.index')
        check_checkpoint(path)
        self.run = Run(os.path.dirname(path) if os.path.exists(path + '.index') else path)
        self.options = options = self.run.read_options(NEEDED)
        if options['layers'] not in LAYERS or options['precision'] not in PRECISIONS:
            raise UserError(f'{self.run.options}: layers or precision are of no kind that is known here')
        self.architecture = values(Architecture, options)._replace(
            precision=devices.precision(precision or ('auto' if options['precision'] == 'bfloat16' else 'float32')))
        self.statistics = statistics or TEST_STATISTICS[options['layers']]
        if self.statistics == 'batch' and options['layers'] == 'writeup':
            raise UserError('batch statistics do not fit this run: the layers of the write-up normalise a 1x1 '
                            'bottleneck, and one image has no variance there. Use moving statistics')
        self.dropout, self.seed, self.tile = dropout, seed, tile
        self.graph, self.networks = tf.Graph(), {}
        self.sess = tf.Session(graph=self.graph, config=devices.session_config())
        self.network(options['crop_size'], options['crop_size'])
        self.step = self.restore(path)

    def restore(self, path):
        """Load the weights: the step of a run's newest checkpoint, or the name of the one at `path`."""
        with self.graph.as_default():
            saver = checkpoint.new_saver()
            if path == self.run.checkpoints:
                step = checkpoint.restore_latest(self.sess, saver, path)
            else:
                checkpoint.restore(self.sess, saver, path)
                step = os.path.basename(path)
            if not step:
                raise UserError(f'{path} has no checkpoint yet. A training saves the first after some epochs')
            self.sess.run(tf.local_variables_initializer())     # the copies of the weights
        return step

    def network(self, height, width):
        """(source, output) of the graph for one size: fixed sizes are faster, and equal to training's to the bit."""
        if (height, width) not in self.networks:
            dtype = tf.as_dtype(self.architecture.precision)
            with self.graph.as_default(), tf.variable_scope('', custom_getter=cast_once(dtype)):
                source = tf.placeholder(tf.float32, [1, height, width, self.architecture.source_channels])
                output = trained_generator(source, self.architecture, seed=self.seed, dropout_on=self.dropout,
                                           statistics=self.statistics)
            self.networks[height, width] = source, output
        return self.networks[height, width]

    def forward(self, source):
        """[H, W, source_channels] -> [H, W, target_channels], float32 in [-1, 1]; H and W multiples of 256."""
        placeholder, output = self.network(*source.shape[:2])
        try:
            return self.sess.run(output, {placeholder: source[None]})[0]
        except tf.errors.ResourceExhaustedError as error:
            raise UserError(f'{source.shape[1]} x {source.shape[0]} pixels at once are too many for the memory '
                            f'({reason(error)}). Use smaller tiles') from None

    def __call__(self, picture):
        """A picture -> an array of the same size and type, [H, W] or [H, W, 3].

        It is a path, a PIL image, or an array of uint8 or uint16, [H, W] gray or [H, W, 3] RGB. A path or a PIL image
        is drawn as a person sees it, upright and with its palette. ImageError, ValueError where it cannot be.
        """
        picture = as_array(picture)
        if picture.dtype not in (np.uint8, np.uint16) or picture.ndim not in (2, 3) or \
                picture.shape[2:] not in ((), (1,), (3,)) or 0 in picture.shape:
            raise ValueError(f'{picture.dtype} {list(picture.shape)}: give uint8 or uint16, [H, W] or [H, W, 3]; or a '
                             'path, or a PIL image')
        picture = picture.reshape(*picture.shape[:2], -1)
        output, top = np.empty([*picture.shape[:2], self.architecture.target_channels], picture.dtype), 0
        for band in self.bands(picture):
            output[top:top + len(band)] = band
            top += len(band)
        return output[..., 0] if output.shape[-1] == 1 else output

    def bands(self, picture):
        """The output of a picture of any size from top to bottom: yields bands of its rows, [h, W, target_channels].

        `picture` [H, W, 1 or 3] has a shape and a dtype, uint8 or uint16, and is sliced a tile at a time: not held.
        """
        def draw(tile):
            return self.forward_any(to_float(to_channels(tile, self.architecture.source_channels)))
        for band in draw_in_tiles(picture, draw, tile=self.tile, channels=self.architecture.target_channels):
            yield to_integer(band, picture.dtype)

    def forward_any(self, source):
        """As forward, of any size: padded by reflection to multiples of 256, and cut back."""
        height, width = source.shape[:2]
        pads = [((-size % MULTIPLE) // 2, -(-(-size % MULTIPLE) // 2)) for size in (height, width)]
        output = self.forward(np.pad(source, [*pads, (0, 0)], 'reflect') if np.any(pads) else source)
        return output[pads[0][0]:, pads[1][0]:][:height, :width]


def check_checkpoint(path):
    """UserError where a run has no such checkpoint, with those that it has."""
    folder, step = os.path.split(path)
    of_a_run = re.fullmatch(r'model-\d+', step) and os.path.exists(os.path.join(folder, 'options.json'))
    if of_a_run and not os.path.exists(path + '.index'):
        there = ', '.join(map(str, checkpoint.steps_in(folder))) or 'none'
        raise UserError(f'{path}: there is no such checkpoint. Those of {folder} are of the steps: {there}')


def cast_once(dtype):
    """A getter of variables for a generator that is not trained: its convolutions' weights are local variables in
    `dtype`, filled by tf.local_variables_initializer() from the float32 ones, and not cast again for every picture."""
    def custom(getter, name, **how):
        variable = getter(name, **how)
        if dtype == variable.dtype or not name.endswith('/w'):
            return variable
        return getter(name + '_cast', **{**how, 'shape': None, 'dtype': dtype, 'initializer': tf.cast(variable, dtype),
                                         'trainable': False, 'collections': [tf.GraphKeys.LOCAL_VARIABLES]})
    return custom

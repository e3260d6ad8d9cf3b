"""A trained generator as a function of pictures of any size."""

import itertools
import os

import numpy as np
import tensorflow.compat.v1 as tf

from pix2pix import devices
from pix2pix.errors import UserError, reason
from pix2pix.flags import from_options
from pix2pix.images.arrays import to_integer
from pix2pix.images.pictures import as_array
from pix2pix.inference import TILE, drawing
from pix2pix.inference.drawing import checked, cut, margins, pad, without_one_channel
from pix2pix.model import ema
from pix2pix.model.architecture import LAYERS, MULTIPLE, NORMS, PRECISIONS, Architecture
from pix2pix.model.networks import TEST_STATISTICS, images_at_once, trained_generator
from pix2pix.run import checkpoint
from pix2pix.run.folder import Run

NEEDED = (*Architecture._fields, 'crop_size', 'folder', 'direction', 'epochs')
CAN_BE = {'layers': lambda x: x in LAYERS,
          'base_filters': lambda x: type(x) is int and x > 0,
          'keep_prob': lambda x: type(x) in (int, float) and 0 < x <= 1,
          'source_channels': lambda x: type(x) is int and x in (1, 3),
          'target_channels': lambda x: type(x) is int and x in (1, 3),
          'precision': lambda x: x in PRECISIONS,
          'norm': lambda x: x in NORMS,
          'ema': lambda x: type(x) in (int, float) and 0 <= x < 1,
          'crop_size': lambda x: type(x) is int and x > 0 and x % MULTIPLE == 0,
          'folder': lambda x: type(x) is str,
          'direction': lambda x: x in ('AtoB', 'BtoA'),
          'epochs': lambda x: type(x) is int}


class Generator:
    """A run's generator: Generator('checkpoints/facades')(picture) -> picture, an array of uint8 or uint16.

    path        folder of a run, for its newest checkpoint, or one checkpoint, 'checkpoints/facades/model-20000'
    dropout     as in training (the original's way), or off
    statistics  of batch norm: 'batch', each picture's (tile's) own, or 'moving', those of the training; None: as the
                layer table has it
    seed        of the dropout masks, the same for every picture
    precision   'float32', 'bfloat16', 'auto', or None: that of the training, but float32 where the hardware has no
                bfloat16
    raw         the weights as the last step left them, where the run keeps an average of them too
    tile        pixels a side that go through the network at once, a multiple of 256; larger pictures go in
                overlapping tiles
    Raises UserError, which says what is missing or damaged.
    """

    def __init__(self, path, *, dropout=True, statistics=None, seed=0, precision=None, raw=False, tile=TILE):
        if tile < MULTIPLE or tile % MULTIPLE:
            raise UserError(f'tile {tile} is not a multiple of {MULTIPLE}')
        path = os.fspath(path).removesuffix('.index')
        checkpoint.check_there(path)
        self.run = Run(os.path.dirname(path) if os.path.exists(path + '.index') else path)
        self.options = options = self.run.read_options(NEEDED, CAN_BE)
        self.architecture = from_options(Architecture, options)._replace(
            precision=devices.precision(precision or ('auto' if options['precision'] == 'bfloat16' else 'float32')))
        self.statistics = statistics or TEST_STATISTICS[options['layers']]
        if self.statistics == 'batch' and options['layers'] == 'writeup':
            raise UserError('batch statistics do not fit this run: the layers of the write-up normalise a 1x1 '
                            'bottleneck, and one image has no variance there. Use moving statistics')
        if self.statistics == 'moving' and options['norm'] != 'batch':
            raise UserError('moving statistics do not fit this run: instance norm keeps none, it normalises each image '
                            'by its own, in training too')
        self.dropout, self.seed, self.tile = dropout, seed, tile
        self.averaged = options['ema'] > 0 and not raw
        self.graph, self.networks, self.saver = tf.Graph(), {}, None
        self.sess = tf.Session(graph=self.graph, config=devices.session_config())
        self.network(1, options['crop_size'], options['crop_size'])
        self.step = self.restore(path)

    def restore(self, path):
        """Load the weights: the step of a run's newest checkpoint, or the name of the one at `path`."""
        with self.graph.as_default():
            self.saver = saver = self.saver or checkpoint.new_saver()
            if path == self.run.checkpoints:
                step = checkpoint.restore_latest(self.sess, saver, path)
            else:
                checkpoint.restore(self.sess, saver, path)
                step = os.path.basename(path)
            if not step:
                raise UserError(f'{path} has no checkpoint yet. A training saves the first after some epochs')
            self.checkpoint = path if path != self.run.checkpoints else checkpoint.prefix_of(path, step)
            self.sess.run(tf.local_variables_initializer())     # the copies of the weights
        return step

    def weights(self):
        """What the network is drawn with, by name, 'generator/down1/w' and so on: float32 arrays."""
        scope = ema.SCOPE if self.averaged else ''
        with self.graph.as_default():
            return self.sess.run({v.op.name.removeprefix(scope): v for v in tf.global_variables(scope + 'generator/')})

    def network(self, images, height, width):
        """(source, output) of the graph for so many images of one size: fixed sizes are faster."""
        if (images, height, width) not in self.networks:
            dtype = tf.as_dtype(self.architecture.precision)
            with self.graph.as_default(), tf.variable_scope('', custom_getter=cast_once(dtype)):
                source = tf.placeholder(tf.float32, [images, height, width, self.architecture.source_channels])
                output = trained_generator(source, self.architecture, seed=self.seed, dropout_on=self.dropout,
                                           statistics=self.statistics, averaged=self.averaged)
            self.networks[images, height, width] = source, output
        return self.networks[images, height, width]

    def forward(self, sources):
        """[N, H, W, source_channels] -> [N, H, W, target_channels], float32 in [-1, 1]; H and W multiples of 256.

        Each is drawn as if it were alone.
        """
        placeholder, output = self.network(*sources.shape[:3])
        try:
            return self.sess.run(output, {placeholder: sources})
        except tf.errors.ResourceExhaustedError as error:
            raise UserError(f'{sources.shape[2]} x {sources.shape[1]} pixels at once are too many for the memory '
                            f'({reason(error)}). Use smaller tiles') from None

    def forward_each(self, sources):
        """Sources of one size, [H, W, source_channels] -> yields their outputs, drawn several in one run.

        A last run of fewer is filled up. Each has its own statistics, so the others change nothing of it. At full width
        its place among those of a run does, by rounding (3e-6 of [-1, 1] was seen).
        """
        sources = iter(sources)
        for first in sources:
            images = images_at_once(*first.shape[:2])
            group = [first, *itertools.islice(sources, images - 1)]
            yield from self.forward(np.stack(group + [first] * (images - len(group))))[:len(group)]

    def __call__(self, picture):
        """A picture -> an array of the same size and type, [H, W] or [H, W, 3].

        It is a path, a PIL image, or an array of uint8 or uint16, [H, W] gray or [H, W, 3] RGB. A path or a PIL image
        is drawn as a person sees it, upright and with its palette. ImageError, ValueError where it cannot be.
        """
        return self.draw(given(picture))

    def map(self, pictures):
        """An iterator over what the generator makes of each of these pictures, in order.

        They are taken up to four at a time, so an error of one may come up to three pictures early.
        Small ones of one size go through the network several at once, which is faster. Each has its own statistics, so
        the others change nothing of it. Here and there it may be a level of 255 off what a call gives, or what it is
        at another place, by rounding.
        """
        for size, group in itertools.groupby(map(given, pictures), self.size_in_a_batch):
            if not size:
                yield from map(self.draw, group)
                continue
            group, again = itertools.tee(group)
            outputs = self.forward_each(pad(self.as_source(picture)) for picture in again)
            for picture, output in zip(group, outputs):
                yield without_one_channel(to_integer(cut(output, *picture.shape[:2]), picture.dtype))

    def size_in_a_batch(self, picture):
        """The size at which a small picture goes through the network; None for one that goes alone, or in tiles."""
        size = [side + sum(margins(side)) for side in picture.shape[:2]]
        return size if max(size) <= self.tile and images_at_once(*size) > 1 else None

    def draw(self, picture):
        """[H, W, 1 or 3] -> [H, W] or [H, W, 3]."""
        return drawing.draw(self, picture)

    def bands(self, picture):
        """The output of a picture of any size from top to bottom: yields bands of its rows, [h, W, target_channels].

        `picture` [H, W, 1 or 3] has a shape and a dtype, uint8 or uint16, and is sliced a tile at a time: not held.
        """
        return drawing.bands(self, picture)

    def as_source(self, picture):
        """uint8 or uint16 [H, W, 1 or 3] -> float32 [H, W, source_channels] in [-1, 1]."""
        return drawing.as_source(self, picture)


def given(picture):
    """A path, a PIL image or an array as an array of uint8 or uint16, [H, W, 1 or 3]; ImageError or ValueError."""
    return checked(as_array(picture))


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

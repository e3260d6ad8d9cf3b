"""A trained generator as a function of pictures of any size."""

import contextlib
import itertools
import os
import re

import numpy as np
import tensorflow.compat.v1 as tf

from pix2pix import devices
from pix2pix.errors import UserError, reason
from pix2pix.flags import from_options
from pix2pix.images import outputs, units
from pix2pix.images.diagnose import ImageError
from pix2pix.images.form import PairFormat
from pix2pix.images.pictures import as_array, read_samples
from pix2pix.images.plain import in_own_bands
from pix2pix.images.preprocessing import PREPROCESS
from pix2pix.inference import TILE, drawing
from pix2pix.inference.drawing import (
    at_scale,
    cut,
    finished,
    pad,
    resized,
    without_one_channel,
    working_size,
)
from pix2pix.model import ema
from pix2pix.model.architecture import DEPTHS, LAYERS, NORMS, PRECISIONS, Architecture
from pix2pix.model.networks import TEST_STATISTICS, images_at_once, trained_generator
from pix2pix.run import checkpoint
from pix2pix.run.folder import Run, is_decay
from pix2pix.sizes import Size

NEEDED = (*Architecture._fields, *PairFormat._fields, 'native_size', 'source_dtype', 'target_dtype', 'folder', 'epochs')


def is_range(x):
    return x is None or isinstance(x, list) and len(x) == 2 and all(type(y) in (int, float) for y in x) and x[0] < x[1]


def is_size(x):
    return isinstance(x, Size) and min(x) > 0


def are_colours(x):
    return isinstance(x, list) and all(isinstance(code, str) and re.fullmatch('#[0-9a-f]{6}', code) for code in x)


CAN_BE = {'layers': lambda x: x in LAYERS,
          'base_filters': lambda x: type(x) is int and x > 0,
          'keep_prob': lambda x: type(x) in (int, float) and 0 < x <= 1,
          'source_channels': lambda x: type(x) is int and 1 <= x <= 32,
          'target_channels': lambda x: type(x) is int and 1 <= x <= 32,
          'precision': lambda x: x in PRECISIONS,
          'norm': lambda x: x in NORMS,
          'depth': lambda x: type(x) is int and x in DEPTHS,
          'ema': is_decay,
          'crop_size': is_size,
          'preprocess': lambda x: x in PREPROCESS,
          'native_size': lambda x: x is None or is_size(x),
          'source_range': is_range,
          'target_range': is_range,
          'labels': are_colours,
          'source_dtype': lambda x: x is None or x in units.KINDS,
          'target_dtype': lambda x: x is None or x in units.KINDS,
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
    tile        pixels a side that go through the network at once, a multiple of architecture.multiple; larger
                pictures go in overlapping tiles
    native      draw each picture at its own scale, and not at that at which the training saw its pictures
    Raises UserError, which says what is missing or damaged.
    """

    def __init__(self, path, *, dropout=True, statistics=None, seed=0, precision=None, raw=False, tile=TILE,
                 native=False):
        path = os.fspath(path)
        path = path if os.path.isdir(path) else re.sub(r'\.(index|sums|data-\d+-of-\d+)$', '', path)
        checkpoint.check_there(path)
        if os.path.isfile(path):
            raise UserError(f'{path} is no checkpoint: give the folder of a run, or its model-STEP')
        self.run = Run(os.path.dirname(path) if os.path.exists(path + '.index') else path)
        self.options = options = self.run.read_options(NEEDED, CAN_BE)
        if precision not in (None, 'auto', *PRECISIONS):
            raise UserError(f'precision {precision!r}: give auto, {" or ".join(PRECISIONS)}')
        self.architecture = from_options(Architecture, options)._replace(
            precision=devices.precision(precision or ('auto' if options['precision'] == 'bfloat16' else 'float32')))
        self.form, self.native = from_options(PairFormat, options), native
        self.native_size, self.target_dtype = options['native_size'], options['target_dtype']
        multiple = self.architecture.multiple
        if tile < multiple or tile % multiple:
            raise UserError(f'tile {tile} is not a multiple of {multiple}')
        if self.form.crop_size != self.form.crop_size.padded(multiple):
            raise UserError(f'{self.run.options}: crop_size cannot be {self.form.crop_size}, which is no multiple of '
                            f'{multiple}. Restore it, or move the folder away')
        if statistics not in (None, 'batch', 'moving') or not -2 ** 63 <= seed < 2 ** 63:
            raise UserError(f'statistics {statistics!r}, seed {seed!r}: give batch or moving, and a number of 64 bits')
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
        self.network(1, *self.form.crop_size)
        self.step = self.restore(path)

    @property
    def data(self):
        """What a file of another format must tell of the pictures: their PairFormat, size and kind."""
        return {**self.form._asdict(),
                **{name: self.options[name] for name in ('native_size', 'source_dtype', 'target_dtype')}}

    @property
    def ending(self):
        """Of the files that hold what it draws: '.png', '.tif' or '.npy'."""
        return outputs.ending_of(self.form, self.target_dtype, self.options['target_ending'])

    def restore(self, path):
        """Load the weights: the step of a run's newest checkpoint, or the name of the one at `path`."""
        with self.graph.as_default():
            if not self.saver:
                self.saver = checkpoint.new_saver()
                self.are_finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(v)) for v in self.drawn_with()])
            saver = self.saver
            if path == self.run.checkpoints:
                step = checkpoint.restore_latest(self.sess, saver, path)
            else:
                checkpoint.restore(self.sess, saver, path)
                step = os.path.basename(path)
            if not step:
                raise UserError(f'{path} has no checkpoint yet. A training saves the first after some epochs')
            self.checkpoint = path if path != self.run.checkpoints else checkpoint.prefix_of(path, step)
            if not self.sess.run(self.are_finite):
                raise UserError(f'{self.checkpoint}: there is NaN or infinity among the weights, which draw nothing. '
                                'Take an earlier checkpoint')
            self.sess.run(tf.local_variables_initializer())     # the copies of the weights
        return step

    def drawn_with(self):
        """The variables of the generator: the averages of the training, or the weights themselves."""
        return tf.global_variables((ema.SCOPE if self.averaged else '') + 'generator/')

    def weights(self):
        """What the network is drawn with, by name, 'generator/down1/w' and so on: float32 arrays."""
        scope = ema.SCOPE if self.averaged else ''
        with self.graph.as_default():
            return self.sess.run({v.op.name.removeprefix(scope): v for v in self.drawn_with()})

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
        """[N, H, W, source_channels] -> [N, H, W, target_channels], float32 in [-1, 1]; H and W multiples of
        architecture.multiple.

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

    def draw_sources(self, sources):
        """Sources of any sizes, [H, W, source_channels] in [-1, 1] -> yields their outputs, as large as they are.

        Small ones of one size go through the network several at once, large ones in tiles.
        """
        for size, group in itertools.groupby(sources, lambda source: self.size_in_a_batch(Size(*source.shape[:2]))):
            if not size:
                for source in group:
                    yield np.concatenate(list(drawing.draw_tiles(self, source, lambda tile: tile)))
                continue
            group, again = itertools.tee(group)
            drawn = self.forward_each(pad(source, self.architecture.multiple) for source in again)
            for source, output in zip(group, drawn):
                yield cut(output, *source.shape[:2])

    def draw_pair_sources(self, sources):
        """Sources of pairs, as draw_sources; each is brought to its size as the training does it, and back."""
        sources, again = itertools.tee(sources)
        form = self.form
        brought = (resized(source, Size(*source.shape[:2]).in_training(form.preprocess, form.crop_size),
                           nearest=bool(form.labels)) for source in again)
        for source, output in zip(sources, self.draw_sources(brought)):
            yield resized(output, Size(*source.shape[:2]))

    def __call__(self, picture):
        """A picture -> an array of the same size, and of the same type where pictures are gray or RGB; [H, W] or [H, W,
        target_channels].

        It is a path, a PIL image, or an array, [H, W] gray or [H, W, C]. Of a run on gray or RGB it is of uint8 or
        uint16; a path or a PIL image is drawn as a person sees it, upright and with its palette. Of another run it is
        in the units of the training's files, and so is what comes out. ImageError, ValueError where it cannot be.
        """
        with naming(picture):
            return self.draw(self.given(picture))

    def map(self, pictures):
        """An iterator over what the generator makes of each of these pictures, in order.

        They are taken up to four at a time, so an error of one may come up to three pictures early.
        Small ones of one size go through the network several at once, which is faster. Each has its own statistics, so
        the others change nothing of it. Here and there it may be a level of 255 off what a call gives, or what it is
        at another place, by rounding.
        """
        def size(picture):
            return self.size_in_a_batch(working_size(self, Size(*picture.shape[:2])))
        for small, group in itertools.groupby(map(self.given, pictures), size):
            if not small:
                yield from map(self.draw, group)
                continue
            group, again = itertools.tee(group)
            drawn = self.draw_sources(at_scale(self, picture) for picture in again)
            for picture, output in zip(group, drawn):
                yield without_one_channel(finished(self, output, picture))

    def size_in_a_batch(self, size):
        """The Size at which a small picture goes through the network; None for one that goes alone, or in tiles."""
        size = size.padded(self.architecture.multiple)
        return size if max(size) <= self.tile and images_at_once(*size) > 1 else None

    def given(self, picture):
        """A path, a PIL image or an array as an array [H, W, C]; ImageError or ValueError."""
        with naming(picture):
            if self.form.is_plain:
                pixels = as_array(picture)
            elif isinstance(picture, str | os.PathLike):
                pixels = read_samples(os.fspath(picture), as_stored=bool(self.form.source_range))
            else:
                pixels = in_own_bands(picture)
            return drawing.checked(self, pixels)

    def draw(self, picture):
        """[H, W, C] -> [H, W] or [H, W, target_channels]."""
        return drawing.draw(self, picture)

    def bands(self, picture):
        """The output of a picture of any size from top to bottom, at its own scale: yields bands of its rows, [h, W,
        target_channels].

        `picture` [H, W, C] has a shape and a dtype, and is sliced a tile at a time: not held.
        """
        return drawing.bands(self, picture)

    def as_source(self, picture):
        """[H, W, C] of a file's values -> float32 [H, W, source_channels] in [-1, 1]."""
        return drawing.as_source(self, picture)


@contextlib.contextmanager
def naming(picture):
    """A context in which what is wrong with a path is told with its name."""
    try:
        yield
    except ValueError as error:
        if isinstance(picture, str | os.PathLike):
            raise ImageError(f'{os.fspath(picture)!r}: {error}') from None
        raise


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

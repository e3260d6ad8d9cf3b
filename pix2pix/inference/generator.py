"""A trained generator as a function of pictures of any size."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

from pix2pix import devices
from pix2pix.images import arrays as images
from pix2pix.model.networks import LAYERS, MULTIPLE, STATISTICS, generator
from pix2pix.model.training_step import PRECISIONS
from pix2pix.run import checkpoint
from pix2pix.run import folder as run

NEEDED = ('layers', 'base_filters', 'keep_prob', 'source_channels', 'target_channels', 'crop_size', 'precision',
          'folder', 'direction', 'epochs')


class Generator:
    """A run's generator: Generator('checkpoints/facades')(picture) -> picture, both uint8 or both uint16.

    path        folder of a run, for its newest checkpoint, or one checkpoint, 'checkpoints/facades/model-20000'
    dropout     as in training (the original's way), or off
    statistics  of batch norm: 'batch', each picture's (tile's) own, or 'moving', those of the training; None: as the
                layer table has it
    seed        of the dropout masks, the same for every picture
    precision   'float32', 'bfloat16', 'auto', or None: that of the training
    tile        pixels a side that go through the network at once, a multiple of 256; larger pictures go in
                overlapping tiles
    Raises RunError or CheckpointError, which say what is missing or damaged.
    """

    def __init__(self, path, dropout=True, statistics=None, seed=0, precision=None, tile=1024):
        if tile < MULTIPLE or tile % MULTIPLE:
            raise run.RunError(f'--tile {tile}: must be a multiple of {MULTIPLE}')
        path = os.fspath(path).removesuffix('.index')
        self.run_dir = os.path.dirname(path) if os.path.exists(path + '.index') else path
        self.options = options = run.read_options(os.path.join(self.run_dir, 'options.json'), NEEDED)
        if options['layers'] not in LAYERS or options['precision'] not in PRECISIONS:
            raise run.RunError(f'{self.run_dir}/options.json: layers or precision are of no kind that is known here')
        self.statistics = statistics or STATISTICS[options['layers']]
        self.precision = devices.precision(precision or options['precision'])
        if self.statistics == 'batch' and options['layers'] == 'writeup':
            raise run.RunError('--statistics batch: the layers of the write-up normalise a 1x1 bottleneck, and one '
                               'image has no variance there; use --statistics moving')
        self.dropout, self.seed, self.tile = dropout, seed, tile
        self.graph, self.networks = tf.Graph(), {}
        self.sess = tf.Session(graph=self.graph, config=devices.session_config())
        self.network(options['crop_size'], options['crop_size'])
        with self.graph.as_default():
            saver = checkpoint.new_saver()
            if path == self.run_dir:
                self.step = checkpoint.restore_latest(self.sess, saver, path)
            else:
                checkpoint.restore(self.sess, saver, path)
                self.step = os.path.basename(path)
            if not self.step:
                raise run.RunError(f'{path}: no checkpoint yet; train.py writes the first after --save_every epochs')
            self.sess.run(tf.local_variables_initializer())     # the copies of the weights

    def network(self, height, width):
        """(source, output) of the graph for one size: fixed sizes are faster, and equal to training's to the bit."""
        if (height, width) not in self.networks:
            options, dtype = self.options, PRECISIONS[self.precision]
            with self.graph.as_default(), tf.variable_scope('', custom_getter=cast_once(dtype)):
                source = tf.placeholder(tf.float32, [1, height, width, options['source_channels']])
                output = generator(source, options['target_channels'], options['base_filters'], options['layers'],
                                   options['keep_prob'] if self.dropout else 1.0, [self.seed, 0], self.statistics,
                                   dtype)
            self.networks[height, width] = source, output
        return self.networks[height, width]

    def forward(self, source):
        """[H, W, source_channels] -> [H, W, target_channels], float32 in [-1, 1]; H and W multiples of 256."""
        placeholder, output = self.network(*source.shape[:2])
        return self.sess.run(output, {placeholder: source[None]})[0]

    def __call__(self, picture):
        """A picture, uint8 or uint16, [H, W] gray or [H, W, 3] RGB -> the same size and type, [H, W] or [H, W, 3]."""
        picture = np.asarray(picture)
        if picture.dtype not in (np.uint8, np.uint16) or picture.ndim not in (2, 3) or \
                picture.shape[2:] not in ((), (1,), (3,)) or 0 in picture.shape:
            raise ValueError(f'{picture.dtype} {list(picture.shape)}: give uint8 or uint16, [H, W] or [H, W, 3]')
        picture = picture.reshape(*picture.shape[:2], -1)
        output = np.empty([*picture.shape[:2], self.options['target_channels']], picture.dtype)
        top = 0
        for band in self.bands(picture):
            output[top:top + len(band)] = band
            top += len(band)
        return output[..., 0] if output.shape[-1] == 1 else output

    def bands(self, picture):
        """The output of a picture of any size from top to bottom: yields bands of its rows, [h, W, target_channels].

        `picture` [H, W, 1 or 3] has a shape and a dtype, uint8 or uint16, and is sliced a tile at a time: not held.
        """
        height, width = picture.shape[:2]
        rows, columns = (spans(size, self.tile) for size in (height, width))
        row_weights, column_weights = weights(rows), weights(columns)
        overlap = np.zeros([0, width, self.options['target_channels']], np.float32)     # the rows above: their share
        for i, (top, bottom) in enumerate(rows):
            band = np.zeros([bottom - top, *overlap.shape[1:]], np.float32)
            for j, (left, right) in enumerate(columns):
                source = images.to_channels(picture[top:bottom, left:right], self.options['source_channels'])
                band[:, left:right] += self.forward_any(images.to_float(source)) * column_weights[j][:, None]
            band *= row_weights[i][:, None, None]
            band[:len(overlap)] += overlap
            done = (rows[i + 1][0] if i + 1 < len(rows) else bottom) - top
            yield images.to_integer(band[:done], picture.dtype)
            overlap = band[done:].copy()

    def forward_any(self, source):
        """As forward, of any size: padded by reflection to multiples of 256, and cut back."""
        height, width = source.shape[:2]
        pads = [((-size % MULTIPLE) // 2, -(-(-size % MULTIPLE) // 2)) for size in (height, width)]
        output = self.forward(np.pad(source, [*pads, (0, 0)], 'reflect') if np.any(pads) else source)
        return output[pads[0][0]:, pads[1][0]:][:height, :width]


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


def spans(size, tile):
    """Tiles of one axis: (start, end), each of `tile`, evenly spread, overlapping by a quarter or more."""
    if size <= tile:
        return [(0, size)]
    count = -(-(size - tile // 4) // (tile - tile // 4))
    starts = [i * (size - tile) // (count - 1) for i in range(count)]
    return [(start, start + tile) for start in starts]


def weights(tiles):
    """The weights of each tile along its axis: rising over a quarter from its ends; at each pixel they add up to 1."""
    total, ramps = np.zeros(tiles[-1][1], np.float32), []
    for start, end in tiles:
        inside = np.arange(end - start, dtype=np.float32) + 0.5
        ramps.append(np.minimum(1, np.minimum(inside, inside[::-1]) / ((end - start) / 4)))
        total[start:end] += ramps[-1]
    return [ramp / total[start:end] for ramp, (start, end) in zip(ramps, tiles)]

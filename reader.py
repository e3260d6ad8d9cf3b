"""Files -> batches of (source, target), float32 in [-1, 1].

A pair is one image file, A on the left and B on the right in equal halves. Which files make up a batch, and how each
is cropped and mirrored, is a function of (seed, epoch, index) alone: a run that starts after step k reads what the
unbroken run reads from there.
"""

import contextlib
import os
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from pix2pix.devices import cpu_session
from pix2pix.errors import UserError, reason
from pix2pix.images import decode
from pix2pix.images.diagnose import first_unreadable
from pix2pix.images.folders import find_split, list_images
from pix2pix.images.formats import MAX_BYTES


class PairFormat(NamedTuple):
    """How a pair's file becomes a source and a target, in training and at test time."""
    direction: str              # AtoB: the left half is the source; BtoA: the right one
    crop_size: int              # of source and target, pixels a side
    source_channels: int        # 3, or 1: converted to gray
    target_channels: int


class Jitter(NamedTuple):
    """What training does to a pair besides, the same to both halves (section 3.3)."""
    load_size: int              # pixels a side that it is resized to, before a random crop of crop_size
    flip: bool                  # whether it is mirrored at random


class Pairs(NamedTuple):
    """The pairs of a data set: the names in `folder` to train on, the paths of those held out, and the names of the
    files beside both that are passed over; [] for none."""
    folder: str
    names: list
    held_out: list
    passed_over: list

    @classmethod
    def of(cls, dataset, held_out=True):
        """Those in train/ and its sub-folders, or in the folder itself alone, and those in val/, or else in test/."""
        train, held_out = find_split(dataset, 'train'), find_split(dataset, 'val', 'test') if held_out else None
        names, passed_over = list_images(train or dataset, sub_folders=bool(train))
        others, passed_over_too = list_images(held_out) if held_out else ([], [])
        return cls(train or dataset, names, [f'{held_out}/{name}' for name in others], passed_over + passed_over_too)

    @property
    def paths(self):
        """Those of the pairs to train on."""
        return [f'{self.folder}/{name}' for name in self.names]


class Order(NamedTuple):
    """The order in which pairs are read: batches from an endless stream of them, in which every epoch is a shuffle.

    Every pair is seen once an epoch and none is dropped: a batch may hold the end of one epoch and the beginning of the
    next.
    """
    images: int
    batch_size: int             # pairs a step, of all replicas together
    epochs: int
    seed: int

    @property
    def steps(self):
        """Steps that show every pair `epochs` times."""
        return self.steps_of(self.epochs)

    def steps_of(self, epochs):
        """Steps that show every pair so many times."""
        return -(-epochs * self.images // self.batch_size)

    def epoch_of(self, step):
        """Epochs done after a step; a fraction. The last step may show more pairs than the epochs have."""
        return step * self.batch_size / self.images

    def due(self, step, every):
        """Whether this step is the first to have seen every pair `every` epochs more, or the last of all."""
        before, now = (s * self.batch_size // (self.images * every) for s in (step - 1, step))
        return before < now or step == self.steps

    def shuffled_index(self, position):
        """A position in the stream -> (index of the pair, epoch), int64 tensors."""
        epoch = position // self.images
        seeds = tf.stack([tf.constant(self.seed, tf.int64), epoch])
        return tf.random.experimental.index_shuffle(position % self.images, seeds, self.images - 1), epoch

    def global_position(self, i, replica, replicas):
        """The i-th pair that a replica reads -> its position in the stream, of which a step takes batch_size."""
        share = self.batch_size // replicas
        return (i // share * replicas + replica) * share + i % share

    def indices_of(self, step, *, replica=0, replicas=1):
        """The indices of the pairs that a replica reads for a step (1 is the first), in the order of its batch."""
        share = self.batch_size // replicas
        positions = self.global_position(np.arange((step - 1) * share, step * share), replica, replicas)
        with tf.Graph().as_default(), cpu_session() as sess:
            return sess.run([self.shuffled_index(tf.constant(position))[0] for position in positions])


class Batches:
    """The training batches of one replica: `source` and `target` are the tensors of the next one."""

    def __init__(self, pairs, order, form, jitter, *, replica=0, replicas=1, parallel=None):
        self.pairs, self.order, self.replica, self.replicas = pairs, order, replica, replicas
        self.steps_done = tf.compat.v1.placeholder(tf.int64, [])
        self.iterator = tf.compat.v1.data.make_initializable_iterator(training_batches(
            pairs, order, form, jitter, steps_done=self.steps_done, replica=replica, replicas=replicas,
            parallel=parallel))
        self.source, self.target = self.iterator.get_next()

    def start(self, sess, *, after):
        """Begin with the batch after so many steps."""
        sess.run(self.iterator.initializer, {self.steps_done: after})

    @contextlib.contextmanager
    def naming_the_file(self, step):
        """A context in which an error of the step becomes an ImageError, where a file of its batch cannot be read."""
        try:
            yield
        except tf.errors.OpError as error:
            raise first_unreadable(self.files_of(step)) or error from None

    def files_of(self, step):
        """The paths of the pairs of a step, in the order of the batch."""
        return [f'{self.pairs.folder}/{self.pairs.names[i]}'
                for i in self.order.indices_of(step, replica=self.replica, replicas=self.replicas)]


def training_batches(pairs, order, form, jitter, *, steps_done=0, replica=0, replicas=1, parallel=None):
    """A Dataset of the batches after `steps_done`, which may be a tensor: (source, target), [N, crop, crop, channels].

    Each replica reads its equal share of a batch. `parallel` pairs are decoded at a time, by default one a core.
    """
    name_at, share = string_table(pairs.names), order.batch_size // replicas
    parallel = parallel or os.cpu_count()
    in_turn = large_ones_in_turn(MAX_BYTES // parallel)

    def read_pair(i):
        index, epoch = order.shuffled_index(order.global_position(i, replica, replicas))
        content = tf.io.read_file(tf.strings.join([pairs.folder, '/', name_at(index)]))
        both = in_turn(content, lambda: resize(decode_pair(content, form), jitter.load_size))
        seed = tf.random.experimental.stateless_fold_in(tf.stack([tf.constant(order.seed, tf.int64), epoch]), index)
        size = [form.crop_size, form.crop_size, form.source_channels + form.target_channels]
        both = tf.image.stateless_random_crop(both, size, seed)
        both = tf.image.stateless_random_flip_left_right(both, seed) if jitter.flip else both
        return tuple(tf.split(normalise(both), [form.source_channels, form.target_channels], axis=-1))
    data = tf.data.Dataset.range(tf.cast(steps_done, tf.int64) * share, order.steps * share)
    data = data.map(read_pair, num_parallel_calls=parallel, deterministic=True)
    return data.batch(share, drop_remainder=True).prefetch(2).with_options(no_autotune())


def large_ones_in_turn(limit):
    """A function (content of a file, work) -> what `work()` gives; of all files that become more bytes than the limit
    when decoded, it works on one at a time."""
    turn = tf.CriticalSection()

    def in_turn(content, work):
        return tf.cond(decode.declared_bytes(content) > limit, lambda: turn.execute(work), work)
    return in_turn


def no_autotune():
    """Its thread sleeps up to a minute, and closing the session waits for it."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def string_table(strings):
    """Strings -> a function of an index tensor that gives one of them. They are held in one string and the places
    where they end, 8 bytes each: as a tensor of strings a million took five seconds and a gigabyte."""
    encoded = [string.encode() for string in strings]
    text = tf.constant(b''.join(encoded))
    ends = tf.constant(np.cumsum([0] + [len(string) for string in encoded]), tf.int64)
    return lambda index: tf.strings.substr(text, ends[index], ends[index + 1] - ends[index])


def test_pair(path, form):
    """A pair as it is tested, resized whole: path -> (source, target), [1, size, size, channels] in [-1, 1]."""
    both = normalise(resize(decode_pair(tf.io.read_file(path), form), form.crop_size))
    return tf.split(both[None], [form.source_channels, form.target_channels], axis=-1)


def test_pairs(paths, form):
    """The pairs of `paths` one by one, read ahead: yields (source, target), [size, size, channels] in [-1, 1].

    ImageError names the first that cannot be read.
    """
    with tf.Graph().as_default(), cpu_session() as sess:
        data = tf.data.Dataset.from_tensor_slices(paths).map(
            lambda path: tuple(test_pair(path, form)), num_parallel_calls=2, deterministic=True).prefetch(2)
        pair = tf.compat.v1.data.make_one_shot_iterator(data.with_options(no_autotune())).get_next()
        for path in paths:
            try:
                source, target = sess.run(pair)
            except tf.errors.OpError as error:
                raise first_unreadable([path]) or UserError(reason(error)) from None
            yield source[0], target[0]


def decode_pair(content, form):
    """The bytes of a pair's file -> [H, W / 2, source_channels + target_channels] in [0, 255], source first."""
    image = decode.rgb_of(content)
    even = tf.debugging.Assert(tf.equal(tf.shape(image)[1] % 2, 0), ['odd width'])
    with tf.control_dependencies([even]):
        left, right = tf.split(image, 2, axis=1)
    source, target = (left, right) if form.direction == 'AtoB' else (right, left)
    return tf.concat([half if channels == 3 else decode.luma(half) for half, channels in
                      ((source, form.source_channels), (target, form.target_channels))], axis=-1)


def resize(image, size):
    """[H, W, C] -> [size, size, C], bilinear, averaging over what shrinks; the same size is left alone."""
    return tf.image.resize(image, [size, size], antialias=True)


def normalise(image):
    """[0, 255] -> [-1, 1]."""
    return image * (2 / 255) - 1

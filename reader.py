"""Files -> batches of (source, target), float32 in [-1, 1].

A pair is one image file, A on the left and B on the right in equal halves, or two files of one name in folders of A and
B. Which files make up a batch, and how each is cropped and mirrored, is a function of (seed, epoch, index) alone: a run
that starts after step k reads what the unbroken run reads from there.
"""

import contextlib
import math
import os
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from pix2pix.devices import cpu_session
from pix2pix.errors import UserError, reason
from pix2pix.images import decode
from pix2pix.images.folders import list_images
from pix2pix.images.formats import MAX_BYTES
from pix2pix.images.pairs import decode_contents, decode_pair, files_of, first_unreadable
from pix2pix.images.splits import Split, paths_of
from pix2pix.sizes import Size


class Jitter(NamedTuple):
    """What training does to a pair besides, the same to source and target (section 3.3)."""
    load_size: Size             # that it is brought to before a random crop; None: it stays as it is
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
        """Those of train, or in the folder itself alone; and those of val, or else of test."""
        train = Split.find(dataset, 'train') or Split(dataset, dataset, *list_images(dataset, sub_folders=False))
        others = Split.find(dataset, 'val', 'test', files=[len(files_of(train.names[0]))]) if held_out else None
        return cls(train.folder, train.names, others.paths if others else [],
                   train.passed_over + (others.passed_over if others else []))

    @property
    def paths(self):
        """Those of the pairs to train on."""
        return paths_of(self.folder, self.names)


class Order(NamedTuple):
    """The order in which pairs are read: batches from an endless stream of them, in which every epoch is a shuffle.

    Every pair is seen once an epoch and none is dropped: a batch may hold the end of one epoch and the beginning of the
    next.
    """
    images: int
    batch_size: int             # pairs a step, of all replicas together
    epochs: int
    seed: int
    changes: tuple = ()         # (step, images up to it) of each time that the data set became another one

    @property
    def first_step(self):
        """Steps that were done on other data. What is read after them is in an order of its own."""
        return self.changes[-1][0] if self.changes else 0

    @property
    def first_epoch(self):
        """Epochs that were done on other data; a Fraction."""
        steps = [0, *(step for step, _ in self.changes)]
        return sum(Fraction((end - start) * self.batch_size, images)
                   for start, end, (_, images) in zip(steps, steps[1:], self.changes))

    @property
    def steps(self):
        """Steps that show every pair `epochs` times."""
        return self.steps_of(self.epochs)

    def steps_of(self, epochs):
        """Steps after which so many epochs are done."""
        return self.first_step + math.ceil((epochs - self.first_epoch) * self.images / self.batch_size)

    def exact_epoch_of(self, step):
        return self.first_epoch + Fraction((step - self.first_step) * self.batch_size, self.images)

    def epoch_of(self, step):
        """Epochs done after a step; a fraction. The last step may show more pairs than the epochs have."""
        return float(self.exact_epoch_of(step))

    def whole_epoch_of(self, step):
        """Whole epochs done after a step, and no more than there are."""
        return min(int(self.exact_epoch_of(step)), self.epochs)

    def due(self, step, every):
        """Whether this step is the first to have seen every pair `every` epochs more, or the last of all."""
        before, now = (self.exact_epoch_of(s) // every for s in (step - 1, step))
        return before < now or step == self.steps

    def check_carries_on(self, steps_done):
        """UserError where a run would carry on before the data became what they are."""
        if steps_done < self.first_step:
            raise UserError(f'the data set changed at step {self.first_step:,}, and no checkpoint from there on can be '
                            f'read, but only that of step {steps_done:,}: accept the new data again, restore one, '
                            'or begin another run with its weights')

    def shuffled_index(self, position):
        """A position in the stream -> (index of the pair, epoch), int64 tensors."""
        epoch = position // self.images + math.ceil(self.first_epoch)
        seeds = tf.stack([tf.constant(self.seed, tf.int64), epoch])
        return tf.random.experimental.index_shuffle(position % self.images, seeds, self.images - 1), epoch

    def global_position(self, i, replica, replicas):
        """The i-th pair that a replica reads of this data -> its position in the stream, of which a step takes
        batch_size."""
        share = self.batch_size // replicas
        return (i // share * replicas + replica) * share + i % share

    def indices_of(self, step, *, replica=0, replicas=1):
        """The indices of the pairs that a replica reads for a step (1 is the first), in the order of its batch."""
        share = self.batch_size // replicas
        done = step - 1 - self.first_step
        positions = self.global_position(np.arange(done * share, (done + 1) * share), replica, replicas)
        with tf.Graph().as_default(), cpu_session() as sess:
            return sess.run([self.shuffled_index(tf.constant(position))[0] for position in positions])


class Batches:
    """The training batches of one replica: `source` and `target` are the tensors of the next one."""

    def __init__(self, pairs, order, form, jitter, *, replica=0, replicas=1, parallel=None):
        self.pairs, self.order, self.form, self.replica, self.replicas = pairs, order, form, replica, replicas
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
            raise first_unreadable(self.pairs_of(step), self.form) or error from None

    def pairs_of(self, step):
        """The paths of the pairs of a step, in the order of the batch."""
        indices = self.order.indices_of(step, replica=self.replica, replicas=self.replicas)
        return paths_of(self.pairs.folder, [self.pairs.names[i] for i in indices])


def training_batches(pairs, order, form, jitter, *, steps_done=0, replica=0, replicas=1, parallel=None):
    """A Dataset of the batches after `steps_done`, which may be a tensor: (source, target), [N, height, width,
    channels] of the crop.

    Each replica reads its equal share of a batch. `parallel` pairs are decoded at a time, by default one a core.
    """
    share, parallel = order.batch_size // replicas, parallel or os.cpu_count()
    names_at = [string_table(names) for names in zip(*map(files_of, pairs.names))]      # one of A and B, or two
    channels = [form.source_channels, form.target_channels]
    in_turn = large_ones_in_turn(MAX_BYTES // parallel)

    @tf.autograph.experimental.do_not_convert      # a look for Python in it took a second or two
    def read_pair(i):
        index, epoch = order.shuffled_index(order.global_position(i, replica, replicas))
        contents = [tf.io.read_file(tf.strings.join([pairs.folder, '/', at(index)])) for at in names_at]
        both = in_turn(contents, lambda: preprocess(*decode_contents(contents, form), form, jitter.load_size))
        seed = tf.random.experimental.stateless_fold_in(tf.stack([tf.constant(order.seed, tf.int64), epoch]), index)
        both = tf.image.stateless_random_crop(both, [*form.crop_size, sum(channels)], seed)
        both = tf.image.stateless_random_flip_left_right(both, seed) if jitter.flip else both
        return tuple(tf.split(normalise(both), channels, axis=-1))
    steps_done, steps = tf.cast(steps_done, tf.int64) - order.first_step, order.steps - order.first_step
    data = tf.data.Dataset.range(steps_done * share, steps * share)
    data = data.map(read_pair, num_parallel_calls=parallel, deterministic=True)
    return data.batch(share, drop_remainder=True).prefetch(2).with_options(no_autotune())


def large_ones_in_turn(limit):
    """A function (contents of files, work) -> what `work()` gives; where one of the files becomes more bytes than the
    limit when decoded, it works on one at a time."""
    turn = tf.CriticalSection()

    def in_turn(contents, work):
        largest = tf.reduce_max([decode.declared_bytes(content) for content in contents])
        return tf.cond(largest > limit, lambda: turn.execute(work), work)
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


def validation_pair(files, form):
    """A pair as validation and samples have it: (source, target), [1, height, width, channels] of the crop size, in
    [-1, 1].

    It is brought to its size as in training, but its middle is taken, and not mirrored. `files` is a tensor of one
    path, or of those of A and B.
    """
    both = preprocess(*decode_pair(files, form), form, form.crop_size)
    top, left = ((tf.shape(both)[axis] - side) // 2 for axis, side in enumerate(form.crop_size))
    both = tf.slice(both, [top, left, 0], [*form.crop_size, form.source_channels + form.target_channels])
    return tf.split(normalise(both)[None], [form.source_channels, form.target_channels], axis=-1)


def whole_pairs(paths, form):
    """The pairs of `paths` one by one at their own size, read ahead: yields (source, target), [H, W, C] in [-1, 1].

    ImageError names the first that cannot be read.
    """
    with tf.Graph().as_default(), cpu_session() as sess:
        data = tf.data.Dataset.from_tensor_slices([files_of(path) for path in paths]).map(
            lambda files: tuple(map(normalise, decode_pair(files, form))), num_parallel_calls=2, deterministic=True)
        pair = tf.compat.v1.data.make_one_shot_iterator(data.prefetch(2).with_options(no_autotune())).get_next()
        for path in paths:
            try:
                yield sess.run(pair)
            except tf.errors.OpError as error:
                raise first_unreadable([path], form) or UserError(reason(error)) from None


def preprocess(source, target, form, size):
    """Source and target as they are decoded -> both together, [H, W, C], of that size or larger, as form.preprocess
    has it."""
    if form.preprocess == 'crop':
        return tf.concat([source, target], axis=-1)
    if form.preprocess == 'none':
        missing = [wanted - tf.shape(source)[axis] for axis, wanted in enumerate(form.crop_size)]
        margins = [[side // 2, side - side // 2] for side in missing]
        fits = tf.reduce_all([(side >= 0) & (side < 2 ** form.depth) for side in missing])
        with tf.control_dependencies([tf.debugging.Assert(fits, ['another size'])]):
            return tf.pad(tf.concat([source, target], axis=-1), [*margins, [0, 0]], 'REFLECT')
    if form.preprocess == 'fit':
        size = covering(tf.shape(source)[:2], size)
    return tf.concat([resize(source, size, nearest=bool(form.labels)), resize(target, size)], axis=-1)


def covering(own, size):
    """As Size.covering, of tensors."""
    factor = tf.reduce_max(tf.constant(size, tf.float64) / tf.cast(own, tf.float64))
    return tf.maximum(tf.cast(tf.round(tf.cast(own, tf.float64) * factor), tf.int32), tf.constant(size))


def resize(image, size, nearest=False):
    """[H, W, C] -> [height, width, C], bilinear, averaging over what shrinks; or to the nearest, as classes are. The
    same size is left alone."""
    return tf.image.resize(image, size, 'nearest' if nearest else 'bilinear', antialias=not nearest)


def normalise(image):
    """[0, 255] -> [-1, 1]."""
    return image * (2 / 255) - 1

"""What the options leave to the data, and to the run that is there already: sizes, kinds of pictures, labels, --ema."""

import collections
import contextlib
import hashlib
import os

import tensorflow as tf

from pix2pix.errors import UserError
from pix2pix.flags import from_options
from pix2pix.images import samples
from pix2pix.images.findings import SAMPLE, spread
from pix2pix.images.form import PairFormat
from pix2pix.images.pairs import files_of, first_unreadable, source_file, target_file, try_pairs
from pix2pix.run import palettes
from pix2pix.run.checkpoint import newest_whole
from pix2pix.run.folder import is_decay
from pix2pix.sizes import Size

MOST = 32           # channels
EMA = 0.999         # of a new run, whose averaged weights draw better (docs/results.md)


def settle(opts, pairs, run, names):
    """Fill in what the pairs decide: native_size, target_dtype and target_ending, labels with their source_channels,
    and crop_size where pictures keep their size. A run that is there keeps its ema.

    pairs  paths of those to train on
    names  {name: '#rrggbb'} of colours whose meaning is known
    ImageError names a pair that cannot be read; UserError says where no labels are found.
    """
    opts.labels_asked, opts.labels = opts.labels, []
    form = from_options(PairFormat, {**vars(opts), 'preprocess': 'resize_and_crop'})
    saved = run.read_options(can_be={'ema': is_decay}) if run and run.has_begun() else None
    opts.ema_asked = opts.ema
    if opts.ema is None:
        opts.ema = saved['ema'] if saved else EMA
    size = None if saved and opts.crop_size else most_common_size(pairs, form)
    opts.native_size = saved['native_size'] if saved else size      # a run keeps its scale, or that it knows none
    opts.crop_size = opts.crop_size or size.padded(2 ** opts.depth)
    opts.source_dtype = opts.target_dtype = opts.target_ending = None
    if not form.is_plain:
        if size is None and (fault := first_unreadable(pairs[:1], form)):      # else it was read for its size
            raise fault
        opts.source_dtype, _ = kind_of(source_file(pairs[0], form))
        opts.target_dtype, opts.target_ending = kind_of(target_file(pairs[0], form))
    if opts.labels_asked:
        opts.labels = labels(opts.labels_asked, pairs, form, saved, names)
        opts.source_channels = len(opts.labels)


def hash_of(names):
    """Of the names of pairs: it changes where one comes, goes or is renamed."""
    return hashlib.sha256('\n'.join(map('\t'.join, map(files_of, names))).encode()).hexdigest()


def changes(run, names, *, accept):
    """[step, pairs up to it] of each time that the data set of a run became another one, with this time if the hash of
    the names is another one and that is accepted."""
    if not run.has_begun():
        return []
    saved = run.read_options()
    if not accept or 'names' not in saved:
        return saved['data_changes']
    step = newest_whole(run.checkpoints)
    before = [change for change in saved['data_changes'] if change[0] < step]
    since = [change for change in saved['data_changes'] if change[0] >= step]
    if saved['names'] == names and all(change[0] == step for change in since):
        return saved['data_changes']
    # A change at this step or behind it never took effect: up to here the pairs were those before it.
    return before + [[step, since[0][1] if since else saved['images']]]


def most_common_size(pairs, form):
    """The Size of source and target, of most of a few pairs."""
    sizes = collections.Counter()
    with contextlib.closing(try_pairs(spread(pairs, SAMPLE), form)) as looked_at:      # and its session
        for _, both, error in looked_at:
            if error:
                raise error
            sizes[Size(*both[0].shape[:2])] += 1
    return sizes.most_common(1)[0][0]


def kind_of(path):
    """(dtype, ending) of a file: outputs are written as the targets are."""
    with tf.io.gfile.GFile(path, 'rb') as file:
        dtype = samples.read(file.read()).values.dtype
    return dtype.name, os.path.splitext(path)[1].lower()


def labels(asked, pairs, form, saved, names):
    """The colours of label maps: of a palette.json, or of the saved options of the run, or those that are found."""
    if asked != 'auto':
        codes = list(palettes.names_in_file(asked).values())
    elif saved and saved['labels']:
        return saved['labels']
    else:
        codes = [colour.code for colour in palettes.found(pairs, form, names)]
    if not 2 <= len(codes) <= MOST:
        raise UserError(f'{len(codes)} labels, and 2 to {MOST} can be channels: '
                        + ('the sources are no label maps, or the other side is (direction). Name the colours in a '
                           'palette.json' if asked == 'auto' else f'see {asked}'))
    return codes

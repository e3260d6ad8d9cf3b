"""Run a checkpoint on the test pairs of its data set: python test.py --name facades"""

import argparse
import os
import sys

import pix2pix  # noqa: F401  first: keeps TensorFlow's start-up chatter off the terminal

# isort: split
import tensorflow.compat.v1 as tf
from tqdm import tqdm

import reader
from pix2pix import checkpoint, devices, images, run
from pix2pix.model import PRECISIONS
from pix2pix.networks import STATISTICS, generator


def parse(args=None):
    parser = argparse.ArgumentParser(description=__doc__)

    def add(flag, help, default=None, **how):
        parser.add_argument(flag, default=default, help=help if default is None else f'{help} (%(default)s)', **how)
    add('--name',                                 help='of the run: its newest checkpoint')
    add('--checkpoint',                           help='path of one checkpoint, e.g. checkpoints/facades/model-20000')
    add('--dataset',                              help='folder of pairs; default: the one of the training')
    add('--split',                                help='folder in it; default: test, or val where there is none')
    add('--limit',      type=int,                 help='only the first so many images')
    add('--output',                               help='folder of the results; default: samples/NAME/test')
    add('--statistics', choices=('batch', 'moving'), help="of batch norm: each image's own, as the original, or the "
                                                          'moving ones of the training; default: batch for '
                                                          '--layers paper, moving for writeup')
    parser.add_argument('--no_dropout', action='store_true', help='switch dropout off; the original leaves it on')
    add('--seed',       type=int, default=0,      help='of the dropout masks, the same for every image')
    add('--precision',  choices=('auto', 'float32', 'bfloat16'), help='default: that of the training')
    opts = parser.parse_args(args)
    if not opts.name and not opts.checkpoint:
        parser.error('give --name RUN or --checkpoint PATH')
    return opts


def main(opts):
    # The run's options say what was trained; no flag has to be repeated.
    run_dir = os.path.dirname(opts.checkpoint) if opts.checkpoint else os.path.join('checkpoints', opts.name)
    trained = argparse.Namespace(**run.read_options(os.path.join(run_dir, 'options.json')))
    opts.statistics = opts.statistics or STATISTICS[trained.layers]
    opts.precision = devices.precision(opts.precision or trained.precision)
    opts.output = opts.output or os.path.join('samples', opts.name or trained.name, 'test')
    if opts.statistics == 'batch' and trained.layers == 'writeup' and trained.crop_size == 256:
        raise run.RunError('--statistics batch: the layers of the write-up normalise a 1x1 bottleneck, and one image '
                           'has no variance there; use --statistics moving')
    folder = opts.dataset or trained.folder
    split = next((f'{folder}/{name}' for name in ([opts.split] if opts.split else ['test', 'val'])
                  if tf.io.gfile.isdir(f'{folder}/{name}')), None)
    if not split:
        raise run.RunError(f'{folder}: no folder {opts.split or "test or val"} in it; name one with --split, or '
                           'other pairs with --dataset')
    names = reader.list_images(split)[:opts.limit]
    stems = reader.unique_stems(names)

    # The graph: pairs one at a time, so that what comes out for one never depends on the others.
    pairs = tf.data.Dataset.from_tensor_slices([f'{split}/{name}' for name in names])
    pairs = pairs.map(lambda path: tuple(reader.whole_pair(path, trained.direction, trained.crop_size,
                                                           trained.source_channels, trained.target_channels)),
                      num_parallel_calls=2, deterministic=True).prefetch(2)
    source, target = tf.data.make_one_shot_iterator(pairs).get_next()
    output = generator(source, trained.target_channels, trained.base_filters, trained.layers,
                       1.0 if opts.no_dropout else trained.keep_prob, [opts.seed, 0], opts.statistics,
                       PRECISIONS[opts.precision])
    saver = checkpoint.new_saver()

    with tf.Session(config=devices.session_config()) as sess:
        if opts.checkpoint:
            checkpoint.restore(sess, saver, opts.checkpoint)
            step = os.path.basename(opts.checkpoint)
        else:
            step = checkpoint.restore_latest(sess, saver, run_dir)
            if not step:
                raise run.RunError(f'{run_dir}: no checkpoint yet; train.py writes the first after --save_every epochs')
        sess.graph.finalize()
        print(f'{devices.describe()}; {opts.precision}; checkpoint {step} of {run_dir}; {len(names)} images of '
              f'{split}; {opts.statistics} statistics, dropout {"off" if opts.no_dropout else "on"}')
        for name, stem in zip(tqdm(names, unit='image', disable=not sys.stderr.isatty()), stems):
            try:
                triple = sess.run([source, output, target])
            except tf.errors.OpError as error:
                raise reader.explain([f'{split}/{name}']) or error from None
            triple = [images.to_uint8(image[0]) for image in triple]
            images.write_png(os.path.join(opts.output, 'output', stem + '.png'), triple[1])
            images.write_png(os.path.join(opts.output, 'compare', stem + '.png'), images.grid([triple]))
    run.write_options(os.path.join(opts.output, 'options.json'), dict(vars(opts), step=step, split=split))
    print(f'open {opts.output}/compare (source | output | target) or {opts.output}/output')


if __name__ == '__main__':
    try:
        with tf.Graph().as_default():
            main(parse())
    except (reader.ReaderError, run.RunError, checkpoint.CheckpointError, OSError) as error:
        sys.exit(f'test.py: {error}')

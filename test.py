"""Run a checkpoint on the test pairs of its data set: python test.py --name facades
or on any pictures: python test.py --name facades --input FILE_OR_FOLDER --output FOLDER"""

import argparse
import contextlib
import itertools
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pix2pix

# isort: split
import tensorflow.compat.v1 as tf
from tqdm import tqdm

import reader
from datasets.download import fetch
from pix2pix import devices, files
from pix2pix.flags import adder, natural
from pix2pix.images import arrays as images
from pix2pix.images import large
from pix2pix.metrics import fid
from pix2pix.metrics import pixels as metrics
from pix2pix.run import checkpoint, log, report
from pix2pix.run import folder as run


def parse(args=None):
    parser = argparse.ArgumentParser(description=__doc__)

    add = adder(parser)

    def switch(flag, help):
        parser.add_argument(flag, action='store_true', help=help)
    add('--name',                                 help='of the run: its newest checkpoint')
    add('--best',       choices=('l1', 'ssim'),      help='its best checkpoint instead, by validation metric')
    add('--checkpoint',                           help='path of one checkpoint, e.g. checkpoints/facades/model-20000')
    add('--dataset',                              help='folder of pairs; default: the one of the training')
    add('--split',                                help='folder in it; default: test, or val where there is none')
    add('--limit',      type=natural,             help='only the first so many images')
    add('--input',                                help='instead of pairs: a picture, or a folder with sub-folders')
    add('--output',                               help='folder of the results; default: samples/NAME/test')
    switch('--overwrite',                         help='replace pictures that --output has already')
    add('--tile',       type=natural,             help='larger pictures go in tiles of so many pixels a side; '
                                                       'default: 1024')
    add('--statistics', choices=('batch', 'moving'), help="of batch norm: each image's own, as the original, or the "
                                                          'moving ones of the training; default: batch for '
                                                          '--layers paper, moving for writeup')
    switch('--no_dropout',                        help='switch dropout off; the original leaves it on')
    add('--seed',       type=int, default=0,      help='of the dropout masks, the same for every image')
    add('--precision',  choices=('auto', 'float32', 'bfloat16'), help='default: that of the training')
    switch('--fid',                               help='FID and KID too')
    add('--inception',                            help='file of the Inception graph; default: downloaded once')
    opts = parser.parse_args(args)
    if not opts.name and not opts.checkpoint:
        parser.error('give --name RUN or --checkpoint PATH')
    if opts.best and opts.checkpoint:
        parser.error('--best picks the checkpoint: give it --name, and no --checkpoint')
    if opts.input is not None and not (opts.input and opts.output):
        parser.error('--input needs a FILE or FOLDER, and --output FOLDER')
    for flag in ('dataset', 'split', 'fid', 'limit'):
        if opts.input and getattr(opts, flag):
            parser.error(f'--{flag} is for pairs, --input for pictures without a target')
    for flag, other in ('tile', 'input'), ('overwrite', 'input'), ('inception', 'fid'):
        if getattr(opts, flag) and not getattr(opts, other):
            parser.error(f'--{flag} goes with --{other}')
    return opts


def main(opts):
    path = opts.checkpoint or os.path.join('checkpoints', opts.name)
    if opts.best:
        run.read_options(os.path.join(path, 'options.json'))
        lines = log.read(os.path.join(path, 'metrics.jsonl'))
        step = metrics.best_step(lines, opts.best, checkpoint.steps_in(path)) if lines else None
        if not step:
            raise run.RunError(f'{path}: none of its checkpoints was validated; train.py --keep_best {opts.best} '
                               'keeps the best')
        best = metrics.best_step(lines, opts.best, {line['step'] for line in lines})
        if best != step:
            print(f'the best {opts.best} was after step {best:,}, whose checkpoint is gone; of those left it is that '
                  f'of {step:,}; train.py --keep_best {opts.best} keeps the best')
        path = checkpoint.prefix_of(path, step)
    generator = pix2pix.Generator(path, not opts.no_dropout, opts.statistics, opts.seed, opts.precision,
                                  opts.tile or 1024)
    name = os.path.basename(os.path.abspath(generator.run_dir))
    if opts.name and os.path.basename(os.path.abspath(opts.name)) != name:
        raise run.RunError(f'--checkpoint {opts.checkpoint} is of {name}, not of --name {opts.name}: leave one out')
    print(f'{devices.describe()}; {generator.precision}; checkpoint {generator.step} of {generator.run_dir}; '
          f'{generator.statistics} statistics, dropout {"on" if generator.dropout else "off"}')
    if opts.input:
        translate(opts, generator)
    else:
        evaluate(opts, generator, name)


def evaluate(opts, generator, name):
    """Pairs of the run `name`: pictures of source, output and target, and metrics."""
    trained = generator.options
    folder, samples = opts.dataset or trained['folder'], os.path.join('samples', name)
    output = opts.output or os.path.join(samples, 'test')
    split = next((f'{folder}/{name}' for name in ([opts.split] if opts.split else ['test', 'val'])
                  if tf.io.gfile.isdir(f'{folder}/{name}')), None)
    if not split:
        raise run.RunError(f'{folder}: no folder {opts.split or "test or val"} in it; name one with --split, other '
                           'pairs with --dataset, or single pictures with --input')
    names = reader.list_images(split)[:opts.limit]
    print(f'{len(names):,} images of {split}')
    if os.path.exists(os.path.join(output, 'metrics.json')):
        print(f'{output} has results already; those of the same name are replaced')
    paths = [f'{split}/{name}' for name in names]
    how = [trained[name] for name in ('direction', 'crop_size', 'source_channels', 'target_channels')]
    if opts.fid and len(names) < 2:
        raise run.RunError('--fid needs two images or more')
    compare, inception = metrics.Comparison(), fid.Inception(opts.inception, fetch) if opts.fid else None
    stems = reader.unique_stems(names)
    results, features = {}, []

    def finish(stem, triple):
        """Write and judge one image's source, output and target, while the network draws the next."""
        triple = [images.to_uint8(image) for image in triple]
        images.write_png(os.path.join(output, 'output', stem + '.png'), triple[1])
        images.write_png(os.path.join(output, 'compare', stem + '.png'), images.grid([triple]))
        results[stem] = compare(triple[1], triple[2])
        if inception:
            features.append([inception(image) for image in triple[1:]])
    with contextlib.closing(reader.whole_pairs(paths, *how)) as pairs, ThreadPoolExecutor(1) as beside:
        finished = None
        for stem, (source, target) in zip(tqdm(stems, unit='image', disable=not sys.stderr.isatty()), pairs):
            drawn = generator.forward(source)
            if finished:
                finished.result()       # raises its error, and holds no more than one image
            finished = beside.submit(finish, stem, (source, drawn, target))
        finished.result()
    summary = {'count': len(results), **metrics.mean(results.values())}
    print(metrics.table(results))
    if inception:
        summary.update(fid.distances(features))
        print(f'FID {summary["fid"]:.2f}  KID {summary["kid"]:.5f}  of {len(results):,} images'
              + (f'; under {fid.FEW:,} they say little' if len(results) < fid.FEW else ''))
    for name, values in [('options', dict(vars(opts), step=generator.step, split=split)),
                         ('metrics', {'checkpoint': generator.step, 'split': split, **summary, 'images': results})]:
        files.write(os.path.join(output, name + '.json'), json.dumps(values, indent=1) + '\n')
    page = os.path.join(opts.output or samples, 'index.html')
    report.write(page, generator.run_dir, samples, output, run.is_locked(generator.run_dir))
    print(f'open {page}, or {output}/compare (source | output | target), {output}/output')


def translate(opts, generator):
    """Pictures without a target: each to a PNG of its size; one that cannot be read is named and the others go on."""
    if os.path.realpath(opts.input) == os.path.realpath(opts.output):
        raise run.RunError(f'--output {opts.output} is the folder of --input: give another')
    if os.path.exists(opts.output) and not os.path.isdir(opts.output):
        raise run.RunError(f'--output {opts.output} is a file: give a folder')
    names = reader.walk(opts.input, opts.output)
    folder = opts.input if os.path.isdir(opts.input) else os.path.dirname(opts.input)
    paths = {os.path.join(folder, name): os.path.join(opts.output, stem + '.png')
             for name, stem in zip(names, reader.unique_stems(names))}
    same = [path for path in paths if os.path.realpath(path) == os.path.realpath(paths[path])]
    if same:
        raise run.RunError(f'{same[0]} would be replaced by its own output: give another --output')
    there = [path for path in paths if os.path.exists(paths[path]) and not opts.overwrite]
    todo = [path for path in paths if path not in there]
    pictures = (item for is_large, group in itertools.groupby(todo, large.is_large)
                for item in (((path, None, None) for path in group) if is_large else reader.pictures(group)))
    os.makedirs(opts.output, exist_ok=True)
    failed = 0
    for path, picture, error in tqdm(pictures, total=len(todo), unit='image', disable=not sys.stderr.isatty()):
        try:
            if error:
                raise error
            if picture is None:     # a large one
                picture = large.Picture(path, opts.output)
                large.write_png(paths[path], picture.shape[0], generator.bands(picture))
            else:
                images.write_png(paths[path], generator(picture))
        except (reader.ReaderError, OSError) as error:
            failed += 1
            tqdm.write(f'test.py: {error}', file=sys.stderr)
    print(f'{len(todo) - failed:,} pictures in {opts.output}')
    if there:
        print(f'{len(there):,} were there already, such as {paths[there[0]]}, and were left alone; --overwrite '
              'replaces them', file=sys.stderr)
    if failed or there:
        sys.exit(1)


if __name__ == '__main__':
    try:
        main(parse())
    except KeyboardInterrupt:
        sys.exit(130)
    except (reader.ReaderError, run.RunError, checkpoint.CheckpointError, fid.FidError, OSError) as error:
        sys.exit(f'test.py: {error}')
    except tf.errors.OpError as error:
        sys.exit(f'test.py: {checkpoint.reason(error)}')

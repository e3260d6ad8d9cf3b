"""Run a checkpoint on the test pairs of its data set: python test.py --name facades
or on any pictures: python test.py --name facades --input FILE_OR_FOLDER --output FOLDER"""

import collections
import contextlib
import itertools
import json
import os
import sys

from datasets import sides
from pix2pix import script
from pix2pix.errors import UserError, count
from pix2pix.flags import Parser, adder, from_options, natural, whole
from pix2pix.inference import TILE
from pix2pix.metrics import BEST_BY
from pix2pix.model.architecture import PRECISIONS


def parse(args=None):
    parser = Parser(__doc__)

    add = adder(parser, 'which checkpoint')
    add('--name',                                 help='name of the run, for its newest checkpoint')
    add('--best',       choices=BEST_BY,          help='take its best checkpoint, by this validation metric')
    add('--checkpoint',                           help='path of one checkpoint, e.g. checkpoints/facades/model-20000')

    add = adder(parser, 'pairs: pictures, metrics and a page')
    add('--dataset',                              help='folder of pairs, or a name of the catalogue; default: that of '
                                                       'the training')
    add('--split',                                help='folder in it; default: test, or val if there is none')
    add('--limit',      type=natural,             help='only the first so many images')
    add('--fid',        action='store_true',      help='compute FID and KID too')
    add('--inception',                            help='file of the Inception graph; default: downloaded once')
    add('--perceptual', action='store_true',      help='compute a perceptual and a Frechet distance too, on SqueezeNet')

    add = adder(parser, 'pictures without a target, of any size')
    add('--input',                                help='a picture, or a folder with sub-folders')
    add('--overwrite',  action='store_true',      help='replace pictures that --output has already')
    add('--native',     action='store_true',      help='draw them at their own scale, not at that of the training')
    add('--tile',       type=natural,             help='larger pictures go in tiles of so many pixels a side; '
                                                       f'default: {TILE}')

    add = adder(parser, 'both')
    add('--output',                               help='folder of the results; default for pairs: samples/NAME/test')
    add('--statistics', choices=('batch', 'moving'), help='statistics of batch norm: batch, those of each image, as in '
                                                          'the original; or moving, those of the training; '
                                                          'default: batch, but moving for --layers writeup')
    add('--raw',        action='store_true',      help='draw with the weights as the last step left them, and not with '
                                                       'their average, where train.py --ema keeps one')
    add('--no_dropout', action='store_true',      help='switch dropout off; the original leaves it on')
    add('--seed',       type=whole, default=0,    help='seed of the dropout masks, the same for every image')
    add('--precision',  choices=('auto', *PRECISIONS), help='type of the convolutions; default: that of the training, '
                                                            'but float32 where the hardware has no bfloat16')

    opts = parser.parse_args(args)
    if not opts.name and not opts.checkpoint:
        parser.error('give --name RUN or --checkpoint PATH')
    if opts.best and opts.checkpoint:
        parser.error('--best picks the checkpoint: give it --name, and no --checkpoint')
    if opts.input is not None and not (opts.input and opts.output):
        parser.error('--input needs a FILE or FOLDER, and --output FOLDER')
    for flag in ('dataset', 'split', 'fid', 'perceptual', 'limit'):
        if opts.input and getattr(opts, flag):
            parser.error(f'--{flag} is for pairs, --input for pictures without a target')
    for flag, other in ('tile', 'input'), ('native', 'input'), ('overwrite', 'input'), ('inception', 'fid'):
        if getattr(opts, flag) and not getattr(opts, other):
            parser.error(f'--{flag} goes with --{other}')
    return opts


def check_there(opts):
    """UserError where the run or the pictures are not there."""
    run = None if opts.checkpoint else os.path.join('checkpoints', opts.name)
    if run and not os.path.isdir(run):
        raise UserError(f'{run}: no such folder. Is the run name right? Training makes it')
    if opts.input and not os.path.exists(opts.input):
        raise UserError(f'{opts.input}: no such file or folder')
    if opts.dataset:
        sides.check_there(opts.dataset)


# Before TensorFlow is loaded: a mistake is answered at once.
OPTS = script.begin(parse, check_there) if __name__ == '__main__' else None

import pix2pix.quiet  # noqa: F401

# isort: split
import numpy as np
from tqdm import tqdm

import reader
from datasets.catalogue import CATALOGUE
from datasets.locate import locate
from pix2pix import devices, files
from pix2pix.images import decode, large, outputs, png, units
from pix2pix.images.arrays import grid, to_integer
from pix2pix.images.diagnose import ImageError
from pix2pix.images.listing import describe_passed_over, list_images_under, sides_of, unique_stems
from pix2pix.images.pairs import files_of, target_file
from pix2pix.images.pictures import read_each, read_pictures
from pix2pix.images.splits import Split
from pix2pix.images.view import View
from pix2pix.inference.drawing import checked, describe_scale, working_size
from pix2pix.inference.generator import Generator
from pix2pix.metrics import fid, perceptual, pixels, table
from pix2pix.metrics.evaluate import evaluate
from pix2pix.run import report
from pix2pix.run.best import checkpoint_of
from pix2pix.run.folder import Run, TestResults
from pix2pix.sizes import Size


def main(opts):
    """Test, and return the exit status."""
    # Which checkpoint, and how it is run.
    path = opts.checkpoint or checkpoint_of(Run.named(opts.name), best=opts.best)
    generator = Generator(path, dropout=not opts.no_dropout, statistics=opts.statistics, seed=opts.seed,
                          precision=opts.precision, raw=opts.raw, tile=opts.tile or TILE, native=opts.native)
    run = generator.run
    if opts.name and os.path.basename(os.path.abspath(opts.name)) != run.name:
        raise UserError(f'--checkpoint {opts.checkpoint} is of {run.name}, not of --name {opts.name}: leave one out')
    norm = f'{generator.statistics} statistics' if generator.architecture.norm == 'batch' else 'instance norm'
    print(f'{devices.describe()}; {generator.architecture.precision}; checkpoint {generator.step} of '
          f'{run.checkpoints}; {norm}, dropout {"on" if generator.dropout else "off"}'
          + ('; averaged weights' if generator.averaged else ''),
          *devices.warnings(generator.architecture.precision), sep='\n')
    return draw_pictures(opts, generator) if opts.input else draw_pairs(opts, generator)


def draw_pairs(opts, generator):
    """Pairs of a data set: pictures of source, output and target, metrics, and the run's page."""
    # Which pairs, read as they were in training.
    run, trained = generator.run, generator.options
    folder = locate(opts.dataset) if opts.dataset in CATALOGUE else opts.dataset or trained['folder']
    results = TestResults(opts.output) if opts.output else run.test
    if not folder:
        raise UserError(f'{run.name} was imported, so its data set is not known here: name one with '
                        '--dataset, or single pictures with --input')
    if not files.is_remote(folder) and not os.path.isdir(folder):
        raise UserError(f'{folder}, on which {run.name} was trained, is not there any more: name another with '
                        '--dataset, or single pictures with --input')
    split = Split.find(folder, *([opts.split] if opts.split else ['test', 'val']))
    if not split:
        raise UserError(sides.not_joined(folder) or f'{folder} has no folder {opts.split or "test or val"} in it. Name '
                        'one with --split, other pairs with --dataset, or single pictures with --input')
    split = split._replace(names=split.names[:opts.limit])
    print(f'{count(len(split.names), "image")} of {split.title}', *describe_passed_over(split.passed_over), sep='\n')
    for flag in 'fid', 'perceptual':
        if getattr(opts, flag) and len(split.names) < 2:
            raise UserError(f'--{flag} needs two images or more')
    check_apart(results, folder, opts.split or 'test')
    if os.path.exists(results.metrics):
        print(f'{results.folder} has results already; those of the same name are replaced')
    form, view = generator.form, from_options(View, trained)
    paths = dict(zip(unique_stems([files_of(name)[0] for name in split.names]), split.paths))
    inception, features = fid.Inception(opts.inception) if opts.fid else None, []
    means = []
    compare = perceptual.Comparison(view, means) if opts.perceptual else pixels.Comparison()

    # Draw each, and write and judge it while the network draws the next.
    def draw():
        # A session left open by an error would be waited for without end.
        with contextlib.closing(reader.whole_pairs(split.paths, form)) as pairs:
            pairs, again = itertools.tee(pairs)
            drawn = generator.draw_pair_sources(source for source, _ in again)
            for stem, (source, target), output in zip(tqdm(paths, unit='image', disable=None), pairs, drawn):
                yield stem, [source, output, target]

    def keep(stem, images, pictures):
        if not form.is_plain:
            output = units.restored(images[1], generator.target_dtype, form.target_range)
        else:
            fine = decode.bits(target_file(paths[stem], form)) == 16
            output = to_integer(images[1], np.uint16) if fine else pictures[1]
        outputs.write(results.output(stem, generator.ending), output)
        shown = view(images)
        png.write(results.comparison(stem), grid([shown]))
        if inception:
            features.append([inception(picture) for picture in shown[1:]])
    with contextlib.closing(draw()) as drawn:
        images = evaluate(drawn, compare, keep)

    # The metrics: on the terminal, in a file, and on the page.
    summary = {'count': len(images), **table.mean(images.values())}
    print(table.text(images))
    if inception:
        summary.update(fid.distances(features))
        print(f'FID {summary["fid"]:.2f}  KID {summary["kid"]:.5f}  of {len(images):,} images'
              + (f'; under {fid.FEW:,} they say little' if len(images) < fid.FEW else ''))
    if means:
        summary['frechet_squeezenet'] = fid.frechet(*np.stack(means, 1))
        print(f'Frechet distance (SqueezeNet) {summary["frechet_squeezenet"]:.1f}  of {len(images):,} images')
    tested = {'checkpoint': generator.step, 'split': split.title, **summary, 'images': images}
    asked = {**vars(opts), 'step': generator.step, 'split': split.title}
    files.write(results.metrics, json.dumps(tested, indent=1) + '\n')
    files.write(results.options, json.dumps(asked, indent=1) + '\n')
    page = os.path.join(opts.output, 'index.html') if opts.output else run.page
    report.write(run, page=page, results=results, training=run.is_locked())
    print(f'open {page}, or {results.comparisons} (source | output | target), {results.outputs}')
    return 0


def check_apart(results, data, split):
    """UserError where the results would replace the options of a run, or become pairs of the folder `data`."""
    of_a_test = os.path.exists(results.metrics) or os.path.isdir(results.outputs)
    if os.path.exists(results.options) and not of_a_test:
        raise UserError(f'{results.folder} has an options.json of something else, such as a run: give another --output')
    page = os.path.join(results.folder, 'index.html')
    if os.path.exists(page) and not of_a_test:
        raise UserError(f'{page} is there already, and is of something else: give another --output')
    for name in 'train', 'val', 'test', split:
        for folder in (os.path.join(data, name), *(sides_of(data, name) or ())):
            if os.path.join(os.path.realpath(results.folder), '').startswith(os.path.realpath(folder) + os.sep):
                raise UserError(f'--output {results.folder} lies among the pairs in {folder}: give one elsewhere')


def draw_pictures(opts, generator):
    """Pictures without a target: each to a PNG of its size. One that cannot be read is named, and the others go on."""
    # Which picture goes to which file. Nothing that is there is replaced unasked, and no picture by its own output.
    paths, passed_over = outputs_of(opts.input, opts.output, generator.ending)
    print(describe_scale(generator))
    there = [path for path in paths if os.path.exists(paths[path]) and not opts.overwrite]
    todo = sorted(paths.keys() - set(there))

    # Draw each: large ones one by one, without holding them, and small ones several at once.
    os.makedirs(opts.output, exist_ok=True)
    failed, waiting = [], collections.deque()

    @contextlib.contextmanager
    def naming_faults():
        try:
            yield
        except (ImageError, OSError) as error:
            failed.append(error)
            tqdm.write(f'{script.name()}: {error}', file=sys.stderr)

    def small_pictures():
        for path, picture, error in tqdm(read_small(todo, generator), total=len(todo), unit='image', disable=None):
            if picture is not None and not (error := misfit(generator, path, picture)):
                waiting.append(path)
                yield picture
                continue
            with naming_faults():
                if error:
                    raise error
                picture = large.Picture(path, opts.output)
                draw_large(generator, path, picture, paths[path])
                del picture         # and its scratch file, before the next one
    for output in generator.map(small_pictures()):
        with naming_faults():
            outputs.write(paths[waiting.popleft()], output)

    # Say what was drawn, and what was not.
    print(f'{count(len(todo) - len(failed), "picture")} in {opts.output}', *describe_passed_over(passed_over), sep='\n')
    if there:
        print(f'{len(there):,} were there already, such as {paths[there[0]]}, and were left alone; --overwrite '
              'replaces them', file=sys.stderr)
    return 1 if failed or there else 0


def outputs_of(source, output, ending='.png'):
    """Pictures -> files of that ending in the folder `output`: a dict of paths, in sub-folders as the pictures are.

    Returns it, and the names of the files that are passed over.
    """
    if os.path.realpath(source) == os.path.realpath(output):
        raise UserError(f'--output {output} is the folder of --input: give another')
    if os.path.exists(output) and not os.path.isdir(output):
        raise UserError(f'--output {output} is a file: give a folder')
    names, passed_over = list_images_under(source, without=output)
    folder = source if os.path.isdir(source) else os.path.dirname(source)
    paths = {os.path.join(folder, name): os.path.join(output, stem + ending)
             for name, stem in zip(names, unique_stems(names))}
    same = [path for path in paths if os.path.realpath(path) == os.path.realpath(paths[path])]
    if same:
        raise UserError(f'{same[0]} would be replaced by its own output: give another --output')
    return paths, passed_over


def read_small(paths, generator):
    """As read_pictures, but large ones are left to the caller: (path, None, None)."""
    if not generator.form.is_plain:
        yield from read_each(paths, as_stored=bool(generator.form.source_range))
        return
    for is_large, group in itertools.groupby(paths, large.is_large):
        group = list(group)
        yield from ((path, None, None) for path in group) if is_large else read_pictures(group)


def misfit(generator, path, picture):
    """Why a picture cannot be drawn from, as an ImageError, or None: other channels, a value or a label of its own."""
    if generator.form.is_plain and not generator.form.labels:
        return None
    try:
        generator.as_source(checked(generator, picture))
    except ValueError as error:
        return ImageError(f'{path!r}: {error}')
    return None


def draw_large(generator, path, picture, output):
    """A picture that is not held in memory -> a PNG; ImageError where it would have to be resized, or has a colour
    that is none of the labels."""
    size = Size(*picture.shape[:2])
    if working_size(generator, size) != size:
        raise ImageError(f'{path}: {size.in_words} pixels are too many to be brought to the scale of the training; '
                         '--native draws them at their own')
    try:
        png.write_bands(output, picture.shape[0], generator.bands(picture))
    except ValueError as error:     # a colour that is none of the labels
        raise ImageError(f'{path}: {error}') from None


if __name__ == '__main__':
    script.end(main, OPTS)

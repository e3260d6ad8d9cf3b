"""Write a run's generator in the format of another runtime, and check what it draws there."""

import importlib.util
import os
from typing import NamedTuple

from pix2pix import script
from pix2pix.errors import UserError
from pix2pix.export import WEIGHTS
from pix2pix.flags import Parser, adder
from pix2pix.metrics import BEST_BY
from pix2pix.sizes import size


class Format(NamedTuple):
    writer: str         # the module that has write()
    needs: tuple        # the packages that it needs
    runtime: str        # the package that runs what it writes
    weights: tuple      # the kinds that it can write; the first is the default


FORMATS = {'onnx':       Format('pix2pix.export.to_onnx', ('onnx',), 'onnxruntime', WEIGHTS),
           'savedmodel': Format('pix2pix.export.to_savedmodel', (), 'tensorflow', ('float32',)),
           'tflite':     Format('pix2pix.export.to_tflite', (), 'ai_edge_litert', WEIGHTS),
           'page':       Format('pix2pix.draw.to_page', ('onnx', 'onnxruntime'), 'onnxruntime',
                                ('int8', 'float16')),
           'pytorch':    Format('pix2pix.export.to_pytorch', (), 'torch', ('float32',))}
MISSING = 'pip install -r requirements-export.txt'


def parse(args=None):
    parser = Parser(__doc__, prog='python -m pix2pix.export')
    add = adder(parser, 'what is written')
    add('--name',                                  help='name of the run, for its newest checkpoint')
    add('--best',       choices=BEST_BY,           help='take its best checkpoint, by this validation metric')
    add('--checkpoint',                            help='path of one checkpoint, e.g. checkpoints/facades/model-20000')
    add('--raw',        action='store_true',       help='take the weights as the last step left them, and not their '
                                                        'average, where the run keeps one')
    add('--to',         nargs='+', choices=FORMATS, help='formats, one or several', required=True)
    add('--weights',    nargs='+', choices=WEIGHTS, help='of which bits the weights are in the file, one or several; '
                                                        'default: float32, but int8 for page')
    add('--statistics', choices=('batch', 'moving'), help='statistics of batch norm, as of test.py')
    add('--dropout',    action='store_true',       help='with dropout, by the masks that test.py draws with; it fixes '
                                                        'the size, and pytorch has masks of its own')
    add('--folder',     action='store_true',       help='write page as a folder for a web server, with the model '
                                                        'beside the page')
    add('--size',       type=size, metavar='HxW', help='pixels of the pictures, for tflite and --dropout alone; '
                                                        'default: those of the training')
    opts = parser.parse_args(args)
    if bool(opts.name) == bool(opts.checkpoint):
        parser.error('give --name RUN or --checkpoint PATH')
    if opts.best and opts.checkpoint:
        parser.error('--best picks the checkpoint: give it --name, and no --checkpoint')
    if opts.dropout and 'pytorch' in opts.to:
        parser.error('--dropout is not for --to pytorch: the port draws masks of its own')
    if opts.size and 'tflite' not in opts.to and not opts.dropout:
        parser.error('--size is for --to tflite and for --dropout: the other files take any size')
    if opts.size and 'page' in opts.to:
        parser.error('--size is not for --to page, which draws at the size of the training')
    if opts.folder and 'page' not in opts.to:
        parser.error('--folder is for --to page')
    for target in opts.to:
        kinds = FORMATS[target].weights
        for package in FORMATS[target].needs:
            if importlib.util.find_spec(package) is None:
                parser.error(f'--to {target} needs the package {package}: {MISSING}')
        for weights in opts.weights or ():
            if weights not in kinds:
                parser.error(f'--to {target} has no weights of {weights}, only of {", ".join(kinds)}')
    return opts


def check_there(opts):
    """UserError where the run is not there."""
    run = os.path.dirname(opts.checkpoint) or '.' if opts.checkpoint else os.path.join('checkpoints', opts.name)
    if not os.path.isdir(run):
        raise UserError(f'{run}: no such folder. Is the run name right? Training makes it')


# Before TensorFlow is loaded: a mistake is answered at once.
OPTS = script.begin(parse, check_there) if __name__ == '__main__' else None

import pix2pix.quiet  # noqa: F401

# isort: split
import json
import shutil
import sys
import tempfile

import tensorflow.compat.v1 as tf

from pix2pix import files
from pix2pix.errors import reason
from pix2pix.export import parity, readme, to_savedmodel
from pix2pix.inference.generator import Generator
from pix2pix.run import palettes, report
from pix2pix.run.best import checkpoint_of
from pix2pix.run.folder import Run


def main(opts):
    """Export, and return the exit status."""
    # The generator as it is exported, and compared with what is exported: in float32.
    generator = Generator(opts.checkpoint or checkpoint_of(Run.named(opts.name), best=opts.best), dropout=opts.dropout,
                          statistics=opts.statistics, raw=opts.raw, precision='float32')
    folder = generator.run.exported
    print(f'checkpoint {generator.step} of {generator.run.checkpoints}; {generator.statistics} statistics, dropout '
          + ('on' if opts.dropout else 'off') + ('; averaged weights' if generator.averaged else ''))

    # Each file, kept if its own runtime draws the same with it.
    palette = [{'code': colour.code, 'name': colour.name} for colour in palettes.read(generator.run)]
    multiple = generator.architecture.multiple
    if opts.size and opts.size != opts.size.padded(multiple):
        raise UserError(f'--size {opts.size}: height and width must be multiples of {multiple}')
    rows, status, examples = [], 0, {}
    for target, weights in wanted(opts):
        fixed = None    # any size
        if target == 'tflite' or opts.dropout:
            fixed = generator.form.crop_size if target == 'page' or not opts.size else opts.size
        if fixed not in examples:        # what the generator itself draws, and how fast
            words, sources = parity.sources_of(generator, fixed)
            examples[fixed] = words, sources, *parity.drawn_by(generator, sources)
        words, sources, expected, milliseconds = examples[fixed]
        try:
            name, difference = exported(folder, generator, target, weights, fixed, sources, expected, opts.folder)
        except UserError as error:
            print(f'{target} with weights of {weights} is not kept: {error}', file=sys.stderr)
            status = 1
            continue
        rows.append((name, bytes_of(os.path.join(folder, name)), difference))
        note(folder, name, {
            'target': target, 'weights': weights, 'run': generator.run.name, 'checkpoint': generator.step,
            'statistics': generator.statistics, 'norm': generator.architecture.norm, 'dropout': opts.dropout,
            'averaged': generator.averaged,
            **({'png': to_savedmodel.has_png(generator)} if target == 'savedmodel' else {}),
            'layout': 'NHWC', 'range': [-1, 1], 'multiple': multiple, 'size': fixed, **generator.data,
            'palette': palette, 'compared_on': words,
            'generator_milliseconds': milliseconds,
            'difference': difference._asdict() if difference else 'not checked'})
    if 'page' in opts.to:
        report.write(generator.run, training=generator.run.is_locked())     # which leads to it
    print(parity.table([('Generator (TensorFlow)', 0, milliseconds), *rows]))
    print(f'compared with Generator on {words}; written to {folder}')
    return status


def wanted(opts):
    """(format, kind of weights) of each file."""
    return [(target, weights) for target in opts.to for weights in opts.weights or FORMATS[target].weights[:1]]


def exported(folder, generator, target, weights, size, sources, expected, apart):
    """Write a file and check it: (its name, the Difference or None where its runtime is not installed).

    It is written beside its place, and moved there when it is good; what was there before is then replaced.
    """
    to, runtime = importlib.import_module(FORMATS[target].writer), FORMATS[target].runtime
    how = {'apart': apart} if target == 'page' else {}
    os.makedirs(folder, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix='.') as scratch:
            path, difference = to.write(scratch, generator, weights, size, **how), None
            if parity.is_there(runtime):
                difference = parity.check(path, target, weights, generator.statistics, sources, expected)
            else:
                remedy = 'pip install torch' if runtime == 'torch' else MISSING
                print(f'{target} is not checked, for {runtime} is not installed: {remedy}', file=sys.stderr)
            for name in os.listdir(scratch):
                if os.path.isdir(os.path.join(folder, name)):
                    shutil.rmtree(os.path.join(folder, name))
                os.replace(os.path.join(scratch, name), os.path.join(folder, name))
    except (OSError, tf.errors.OpError) as error:
        free = shutil.disk_usage(folder).free
        raise UserError(f'it could not be written to {folder} with {free / 2 ** 20:.0f} MiB free '
                        f'({reason(error)})') from None
    return os.path.basename(path), difference


def bytes_of(path):
    """Of a file, or of all files in a folder."""
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)


def note(folder, name, about):
    """Write down in model.json, and in the README beside it, what a file is and what its check found."""
    path, known = os.path.join(folder, 'model.json'), {}
    try:
        with open(path) as file:
            known = json.load(file)['files']
    except (OSError, ValueError, KeyError, TypeError):
        pass        # there is none yet, or it is damaged, and is written anew
    known = known if isinstance(known, dict) else {}
    there = {other: known[other] for other in known if os.path.exists(os.path.join(folder, other))} | {name: about}
    files.write(path, json.dumps({'files': there}, indent=1) + '\n')
    files.write(os.path.join(folder, 'README.md'), readme.text(there))


if __name__ == '__main__':
    script.end(main, OPTS)

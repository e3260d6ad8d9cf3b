"""Make a run of a generator that the PyTorch port has trained: python -m pix2pix.pytorch latest_net_G.pth --name NEW"""

import os
import re

from pix2pix import script
from pix2pix.errors import UserError
from pix2pix.flags import Parser, fault_of_name


def parse(args=None):
    parser = Parser(__doc__, prog='python -m pix2pix.pytorch')
    parser.add_argument('file', help="the port's *_net_G.pth: a U-Net with batch or instance norm")
    parser.add_argument('--name', required=True, help='name of the new run')
    parser.add_argument('--discriminator', help="the port's *_net_D.pth, if it is to be kept too")
    parser.add_argument('--direction', choices=('AtoB', 'BtoA'), help='of its training; default: as train_opt.txt '
                                                                      'beside the file has it')
    parser.add_argument('--no_dropout', action='store_true', help='it was trained with --no_dropout; default: as '
                                                                  'train_opt.txt has it, or with dropout')
    opts = parser.parse_args(args)
    if fault := fault_of_name(opts.name):
        parser.error(f'--name {opts.name}: {fault}')
    return opts


def check_there(opts):
    """UserError where a file is not there."""
    for path in filter(None, (opts.file, opts.discriminator)):
        if not os.path.exists(path):
            raise UserError(f'{path}: there is no such file')


# Before TensorFlow is loaded: a mistake is answered at once.
OPTS = script.begin(parse, check_there) if __name__ == '__main__' else None

import pix2pix.quiet  # noqa: F401

# isort: split
import json
import shlex
import shutil

import tensorflow.compat.v1 as tf

from pix2pix import files
from pix2pix.model.architecture import DEPTHS, Architecture
from pix2pix.pytorch import names, pth
from pix2pix.run import checkpoint
from pix2pix.run.folder import Run


def main(opts):
    """Import, and return the exit status."""
    # What the files hold.
    run = Run.named(opts.name)
    if os.path.lexists(run.checkpoints):
        raise UserError(f'{run.checkpoints} is there already: give another name')
    tensors = names.without_wrappers(pth.read(opts.file))
    norm, depth = names.norm_of(tensors), names.depth_of(tensors)
    places = names.generator_places(norm, depth if depth in DEPTHS else 8)      # of another depth it says so
    variables = names.imported(tensors, places, opts.file)
    if opts.discriminator:
        variables |= names.imported(pth.read(opts.discriminator), names.discriminator_places(norm), opts.discriminator)
    architecture = architecture_of(variables, norm, depth, opts.file)

    # What they do not hold: which half of a pair was the source, and whether dropout was on.
    theirs = train_options(opts.file)
    direction = opts.direction or theirs.get('direction')
    if direction not in ('AtoB', 'BtoA'):
        raise UserError(f'which half of a pair was the source does not stand in {opts.file}, and there is no '
                        'train_opt.txt beside it that says so: give the direction, AtoB or BtoA')
    if opts.no_dropout or theirs.get('no_dropout') == 'True':
        architecture = architecture._replace(keep_prob=1.0)

    # The run, whole or not at all: its options, and one checkpoint.
    step = step_of(opts.file)
    options = {**architecture._asdict(), 'crop_size': architecture.multiple, 'folder': '', 'direction': direction,
               'epochs': 0, 'target_dtype': 'uint8', 'target_ending': '.png',
               'imported_from': os.path.abspath(opts.file), 'pix2pix': pix2pix.__version__}
    os.makedirs(run.checkpoints)
    try:
        save(variables, run.checkpoints, step)
        files.write(run.options, json.dumps(options, indent=2) + '\n')
    except BaseException:
        shutil.rmtree(run.checkpoints)
        raise
    norm_name = f'{norm.partition("_")[0]} norm'
    dropout = 'no dropout' if architecture.keep_prob == 1 else 'dropout in the rows of the port'
    print(f'{run.checkpoints}: {architecture.base_filters} filters, {architecture.source_channels} -> '
          f'{architecture.target_channels} channels, depth {depth}, {norm_name}, {direction}, {dropout}, step {step}\n'
          f'then run: python test.py --name {shlex.quote(run.name)} --input FILE_OR_FOLDER --output FOLDER')
    return 0


def architecture_of(variables, norm, depth, path):
    """The Architecture by the shapes of the variables; UserError where they do not fit each other."""
    for name in 'generator/down1/w', f'generator/up{depth}/w':
        if variables[name].ndim != 4:
            raise UserError(f'{path}: {name} has the shape {list(variables[name].shape)}, and a convolution has four '
                            'numbers there')
    source_channels, base_filters = variables['generator/down1/w'].shape[2:]
    target_channels = variables[f'generator/up{depth}/w'].shape[2]
    architecture = Architecture(layers='port', norm=norm, base_filters=base_filters, source_channels=source_channels,
                                target_channels=target_channels, depth=depth)
    if max(source_channels, target_channels) > 32:
        raise UserError(f'{path} has {source_channels} channels in and {target_channels} out, and 32 can be had')
    shapes = names.shapes(architecture)
    wrong = [name for name in variables if variables[name].shape != shapes[name]]
    if wrong:
        raise UserError(f'{path}: {wrong[0]} has the shape {list(variables[wrong[0]].shape)}, not '
                        f'{list(shapes[wrong[0]])}. Both networks need one width, and the generator that of a U-Net')
    return architecture


def train_options(path):
    """The port's options, text by name, in the train_opt.txt beside a file; none where there is no such file."""
    try:
        with open(os.path.join(os.path.dirname(path), 'train_opt.txt'), errors='replace') as file:
            lines = [re.match(r'\s*(\w+): (\S+)', line) for line in file]
    except FileNotFoundError:
        return {}
    return {line[1]: line[2] for line in lines if line}


def step_of(path):
    """The number in the name of a file, 200_net_G.pth or iter_5000_net_G.pth; 1 where there is none."""
    number = re.match(r'(?:iter_)?(\d+)_', os.path.basename(path))
    return max(1, int(number[1])) if number else 1      # 0 would be no checkpoint


def save(variables, folder, step):
    """A checkpoint of these variables and the step."""
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(device_count={'GPU': 0})) as sess:
        sess.run(tf.train.get_or_create_global_step().initializer)
        for name, value in variables.items():
            tf.get_variable(name, value.shape).load(value, sess)
        checkpoint.save(sess, checkpoint.new_saver(), folder, step, keep=1)


if __name__ == '__main__':
    script.end(main, OPTS)

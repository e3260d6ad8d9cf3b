"""Train pix2pix on a folder of pairs, or carry on with a run: python train.py --dataset facades"""

import argparse
import contextlib
import hashlib
import math
import os
import sys

from datasets.catalogue import CATALOGUE
from pix2pix.flags import adder, count_or_all, natural, positive, rate, rate1, weight
from pix2pix.model.architecture import LAYERS, MULTIPLE, PRECISIONS, Architecture, Hyperparameters

# What decides the model and the order of the data: a run keeps these from its first step to its last.
FIXED_BY_THE_RUN = ('layers', 'base_filters', 'keep_prob', 'direction', 'source_channels', 'target_channels',
                    'batch_size', 'seed', 'load_size', 'crop_size', 'no_flip', 'images', 'names', 'precision')
# What the replicas of one run need not be given alike.
NOT_COMPARED = ('dataset', 'folder', 'name', 'devices', 'start_timeout')


def parse(args=None):
    """The options of the command line, over those of the catalogue's row, over the defaults."""
    parser = argparse.ArgumentParser(description=__doc__)
    net, how = Architecture(), Hyperparameters()

    add = adder(parser, 'what is trained, and on what')
    add('--dataset',         required=True,             help='folder of pairs, or ' + ' '.join(CATALOGUE))
    add('--name',                                       help='of the run; default: of the data set')
    add('--direction',       choices=('AtoB', 'BtoA'),  help='AtoB: left to right; default: of the data set, or AtoB')
    add('--source_channels', type=int, choices=(1, 3), default=net.source_channels, help='1: converted to gray')
    add('--target_channels', type=int, choices=(1, 3), default=net.target_channels, help='1: converted to gray')
    add('--load_size',       type=natural,              help='resized to, then cropped; default: crop_size * 286 / 256')
    add('--crop_size',       type=natural, default=256, help=f'of training and test images, a multiple of {MULTIPLE}')
    add('--no_flip',         action='store_true',       help='do not mirror at random')
    add('--seed',            type=int,     default=0,   help='of weights, order, crop, mirror and dropout')

    add = adder(parser, 'the networks')
    add('--layers',          choices=LAYERS, default=net.layers, help='layer table: docs/design.md')
    add('--base_filters',    type=natural, default=net.base_filters, help='width of the first layer')
    add('--keep_prob',       type=rate1,   default=net.keep_prob, help='dropout keeps a value with this probability')
    add('--precision',       choices=('auto', *PRECISIONS), default='auto',
                                                        help='of the convolutions; auto: the best the hardware has')

    add = adder(parser, 'the training')
    add('--epochs',          type=natural, default=200, help='in all, also for a run that is carried on')
    add('--batch_size',      type=natural, default=4,   help='pairs a step, of all devices together')
    add('--learning_rate',   type=positive, default=how.learning_rate, help='of Adam')
    add('--beta1',           type=rate,    default=how.beta1, help='of Adam')
    add('--l1_weight',       type=weight,  default=how.l1_weight, help='of the L1 loss')
    add('--gan_weight',      type=weight,  default=how.gan_weight, help='of the adversarial loss')
    add('--devices',         type=count_or_all, default='1', help='processes on this host, a GPU each; or all')
    add('--start_timeout',   type=natural, default=60,  help='seconds to wait for the other processes')
    add('--deterministic',   action='store_true',       help='the same bits every time on a GPU too, slower')

    add = adder(parser, 'what is kept')
    add('--save_every',      type=natural, default=5,   help='epochs from one checkpoint to the next')
    add('--keep',            type=natural, default=3,   help='checkpoints kept, the newest')
    add('--keep_best',       choices=('l1', 'ssim'),    help='keep the best checkpoint too, by this validation metric')
    add('--validate_every',  type=natural, default=5,   help='epochs from one validation to the next')
    add('--sample_every',    type=natural, default=1,   help='epochs from one sample grid to the next')
    add('--samples',         type=natural, default=4,   help='validation pairs in a sample grid')
    add('--log_every',       type=natural, default=10,  help='steps from one line of metrics.jsonl to the next')

    row = CATALOGUE.get(parser.parse_args(args).dataset)
    if row:
        parser.set_defaults(direction=row.direction, **row.defaults)
    opts = parser.parse_args(args)
    opts.direction = opts.direction or 'AtoB'
    opts.name = opts.name or os.path.basename(os.path.abspath(opts.dataset))
    opts.load_size = opts.load_size or opts.crop_size * 286 // 256
    if opts.crop_size % MULTIPLE:
        parser.error(f'--crop_size {opts.crop_size}: must be a multiple of {MULTIPLE}, the U-Net halves it eight times')
    if opts.load_size < opts.crop_size:
        parser.error(f'--load_size {opts.load_size} is less than --crop_size {opts.crop_size}')
    if os.path.basename(opts.name) != opts.name or opts.name in ('.', '..'):
        parser.error(f'--name {opts.name}: a plain name, it becomes checkpoints/NAME and samples/NAME')
    return opts


OPTS = parse() if __name__ == '__main__' else None      # before TensorFlow is loaded: a mistake is answered at once

import pix2pix.quiet  # noqa: F401

# isort: split
import tensorflow.compat.v1 as tf

import reader
from datasets.locate import locate
from pix2pix import devices
from pix2pix.distributed import discovery, launch
from pix2pix.distributed.replicas import join
from pix2pix.errors import UserError
from pix2pix.images.diagnose import ImageError, first_unreadable
from pix2pix.model.networks import trained_generator
from pix2pix.model.training_step import training_step
from pix2pix.run.folder import Run
from pix2pix.run.interrupt import Interrupt
from pix2pix.run.recorder import Cadence, Recorder, SilentRecorder

NOT_FINITE = 1000       # how a step may end, beside 0 and the numbers of signals


def main(opts):
    """Train, and return the exit status."""
    # On what: the pairs of a folder. One of the catalogue is made on first use, by one process alone.
    several, _ = discovery.from_environment()
    folder = locate(opts.dataset, fetch=not several or launch.is_launched())
    pairs = reader.Pairs.of(folder)
    if opts.keep_best and not pairs.held_out:
        raise UserError(f'--keep_best {opts.keep_best} needs a folder val or test in {folder}')

    # Who trains: this process alone, or one of several replicas. With --devices N it starts them, and ends here.
    replicas = join(opts.devices, [sys.executable, *sys.argv], batch_size=opts.batch_size, timeout=opts.start_timeout,
                    isolate='://' not in folder, complain=complain)

    # All replicas have the same settings, and a run keeps those that decide its model and the order of its data.
    settings = resolve(opts, folder, pairs, replicas)
    replicas.check_same({name: settings[name] for name in settings if name not in NOT_COMPARED})
    run = Run.named(opts.name)
    with replicas.first_before_others(opened(run, settings, pairs, replicas)), tf.Graph().as_default():
        return train(opts, pairs, run, replicas)


def train(opts, pairs, run, replicas):
    """Run the steps that are still to do. All replicas run this; `record` alone writes, and only the first has one."""
    # Build the reader, one training step, and the generator as test.py runs it.
    tf.set_random_seed(opts.seed)
    order, form = values(reader.Order, opts, images=len(pairs.names)), values(reader.PairFormat, opts)
    architecture = values(Architecture, opts)
    batches = reader.Batches(pairs, order, form, reader.Jitter(opts.load_size, not opts.no_flip),
                             replica=replicas.index, replicas=replicas.size, parallel=replicas.cores)
    model = training_step(batches.source, batches.target, architecture, values(Hyperparameters, opts), seed=opts.seed,
                          all_reduce_mean=replicas.all_reduce_mean, replica=replicas.index)
    fetches = {**model.fetches, 'batch': [batches.source, batches.target]}
    record = (Recorder if replicas.first else SilentRecorder)(
        run, order, pairs, drawer(form, architecture, opts.seed), values(Cadence, opts))

    with replicas.session() as sess, Interrupt(again=launch.second_signal()) as interrupt:
        # Start afresh, or carry on from the newest checkpoint: the step in it is the truth.
        sess.run(tf.global_variables_initializer())
        record.begin(sess)
        replicas.broadcast_variables(sess)
        steps_done, ending = int(sess.run(model.steps_done)), 0
        batches.start(sess, after=steps_done)
        sess.graph.finalize()

        for step in range(steps_done + 1, order.steps + 1):
            # One step: G draws once, D learns from the real pairs and the drawn ones, G learns against the D just
            # updated. A file that cannot be read ends the run under its own name.
            with replicas.exit_if_peer_failed(), batches.naming_the_file(step):
                out = sess.run(fetches)

            # All replicas end after the same step: after one that is not finite, of which nothing is kept, or after
            # one in which any of them was told to stop, once it is saved.
            fault = first_not_finite({**out['losses'], **out['gradients']})
            ending = replicas.all_reduce_max(NOT_FINITE if fault else interrupt.received)
            if ending == NOT_FINITE:
                record.not_finite(step, *fault, out['batch'])
                break

            # Show, validate, log, sample, save: the checkpoint last, so that what it has seen is on the disk before it.
            record.progress(step, out['losses'])
            scores = record.validation()
            record.metrics(scores)
            record.samples()
            record.checkpoint(scores, now=ending)
            if ending:
                break

    # Say how it has ended, and what to open.
    record.end(stopped_by=ending)
    return 1 if ending == NOT_FINITE else 128 + ending if ending and step < order.steps else 0


def resolve(opts, folder, pairs, replicas):
    """What follows from the options here, as far as they leave it open: the settings that options.json will hold."""
    if opts.layers == 'writeup' and opts.batch_size == replicas.size and opts.crop_size == MULTIPLE:
        raise UserError('--layers writeup needs two pairs or more on each device: it batch-normalises the 1x1 '
                        'bottleneck, and the variance over one pixel is 0 / 0; --layers paper does not')
    if opts.deterministic:
        devices.make_deterministic()
    opts.precision = devices.precision(opts.precision)
    return {**vars(opts), 'devices': replicas.size, 'images': len(pairs.names),
            'names': hashlib.sha256('\n'.join(pairs.names).encode()).hexdigest(),
            'folder': folder if '://' in folder else os.path.abspath(folder),
            'pix2pix': pix2pix.__version__, 'tensorflow': tf.__version__}


@contextlib.contextmanager
def opened(run, settings, pairs, replicas):
    """`with` it, the run is open; says what is about to be trained, and what has changed since the run was started."""
    with run.opened(settings, FIXED_BY_THE_RUN) as changed:
        print(f'{devices.describe()}; {settings["precision"]}; {len(pairs.names)} pairs in {pairs.folder}',
              *replicas.describe(settings['batch_size']), sep='\n')
        if changed:
            print('changed since the run was started: ' + ', '.join(f'{name} {settings[name]}' for name in changed))
        yield


def values(kind, opts, **more):
    """The options that a NamedTuple is made of, as one of that kind."""
    return kind(**{name: more.get(name, getattr(opts, name, None)) for name in kind._fields})


def drawer(form, architecture, seed):
    """The generator as test.py runs it: (session, path of a pair) -> [source, output, target], [H, W, C] in [-1, 1]."""
    path = tf.placeholder(tf.string, [])
    source, target = reader.test_pair(path, form)
    output = trained_generator(source, architecture, seed=seed)

    def draw(sess, name):
        try:
            return [image[0] for image in sess.run([source, output, target], {path: name})]
        except tf.errors.OpError as error:
            raise first_unreadable([name]) or error from None
    return draw


def first_not_finite(scalars):
    """(name, value) of the first that is NaN or infinite, or None."""
    return next(((name, value) for name, value in scalars.items() if not math.isfinite(value)), None)


def complain(line):
    print(f'train.py: {line}', file=sys.stderr, flush=True)


if __name__ == '__main__':
    sys.stdout.reconfigure(line_buffering=True)     # a replica may end without a word to Python
    try:
        sys.exit(main(OPTS))
    except KeyboardInterrupt:
        sys.exit(130)
    except ImageError as error:
        sys.exit(f'train.py: {error}; python -m datasets.check FOLDER reads every file')
    except (UserError, OSError) as error:
        sys.exit(f'train.py: {error}')

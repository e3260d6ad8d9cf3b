"""Train pix2pix on a folder of pairs, or carry on with a run: python train.py --dataset facades"""

# parse() reads the options, before TensorFlow is loaded. main() finds the data, the replicas and the run. train()
# learns. The rest helps them. With --devices N, N + 1 processes run main(), and the first of them only watches, in
# join().

import contextlib
import itertools
import math
import os
import shlex
import sys

from datasets.catalogue import CATALOGUE
from datasets.sides import check_there, doubt, hold_out_commands
from pix2pix import script
from pix2pix.files import is_remote
from pix2pix.flags import (
    Parser,
    adder,
    channels,
    choices_of,
    count_or_all,
    fault_of_name,
    from_options,
    natural,
    positive,
    probability,
    rate,
    weight,
    whole,
)
from pix2pix.images.preprocessing import PREPROCESS, describe_sizes, settle
from pix2pix.metrics import BEST_BY
from pix2pix.model.architecture import (
    AUGMENTATIONS,
    DEPTHS,
    GAN_MODES,
    LAYERS,
    NORMS,
    PRECISIONS,
    Architecture,
    Hyperparameters,
)
from pix2pix.sizes import size


def parse(args=None):
    """The options of the command line, over those of the catalogue's row, over the defaults."""
    parser = Parser(__doc__)
    net, how = Architecture(), Hyperparameters()

    add = adder(parser, 'what is trained, and on what')
    add('--dataset',         required=True,             help='folder of pairs, or one of: ' + ' '.join(CATALOGUE))
    add('--name',                                       help='name of the run; default: that of the data set')
    add('--direction',       choices=('AtoB', 'BtoA'),  help='AtoB: left to right; default: as the data set, or AtoB')
    add('--source_channels', type=channels, metavar='N', default=net.source_channels, help='1 gray, 3 RGB, up to 32')
    add('--target_channels', type=channels, metavar='N', default=net.target_channels, help='1 gray, 3 RGB, up to 32')
    add('--range',           type=float, nargs=2, metavar=('LOW', 'HIGH'), dest='source_range',
                                                        help='black and white, where files have more than 8 bits')
    add('--target_range',    type=float, nargs=2, metavar=('LOW', 'HIGH'), help='those of the target, if others')
    add('--labels',                                     help='a channel for each colour of the source: auto, or a file')
    add('--preprocess',      choices=PREPROCESS, default='resize_and_crop', help='how pairs get their size')
    add('--load_size',       type=size, metavar='HxW',  help='pixels before the crop; default: crop * 286 / 256')
    add('--crop_size',       type=size, metavar='HxW',  help='pixels of all images, HEIGHTxWIDTH or a square; '
                                                             'default: 256')
    add('--accept_new_data', action='store_true', dest='accepts_asked',
                                                        help='carry on with a data set that has changed, from here on')
    add('--no_flip',         action='store_true',       help='do not mirror pairs at random')
    add('--seed',            type=whole,   default=0,   help='seed of weights, order, crop, mirror and dropout')

    add = adder(parser, 'the networks')
    add('--layers',          choices=LAYERS, default=net.layers, help='layer table: docs/design.md')
    add('--base_filters',    type=natural, default=net.base_filters, help='width of the first layer')
    add('--depth',           type=int, choices=DEPTHS, default=net.depth, help='how often the U-Net halves the size')
    add('--norm',            choices=NORMS, default=net.norm, help="by statistics of the batch or of each image")
    add('--keep_prob',       type=probability, default=net.keep_prob, help='probability that dropout keeps a value')
    add('--init_from',                                  help='run or checkpoint whose weights it begins with')
    add('--precision',       choices=('auto', *PRECISIONS), default='auto',
                                                        help='type of the convolutions; auto: the best of the hardware')

    add = adder(parser, 'the training')
    add('--epochs',          type=natural, default=200, help='epochs in all, also for a run that is carried on')
    add('--batch_size',      type=natural, default=4,   help='pairs a step, on all devices together')
    add('--learning_rate',   type=positive, default=how.learning_rate, help='learning rate of Adam')
    add('--decay_from',      type=natural,              help='epoch after which the rate falls linearly to 0')
    add('--beta1',           type=rate,    default=how.beta1, help='first decay rate of Adam')
    add('--l1_weight',       type=weight,  default=how.l1_weight, help='weight of the L1 loss')
    add('--gan_weight',      type=weight,  default=how.gan_weight, help='weight of the adversarial loss')
    add('--gan_mode',        choices=GAN_MODES, default=how.gan_mode, help='adversarial loss: logarithms, or squares')
    add('--ema',             type=rate,                 help='decay of an average of the weights, which draws; 0: '
                                                             'none; default: that of the run, or 0.999')
    add('--augment',         type=choices_of(AUGMENTATIONS), metavar='KINDS',
                                                        help='random changes of what D sees, with commas between: '
                                                             + ','.join(AUGMENTATIONS))
    add('--devices',         type=count_or_all, default='1', help='processes on this host, one a GPU, or: all')
    add('--start_timeout',   type=natural, default=60,  help='seconds to wait for the other processes')
    add('--xla',             action='store_true',       help='compile the step for a GPU, in a minute or two')
    add('--deterministic',   action='store_true',       help='give the same bits every time on a GPU too; slower')

    add = adder(parser, 'what is kept')
    add('--save_every',      type=natural, default=5,   help='epochs from one checkpoint to the next')
    add('--save_minutes',    type=positive, default=10, help='minutes after which a checkpoint is saved in any case')
    add('--keep',            type=natural, default=3,   help='how many checkpoints to keep, the newest')
    add('--keep_best',       choices=BEST_BY,            help='keep the best checkpoint too, by this validation metric')
    add('--validate_every',  type=natural, default=5,   help='epochs from one validation to the next')
    add('--sample_every',    type=natural, default=1,   help='epochs from one sample grid to the next')
    add('--samples',         type=natural, default=4,   help='validation pairs in a sample grid')
    add('--log_every',       type=natural, default=10,  help='steps from one line of metrics.jsonl to the next')
    add('--bands',           type=natural, nargs=3, metavar=('R', 'G', 'B'), help='which of more bands are shown; '
                                                                                  'default: the first')
    add('--events',          choices=('on', 'off'), default='on', help='copy losses and sample grids for TensorBoard')

    row = CATALOGUE.get(parser.parse_args(args).dataset)
    if row:
        parser.set_defaults(**row.defaults)
    opts = parser.parse_args(args)
    opts.direction_asked, opts.direction = opts.direction, opts.direction or (row.direction if row else 'AtoB')
    opts.name_asked, opts.name = opts.name, opts.name or os.path.basename(os.path.abspath(opts.dataset))
    opts.augment = opts.augment or []
    settle(opts, parser.error)
    if opts.layers == 'writeup' and opts.norm != 'batch':
        parser.error(f'--norm {opts.norm} does not go with --layers writeup, which normalises the 1x1 bottleneck: one '
                     'pixel has no variance; --layers paper does not')
    if opts.decay_from and opts.decay_from >= opts.epochs:
        parser.error(f'--decay_from {opts.decay_from}: the rate falls from there to the end, which is epoch '
                     f'{opts.epochs}; give fewer, or more --epochs')
    if fault := fault_of_name(opts.name):
        parser.error(f'--name {opts.name}: {fault}')
    return opts


# Before TensorFlow is loaded: a mistake is answered at once.
OPTS = script.begin(parse, lambda opts: check_there(opts.dataset)) if __name__ == '__main__' else None

import pix2pix.quiet  # noqa: F401  imports TensorFlow without its chatter

# isort: split
import tensorflow.compat.v1 as tf

import reader
from datasets.locate import locate
from pix2pix import devices
from pix2pix.distributed.launch import second_signal
from pix2pix.distributed.replicas import join, starts_alone
from pix2pix.errors import UserError, count, reason
from pix2pix.images.diagnose import ImageError
from pix2pix.images.findings import before_training
from pix2pix.images.form import PairFormat
from pix2pix.images.listing import describe_passed_over
from pix2pix.images.pairs import files_of, first_unreadable
from pix2pix.images.view import View
from pix2pix.metrics import perceptual
from pix2pix.model.networks import images_at_once, trained_generator
from pix2pix.model.schedule import Decay
from pix2pix.model.training_step import training_step
from pix2pix.run import checkpoint, data, palettes
from pix2pix.run.folder import Run
from pix2pix.run.interrupt import Interrupt
from pix2pix.run.recorder import Cadence, Recorder, SilentRecorder
from pix2pix.run.start import check_fits

NOT_FINITE = 1000       # why a training ends; above every signal's number, so that the largest reason is this one


def main(opts):
    """Train, and return the exit status."""
    # Find the data set. One of the catalogue is made on first use, unless several processes would do so at once.
    folder = locate(opts.dataset, fetch=starts_alone())

    # Join the other replicas, if there are any. With --devices N this process launches them, and exits inside join().
    replicas = join(opts.devices, [sys.executable, *sys.argv], batch_size=opts.batch_size, timeout=opts.start_timeout,
                    isolate=not is_remote(folder), complain=complain)

    # List the pairs. All replicas train on them; the first alone needs those that are held out.
    pairs = reader.Pairs.of(folder, held_out=replicas.first)
    run = Run.named(opts.name)
    opts.data_changes = data.changes(run, data.hash_of(pairs.names), accept=opts.accepts_asked)

    # Settle what the options leave open to the pairs and to the hardware. All replicas must agree on it. What was asked
    # is kept too: what was left to the hardware may change when the run is carried on.
    data.settle(opts, pairs.paths, run, names_of_colours(opts.dataset, folder))
    opts.precision_asked, opts.precision = opts.precision, devices.precision(opts.precision)
    if opts.deterministic:
        devices.make_deterministic()
    settings = settings_of(opts, folder, pairs, replicas.size)
    first = replicas.check_same({name: settings[name] for name in settings if name not in NOT_COMPARED}, apart=OF_A_RUN)
    vars(opts).update({name: first[name] for name in OF_A_RUN})
    order = reader.Order(images=len(pairs.names), batch_size=opts.batch_size, epochs=opts.epochs, seed=opts.seed,
                         changes=tuple(map(tuple, opts.data_changes)))

    # Open the run. The first replica checks the settings, locks the folder, saves the options and says what is trained,
    # while the others wait. If it cannot, all end.
    with replicas.first_enters(checked_and_opened(run, settings, pairs, order, replicas)):
        with tf.Graph().as_default():
            return train(opts, pairs, order, run, replicas)


def train(opts, pairs, order, run, replicas):
    """Build the graph, and take the steps that are left. Returns the exit status. Every replica runs all of this."""
    tf.set_random_seed(opts.seed)

    # Read: the order of the pairs follows from the seed and the step. from_options() makes a tuple of the options that
    # have the names of its fields.
    form = from_options(PairFormat, vars(opts))
    jitter = reader.Jitter(opts.load_size, flip=not opts.no_flip)
    batches = reader.Batches(pairs, order, form, jitter, replica=replicas.index, replicas=replicas.size,
                             parallel=replicas.cores)

    # Learn: one step as one op. On a batch of sources x and targets y (--gan_mode lsgan has squares for logarithms):
    #   forward       y' = G(x), with dropout
    #   D, by Adam    minimise -log D(x, y) - log(1 - D(x, y')), with y' as it is
    #   G, by Adam    minimise -gan_weight * log D(x, y') + l1_weight * |y - y'|, with D as just updated
    #   average of G  moves a little towards G, where there is one
    # pix2pix/model/training_step.py is this, line by line.
    architecture = from_options(Architecture, vars(opts))
    hyperparameters = from_options(Hyperparameters, vars(opts))
    decay = Decay(order.steps_of(opts.decay_from), order.steps) if opts.decay_from else None
    learn = training_step(batches.source, batches.target, architecture, hyperparameters, seed=opts.seed, decay=decay,
                          all_reduce_mean=replicas.all_reduce_mean, replica=replicas.index)

    # The batch too, to show it if the step is not finite: the reader will have moved on.
    fetches = {**learn.fetches, 'batch': [batches.source, batches.target]}

    # Record: samples and validation run G, or its average, as test.py does. Only the first replica writes anything. It
    # comes after the step, whose variables are drawn with and saved.
    draw = drawer(form, architecture, opts.seed, averaged=opts.ema > 0, files=len(files_of(pairs.names[0])))
    recorder = Recorder if replicas.first else SilentRecorder
    record = recorder(run=run, order=order, pairs=pairs, draw=draw, view=from_options(View, vars(opts)),
                      cadence=from_options(Cadence, vars(opts)))

    # A first signal ends the training after its step, a second one at once.
    with Interrupt(again=second_signal()) as interrupt, devices.naming_want_of_memory(), \
            replicas.session(opts.xla) as sess:
        # Carry on from the newest checkpoint, whose step is the truth; else begin with another run's weights; else
        # afresh. The first replica reads them, and the broadcast gives them to the others.
        sess.run(tf.global_variables_initializer())
        record.restore(sess, learn.networks, opts.init_from)
        replicas.broadcast_variables(sess)
        step = steps_done = int(sess.run(learn.steps_done))
        order.check_carries_on(steps_done)
        record.begin(steps_done)
        batches.start(sess, after=steps_done)
        sess.graph.finalize()

        stop = 0
        for step in range(steps_done + 1, order.steps + 1):
            # Run that op once: G draws, D learns, G learns, its average follows. An error names the file that cannot
            # be read, or ends this replica if it was the fault of another.
            with replicas.exit_if_peer_failed(), batches.naming_the_file(step):
                out = sess.run(fetches)

            # Decide together whether to go on. A signal to one replica ends all of them. So does a loss or gradient
            # that is not finite, which every one sees, for these are of all of them together. The weights are spoilt
            # then, and nothing of the step is kept.
            fault = first_not_finite({**out['losses'], **out['gradient_norms']})
            stop = replicas.all_reduce_max(NOT_FINITE if fault else interrupt.received)
            if stop == NOT_FINITE:
                record.not_finite(step, fault, out['batch'])
                break

            # Hand the step to the recorder. Validate, log, sample and save what is due, as all is after the last step.
            # Log before saving: which step is the best is read from the log. Save last: a resume goes back to the
            # checkpoint's step, whose metrics and samples must be there. The others meanwhile wait in their next step.
            record.show(step, out['losses'], out['rates'])
            scores = record.validate_if_due()
            record.log_if_due(scores)
            record.sample_if_due()
            record.save_if_due(scores, now=bool(stop))
            if stop:
                break

    # Say how the training ended, and what to open. After a step that was not finite the first replica raises here. An
    # error above skips this: what was done since the newest checkpoint is done again, to the bit, by the next start.
    record.end(stopped_by=stop, hint=what_is_next(run, pairs, form))
    return exit_status(stop, done=step == order.steps)


# What decides the model and the order of the data: a run keeps these from its first checkpoint on.
FIXED_BY_THE_RUN = ('layers', 'base_filters', 'depth', 'norm', 'keep_prob', 'direction', 'source_channels',
                    'target_channels', 'source_range', 'target_range', 'labels', 'preprocess', 'batch_size', 'seed',
                    'load_size', 'crop_size', 'no_flip', 'ema', 'init_from', 'images', 'names')
# Of these, what --accept_new_data lets change.
OF_THE_DATA = ('images', 'names')
# What decides the variables of the networks: weights to begin with must have the same.
DECIDES_THE_WEIGHTS = ('layers', 'base_filters', 'depth', 'norm', 'source_channels', 'target_channels')
# What follows from a run that is there already: hosts without a copy of it take it from the first replica.
OF_A_RUN = ('ema', 'data_changes')
# What may differ between the replicas of one run.
NOT_COMPARED = ('dataset', 'direction_asked', 'folder', 'name', 'name_asked', 'devices', 'start_timeout', 'native_size')


@contextlib.contextmanager
def checked_and_opened(run, settings, pairs, order, replicas):
    """A context in which the run is open. Says what is trained, and what has changed since the run was started."""
    check(run, settings, pairs)
    form = from_options(PairFormat, settings)
    notes = [*describe_passed_over(pairs.passed_over), *before_training(pairs.paths, pairs.held_out, form)]
    fixed = [name for name in FIXED_BY_THE_RUN if name not in OF_THE_DATA or not settings['accepts_asked']]
    with run.opened(settings, fixed, order.steps) as changed:
        palettes.keep(run, pairs.paths, form, names_of_colours(settings['dataset'], settings['folder'],
                                                               labels=settings['labels_asked']))
        print(*what_is_trained(settings, pairs, replicas), *notes, sep='\n')
        changed = [f'{name} {settings[name]}' for name in changed if name != 'names']       # a hash tells nothing
        if changed:
            print('changed since the run was started: ' + ', '.join(changed))
        yield


def names_of_colours(dataset, folder, labels=None):
    """{name: '#rrggbb'} of the file that --labels names, or of the data set's own palette.json, or of the catalogue."""
    if labels and labels != 'auto':
        return palettes.names_in_file(labels)
    if is_remote(folder):
        return {}
    known = CATALOGUE.get(dataset)
    return palettes.names_in(folder) or (known.palette if known else {})


def check(run, settings, pairs):
    """UserError where the settings do not fit each other, the data, or the weights to begin with."""
    trained_on = run.read_options().get('folder') if run.has_begun() else None
    named = settings['name_asked'] or settings['dataset'] in CATALOGUE      # whose data are the same in every folder
    if trained_on and not named and os.path.isdir(trained_on) and \
            os.path.realpath(trained_on) != os.path.realpath(settings['folder']):
        raise UserError(f'{run.name} was trained on {trained_on}, another folder of that name: give another --name, or '
                        f'--name {shlex.quote(run.name)} to carry it on with these pairs')
    one_pixel = set(settings['crop_size']) == {2 ** settings['depth']}      # in the bottleneck
    if settings['layers'] == 'writeup' and one_pixel and settings['batch_size'] == settings['devices']:
        raise UserError('--layers writeup needs two pairs or more on each device: it batch-normalises the 1x1 '
                        'bottleneck, and the variance over one pixel is 0 / 0; --layers paper does not')
    most = max(settings['target_channels'], 0 if settings['labels'] else settings['source_channels'])
    if settings['bands'] and max(settings['bands']) > most:
        raise UserError(f'--bands {" ".join(map(str, settings["bands"]))}: there are only {most} channels')
    if settings['keep_best'] and not pairs.held_out:
        raise UserError(f'--keep_best {settings["keep_best"]} needs a folder val or test in {settings["folder"]}')
    if settings['keep_best'] == 'perceptual':
        perceptual.read_weights()       # so that where they are not, all replicas end here
    if settings['init_from'] and not checkpoint.steps_in(run.checkpoints):
        check_fits(settings['init_from'], settings, DECIDES_THE_WEIGHTS)


def what_is_trained(settings, pairs, replicas):
    """Lines: on what, from what, and what is missing."""
    yield f'{devices.describe()}; {settings["precision"]}; {count(len(pairs.names), "pair")} in {pairs.folder}; ' \
          f'{settings["direction"]}'
    yield from devices.warnings(settings['precision'])
    yield from devices.about_xla(settings['xla'], settings['devices'])
    yield from replicas.describe(settings['batch_size'])
    if settings['native_size']:     # which a run of an earlier version does not know
        yield describe_sizes(*(settings[name] for name in ('preprocess', 'native_size', 'load_size', 'crop_size')))
    for step, images in settings['data_changes']:
        yield f'the data set was another one up to step {step:,}, of {count(images, "pair")}'
    if settings['labels']:
        yield f'a channel for each of {len(settings["labels"])} labels: {" ".join(settings["labels"])}'
    shown = [settings['target_channels']] + ([] if settings['labels'] else [settings['source_channels']])
    if settings['bands'] and max(shown) <= 3:
        yield '--bands changes nothing here: labels, and pictures of up to 3 channels, are shown as they are'
    if settings['decay_from']:
        yield f'the learning rate is {settings["learning_rate"]:g} up to epoch {settings["decay_from"]}, and then ' \
              f'falls linearly to 0 at the end of epoch {settings["epochs"]}'
    if settings['dataset'] in CATALOGUE and not settings['direction_asked']:
        yield f'the direction, {settings["direction"]}, comes from the catalogue'
    like = CATALOGUE.get(os.path.basename(settings['folder']))
    if like and not settings['direction_asked'] and like.direction != settings['direction']:
        yield f'the direction is {settings["direction"]}, and the catalogue has {like.direction} for a folder of ' \
              f'that name: --direction {like.direction}, if it is that one'
    if not pairs.held_out:
        splits, commands = 'folder val or test beside train', hold_out_commands(settings['folder'], pairs.folder)
        if len(files_of(pairs.names[0])) > 1:
            splits, commands = 'valA and valB, or testA and testB', ''
        yield f'there is no {splits}: nothing is validated, and samples are training pairs' \
              + (f'. To make them: {commands}' if commands and len(pairs.names) > 2 else '')
    if line := doubt(pairs.folder, [name for pair in pairs.names for name in files_of(pair)]):
        yield line


def settings_of(opts, folder, pairs, number_of_replicas):
    """What options.json will hold: the options, the data, and the versions. X_asked is what the user gave for X."""
    return {**vars(opts), 'devices': number_of_replicas, 'images': len(pairs.names),
            'names': data.hash_of(pairs.names),
            'folder': folder if is_remote(folder) else os.path.abspath(folder),
            'pix2pix': pix2pix.__version__, 'tensorflow': tf.__version__,
            'onednn': os.environ['TF_ENABLE_ONEDNN_OPTS']}


def drawer(form, architecture, seed, *, averaged, files):
    """A function (session, paths of pairs) that yields of each [source, output, target], [H, W, C] in [-1, 1].

    A pair is of one file or of two. They are drawn as test.py draws them, but at the crop size.
    """
    images = images_at_once(*form.crop_size)
    paths_of = tf.placeholder(tf.string, [images, files])
    read = [reader.validation_pair(pair, form) for pair in tf.unstack(paths_of)]
    source, target = (tf.concat(side, 0) for side in zip(*read))
    output = trained_generator(source, architecture, seed=seed, averaged=averaged)

    def draw(sess, paths):
        for start in range(0, len(paths), images):
            few = paths[start:start + images]
            filled_up = map(files_of, few + few[:1] * (images - len(few)))
            try:
                with devices.naming_want_of_memory():
                    drawn = sess.run([source, output, target], {paths_of: list(filled_up)})
            except tf.errors.OpError as error:
                raise first_unreadable(few, form) or UserError(reason(error)) from None
            yield from itertools.islice(zip(*drawn), len(few))
    return draw


def what_is_next(run, pairs, form):
    """What to do with a run that has ended, a line or two."""
    name, pictures = shlex.quote(run.name), '' if pairs.held_out else ' --input FILE_OR_FOLDER --output FOLDER'
    lines = [f'then run: python test.py --name {name}{pictures}']
    if form.is_plain:
        lines.append(f'or draw: pip install -r requirements-export.txt && python -m pix2pix.draw --name {name}')
    return '\n'.join(lines)


def first_not_finite(scalars):
    """(name, value) of the first that is NaN or infinite, or None."""
    return next(((name, value) for name, value in scalars.items() if not math.isfinite(value)), None)


def exit_status(stop, done):
    """0 when all steps are done, 1 after one that is not finite, 128 + N for signal N, as shells have it."""
    if stop == NOT_FINITE:
        return 1
    return 128 + stop if stop and not done else 0


def complain(line):
    print(f'{script.name()}: {line}', file=sys.stderr, flush=True)


if __name__ == '__main__':
    sys.stdout.reconfigure(line_buffering=True)     # a replica may be ended from outside Python
    script.end(main, OPTS, hints={ImageError: 'python -m datasets.check FOLDER reads every file'})

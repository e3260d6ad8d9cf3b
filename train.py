"""Train pix2pix on a folder of pairs, or carry on with a run: python train.py --dataset facades"""

import argparse
import contextlib
import hashlib
import math
import os
import signal
import sys

import pix2pix  # noqa: F401  first: keeps TensorFlow's start-up chatter off the terminal

# isort: split
import tensorflow.compat.v1 as tf

import reader
from datasets import catalogue
from pix2pix import devices
from pix2pix.distributed import collectives as cluster
from pix2pix.distributed import launch
from pix2pix.flags import adder, natural, positive, rate, rate1, weight
from pix2pix.images import arrays as images
from pix2pix.metrics import pixels as metrics
from pix2pix.model.networks import LAYERS, MULTIPLE, STATISTICS, generator
from pix2pix.model.training_step import PRECISIONS, build_model
from pix2pix.run import checkpoint, log, report
from pix2pix.run import folder as run
from pix2pix.run.interrupt import Interrupt
from pix2pix.run.progress import Progress

# What the tasks of one run need not be given alike.
OWN = ('dataset', 'folder', 'name', 'devices', 'start_timeout')
# What decides the model and the order of the data: a run keeps these from its first step to its last.
FIXED = ('layers', 'base_filters', 'keep_prob', 'direction', 'source_channels', 'target_channels', 'batch_size', 'seed',
         'load_size', 'crop_size', 'no_flip', 'images', 'names', 'precision')


def device_count(text):
    if text != 'all' and int(text) < 1:
        raise ValueError
    return text


def parse(args=None):
    """The options of the command line, over those of the catalogue's row, over the defaults."""
    parser = argparse.ArgumentParser(description=__doc__)

    add = adder(parser)
    add('--dataset',         required=True,             help='folder of pairs, or ' + ' '.join(catalogue.CATALOGUE))
    add('--name',                                       help='of the run; default: of the data set')
    add('--direction',       choices=('AtoB', 'BtoA'),  help='AtoB: left to right; default: of the data set, or AtoB')
    add('--epochs',          type=natural, default=200, help='in all, also for a run that is carried on')
    add('--batch_size',      type=natural, default=4,   help='pairs a step, on each device')
    add('--devices',         type=device_count, default='1', help='processes on this host, a GPU each; or all')
    add('--start_timeout',   type=natural, default=60,  help='seconds to wait for the other tasks')
    add('--wire',            choices=('float32', 'bfloat16'), default='float32',
                                                        help='type in which gradients go from device to device')
    add('--learning_rate',   type=positive, default=2e-4, help='of Adam')
    add('--beta1',           type=rate,    default=0.5, help='of Adam')
    add('--l1_weight',       type=weight,  default=100, help='of the L1 loss')
    add('--gan_weight',      type=weight,  default=1,   help='of the adversarial loss')
    add('--keep_prob',       type=rate1,   default=0.5, help='dropout keeps a value with this probability')
    add('--layers',          choices=LAYERS, default='paper', help='layer table: docs/design.md')
    add('--base_filters',    type=natural, default=64,  help='width of the first layer')
    add('--precision',       choices=('auto', 'float32', 'bfloat16'), default='auto',
                                                        help='of the convolutions; auto: the best the hardware has')
    add('--source_channels', type=int, choices=(1, 3), default=3, help='1: converted to gray')
    add('--target_channels', type=int, choices=(1, 3), default=3, help='1: converted to gray')
    add('--load_size',       type=natural,              help='resized to, then cropped; default: crop_size * 286 / 256')
    add('--crop_size',       type=natural, default=256, help=f'of training and test images, a multiple of {MULTIPLE}')
    parser.add_argument('--no_flip', action='store_true', help='do not mirror at random')
    add('--save_every',      type=natural, default=5,   help='epochs from one checkpoint to the next')
    add('--keep',            type=natural, default=3,   help='checkpoints kept, the newest')
    add('--keep_best',       choices=('l1', 'ssim'),    help='keep the best checkpoint too, by this validation metric')
    add('--sample_every',    type=natural, default=1,   help='epochs from one sample grid to the next')
    add('--samples',         type=natural, default=4,   help='validation pairs in a sample grid')
    add('--validate_every',  type=natural, default=5,   help='epochs from one validation to the next')
    add('--log_every',       type=natural, default=10,  help='steps from one line of metrics.jsonl to the next')
    add('--seed',            type=int,     default=0,   help='of weights, order, crop, mirror and dropout')
    parser.add_argument('--deterministic', action='store_true', help='the same bits every time on a GPU too, slower')

    row = catalogue.CATALOGUE.get(parser.parse_args(args).dataset)
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
    if opts.layers == 'writeup' and opts.batch_size == 1 and opts.crop_size == MULTIPLE:
        parser.error('--layers writeup needs --batch_size 2 or more: it batch-normalises the 1x1 bottleneck, and the '
                     'variance over one pixel is 0 / 0; --layers paper does not')
    if os.path.basename(opts.name) != opts.name or opts.name in ('.', '..'):
        parser.error(f'--name {opts.name}: a plain name, it becomes checkpoints/NAME and samples/NAME')
    return opts


def main(opts):
    sys.stdout.reconfigure(line_buffering=True)     # a task may end without a word to Python
    addresses, index = cluster.from_environment()
    if addresses and opts.dataset in catalogue.CATALOGUE and not os.path.isdir(f'{catalogue.ROOT}/{opts.dataset}'):
        raise cluster.ClusterError(f'--dataset {opts.dataset} is not here, and several tasks would fetch it at once: '
                                   f'first python -m datasets.download {opts.dataset}, or train.py on one device')
    folder, _ = catalogue.locate(opts.dataset)
    number = launch.count(opts.devices)
    if number > 1:
        if not addresses and '://' not in folder:
            launch.on_loopback()
        sys.exit(launch.run(number, addresses, index))
    tasks = cluster.Cluster(addresses, index, opts.start_timeout, opts.wire)
    train_dir = first_folder(folder, 'train') or folder
    names = reader.list_images(train_dir)
    opts.precision = devices.precision(opts.precision)
    options = dict(vars(opts), folder=folder if '://' in folder else os.path.abspath(folder), images=len(names),
                   names=hashlib.sha256('\n'.join(names).encode()).hexdigest(),
                   batch_size=opts.batch_size * tasks.size, devices=tasks.size)     # of all tasks together
    tasks.compare({name: options[name] for name in options if name not in OWN})
    run_dir, sample_dir = os.path.join('checkpoints', opts.name), os.path.join('samples', opts.name)
    if not tasks.chief:         # the first task writes, the others compute
        if tasks.agree(0):
            sys.exit(1)         # it says why
        with tf.Graph().as_default():
            train(opts, tasks, train_dir, names, [], [], run_dir, sample_dir)
        return
    with contextlib.ExitStack() as stack:
        held_out = first_folder(folder, 'val', 'test')
        try:
            os.makedirs(run_dir, exist_ok=True)
            stack.enter_context(run.locked(run_dir))
            changed = run.settle_options(os.path.join(run_dir, 'options.json'), options, FIXED)
            os.makedirs(sample_dir, exist_ok=True)
            validation = [f'{held_out}/{name}' for name in reader.list_images(held_out)] if held_out else []
            if opts.keep_best and not validation:
                raise run.RunError(f'--keep_best {opts.keep_best} needs a folder val or test in {folder}')
        except Exception:
            tasks.agree(1)
            raise
        tasks.agree(0)
        if tasks.size > 1 and not launch.is_closed():
            print('the ports of these tasks are open to the network, without authentication: README, several devices')
        print(f'{devices.describe()}; {opts.precision}; {len(names)} pairs in {train_dir}')
        if tasks.size > 1:
            print(f'{tasks.size} devices: {options["batch_size"]} pairs a step, {opts.batch_size} on each')
        if changed:
            print('changed since the run was started: ' + ', '.join(f'--{n} {options[n]}' for n in changed))
        samples = (validation or [f'{train_dir}/{name}' for name in names])[:opts.samples]
        stack.enter_context(tf.Graph().as_default())
        train(opts, tasks, train_dir, names, validation, samples, run_dir, sample_dir)


def first_folder(folder, *splits):
    """The first of the split folders that is there, or None."""
    return next((f'{folder}/{split}' for split in splits if tf.io.gfile.isdir(f'{folder}/{split}')), None)


def train(opts, tasks, train_dir, names, validation, samples, run_dir, sample_dir):
    """Run the steps that are still to do; `tasks` is the Cluster, whose first task alone writes anything."""
    batch_size = opts.batch_size * tasks.size       # of all tasks together
    steps = reader.steps_per(opts.epochs, len(names), batch_size)
    channels = {'source_channels': opts.source_channels, 'target_channels': opts.target_channels}
    tf.set_random_seed(opts.seed)
    if opts.deterministic:
        devices.make_deterministic()

    # The graph: the reader, one training step, and the generator as test.py runs it.
    first_step = tf.placeholder(tf.int64, [])
    batches = tf.data.make_initializable_iterator(reader.training_batches(
        train_dir, names, opts.seed, steps, first_step, opts.batch_size, opts.direction, opts.load_size, opts.crop_size,
        not opts.no_flip, **channels, task=tasks.index, tasks=tasks.size, parallel=tasks.cores))
    batch = batches.get_next()
    model = build_model(*batch, opts.layers, opts.base_filters, opts.keep_prob, opts.seed,
                        opts.learning_rate, opts.beta1, opts.l1_weight, opts.gan_weight, opts.precision,
                        tasks.mean if tasks.size > 1 else None, tasks.index)
    path = tf.placeholder(tf.string, [])
    source, target = reader.whole_pair(path, opts.direction, opts.crop_size, **channels)
    output = generator(source, opts.target_channels, opts.base_filters, opts.layers, opts.keep_prob, [opts.seed, 0],
                       STATISTICS[opts.layers], PRECISIONS[opts.precision])
    fetches = {'train': model.train_op, 'losses': model.losses, 'norms': model.norms, 'batch': batch}
    saver, init, compare = checkpoint.new_saver(), tf.global_variables_initializer(), metrics.Comparison()
    spread = tasks.spread(tf.global_variables())

    def due(step, every):
        """Whether this step is the first to have seen every image `every` epochs more, or the last."""
        done = [s * batch_size // (len(names) * every) for s in (step - 1, step)]
        return done[0] < done[1] or step == steps

    page = os.path.join(sample_dir, 'index.html')
    with tf.Session(tasks.target, config=tasks.config) as sess, Interrupt(launch.second_signal()) as interrupt:
        def run_pair(name):
            """A whole pair as test.py runs it: source, output and target in uint8."""
            try:
                triple = sess.run([source, output, target], {path: name})
            except tf.errors.OpError as error:
                raise reader.explain([name]) or error from None
            return [images.to_uint8(image[0]) for image in triple]

        def renew_page(training=False):
            """The page is not worth a training: what is wrong with it is said, and the training goes on."""
            try:
                report.write(page, run_dir, sample_dir, os.path.join(sample_dir, 'test'), training)
            except (run.RunError, OSError) as error:
                progress.say(f'the page was not written: {error}')

        # Start afresh, or carry on from the newest checkpoint.
        sess.run(init)
        if tasks.chief:
            checkpoint.restore_latest(sess, saver, run_dir)
        tasks.run(sess, spread)
        first = int(sess.run(model.step))
        sess.run(batches.initializer, {first_step: first})
        sess.graph.finalize()
        if tasks.chief:
            record = log.Log(run_dir, first)
            print(f'{opts.name}: {steps:,} steps, {first:,} of them done')
            progress = Progress(steps, first, len(names) / batch_size, batch_size)

        for step in range(first + 1, steps + 1):
            # One step; a loss or gradient that is not finite ends the run.
            try:
                out = sess.run(fetches)
            except tf.errors.OpError as error:
                paths = reader.paths_of_step(train_dir, names, opts.seed, step, opts.batch_size, tasks.index,
                                             tasks.size)
                broken = reader.explain(paths)      # the file, not the node of the graph
                if not broken:
                    tasks.lost(error)
                raise broken or error from None
            losses = {name: float(value) for name, value in out['losses'].items()}
            wrong = {name: value for name, value in {**losses, **out['norms']}.items() if not math.isfinite(value)}
            if wrong and not tasks.chief:
                tasks.leave()
                sys.exit(1)
            if wrong:
                picture = os.path.join(sample_dir, f'not-finite-step-{step}.png')
                images.write_png(picture, images.grid([map(images.to_uint8, pair) for pair in zip(*out['batch'])]))
                renew_page()
                tasks.leave()
                name, value = next(iter(wrong.items()))
                share = 'its batch' if tasks.size == 1 else "the first task's share of its batch"
                raise FloatingPointError(f'{name} is {value} at step {step}; {share} is in {picture}, the checkpoint '
                                         'before it is kept; a lower --learning_rate may help')
            if not tasks.chief:
                stopping = tasks.agree(interrupt.received)
                if stopping and step < steps:
                    tasks.leave()
                    sys.exit(128 + stopping)
                continue
            progress.show(step, losses)

            # Validate, log, sample and save, the checkpoint last: what it has seen is on the disk before it.
            validated = {}
            if validation and due(step, opts.validate_every):
                means = metrics.mean([compare(*run_pair(name)[1:]) for name in validation])
                validated = {'val_count': len(validation), **{f'val_{name}': value for name, value in means.items()}}
                progress.say(f'validation after step {step:,}: {len(validation):,} images  '
                             + '  '.join(f'{name} {value:.4f}' for name, value in means.items()))
            if step % opts.log_every == 0 or step == steps or validated:
                record.scalars(step, {'epoch': step * batch_size / len(names), **losses, **validated})
            sampled = due(step, opts.sample_every)
            if sampled:
                epoch = step * batch_size // len(names)
                picture = images.grid([run_pair(sample) for sample in samples])
                images.write_png(os.path.join(sample_dir, f'epoch-{epoch:04d}.png'), picture)
                record.image(step, 'samples', picture)
            stopping = tasks.agree(interrupt.received)      # read once: a signal from here on is for the next step
            saving, best = due(step, opts.save_every) or stopping, None
            if opts.keep_best and (saving or validated):
                best = metrics.best_step(log.read(record.path), opts.keep_best, checkpoint.steps_in(run_dir) + [step])
                saving = saving or best == step
            if saving:
                record.flush()
                checkpoint.save(sess, saver, run_dir, step, opts.keep, best)
            if sampled:
                renew_page(training=step < steps)
            if stopping and step < steps:
                progress.close()
                record.close()
                renew_page()
                print(f'stopped by {signal.Signals(stopping).name} after step {step:,}, saved as '
                      f'{checkpoint.prefix_of(run_dir, step)}; the same command carries on')
                tasks.leave()
                sys.exit(128 + stopping)
        tasks.leave()
        if not tasks.chief:
            return
        progress.close()
        record.close()
        renew_page()

    # Say what to open.
    print(f'done: {steps:,} steps, saved in {run_dir}\n'
          f'open {page}, or the sample grids beside it (a row is source | output | target)\n'
          f'then run: python test.py --name {opts.name}')


if __name__ == '__main__':
    try:
        main(parse())
    except KeyboardInterrupt:
        sys.exit(130)
    except reader.ReaderError as error:
        sys.exit(f'train.py: {error}; python -m datasets.check FOLDER reads every file')
    except (catalogue.DatasetError, run.RunError, checkpoint.CheckpointError, cluster.ClusterError, FloatingPointError,
            OSError) as error:
        sys.exit(f'train.py: {error}')

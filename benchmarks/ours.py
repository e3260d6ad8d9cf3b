"""Our networks: each function builds a setting and returns what one step of it is."""

import atexit
import hashlib
import shutil
import tempfile

import pix2pix.quiet  # noqa: F401

# isort: split
import tensorflow.compat.v1 as tf

import reader
from pix2pix import devices
from pix2pix.images import png
from pix2pix.images.arrays import grid, to_uint8
from pix2pix.images.form import PairFormat
from pix2pix.inference.generator import cast_once
from pix2pix.model.architecture import Architecture, Hyperparameters
from pix2pix.model.networks import trained_generator
from pix2pix.model.training_step import training_step
from pix2pix.run import checkpoint, log, report
from pix2pix.run.data import EMA
from pix2pix.run.folder import Run
from pix2pix.sizes import Size

tf.disable_eager_execution()


def step(precision, batch_size, size, filters, data=None, ema=0, **gpu):
    """A training step as train.py runs it, on constant tensors, or on the pairs of a folder, read and jittered.

    Without the average of the weights, unless `ema` asks for it: PyTorch's step has none.
    """
    settle(precision, **gpu)
    batches = batches_of(data, batch_size, size) if data else None
    source, target = (batches.source, batches.target) if data else constants(batch_size, size)
    ops = training_step(source, target, Architecture(base_filters=filters, precision=precision),
                        Hyperparameters(ema=ema), seed=0)
    sess = session(batches, **gpu)
    return lambda: sess.run([ops.train_op, ops.losses, ops.gradient_norms, source, target])


def bits(precision, batch_size, size, filters, steps, **gpu):
    """The SHA-256 of all variables after so many training steps from a seed: of two processes, equal or not."""
    settle(precision, **gpu)
    source, target = constants(batch_size, size)
    ops = training_step(source, target, Architecture(base_filters=filters, precision=precision), Hyperparameters(),
                        seed=0)
    sess = session(**gpu)
    for _ in range(steps):
        sess.run(ops.train_op)
    return hashlib.sha256(b''.join(value.tobytes() for value in sess.run(tf.global_variables()))).hexdigest()


def forward(precision, batch_size, size, filters, **gpu):
    """The generator as test.py runs it: dropout, batch statistics, and weights that are cast once."""
    settle(precision, **gpu)
    with tf.variable_scope('', custom_getter=cast_once(tf.as_dtype(precision))):
        output = trained_generator(constants(batch_size, size)[0],
                                   Architecture(base_filters=filters, precision=precision))
    sess = session(**gpu)
    return lambda: sess.run(output)


def onnx(precision, batch_size, size, filters):
    """The generator as pix2pix.draw runs it: exported, by onnxruntime. Without dropout."""
    # Here, since the others do not need it: not installed on a GPU, and it would count as their memory.
    import onnxruntime

    from pix2pix.export.to_onnx import model_of
    architecture = Architecture(base_filters=filters)
    source = constants(batch_size, size)[0]
    trained_generator(source, architecture)
    sess = session()
    variables = sess.run({variable.op.name: variable for variable in tf.global_variables('generator/')})
    model, picture = model_of(architecture, variables, 'batch'), sess.run(source)
    sess.close()
    runtime = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    return lambda: runtime.run(None, {'source': picture})


def read(batch_size, size, data, **network):
    """The reader alone."""
    batches = batches_of(data, batch_size, size)
    sess = session(batches)
    return lambda: sess.run([batches.source, batches.target])


def matmul(precision):
    factor = tf.cast(tf.get_variable('factor', [4096, 4096]), precision)
    product, sess = tf.reduce_max(tf.matmul(factor, factor)), session()
    return lambda: sess.run(product)


def beside(what, precision, size, filters, data):
    """What train.py does beside its steps: a 'log' line, a 'sample' grid of four pairs, the 'page' with the curves of
    200 epochs of 400 pairs, or to 'save' a checkpoint."""
    folder, architecture = tempfile.mkdtemp(), Architecture(base_filters=filters, precision=precision)
    atexit.register(shutil.rmtree, folder)
    run, pairs = Run(f'{folder}/checkpoints', f'{folder}/samples'), reader.Pairs.of(data)
    with run.opened({'epochs': 200}, (), steps=20_000):
        pass        # its folders and options are there now
    training_step(*constants(4, size), architecture, Hyperparameters(ema=EMA), seed=0)
    form, paths = PairFormat('BtoA', Size(size, size), 3, 3), pairs.paths[:4]
    source, target = (tf.concat(half, 0) for half in zip(*(reader.validation_pair(path, form) for path in paths)))
    images, saver = [source, trained_generator(source, architecture), target], checkpoint.new_saver()
    sess, record, losses = session(), log.Log(run, 0), {'d_loss': 1.0, 'g_loss_gan': 1.0, 'g_loss_l1': 1.0}

    def sample():
        picture = grid([map(to_uint8, triple) for triple in zip(*sess.run(images))])
        png.write(run.grid(1), picture)
        record.image(1, 'samples', picture)
    for step in range(10, 20_001, 10) if what == 'page' else ():
        record.scalars(step, {'epoch': step / 100, **losses})
    return {'log': lambda: record.scalars(1, {'epoch': 1.0, **losses}),
            'sample': sample,
            'page': lambda: report.write(run, history=record.history),
            'save': lambda: checkpoint.save(sess, saver, run.checkpoints, 1, keep=1)}[what]


def constants(batch_size, size):
    """A source and a target, [N, size, size, 3] in [-1, 1]."""
    return [tf.get_variable(name, [batch_size, size, size, 3], trainable=False,
                            initializer=tf.random_uniform_initializer(-1, 1)) for name in ('source', 'target')]


def batches_of(data, batch_size, size):
    """Batches without end of the pairs of a folder, as train.py reads them."""
    pairs = reader.Pairs.of(data)
    return reader.Batches(pairs, reader.Order(len(pairs.names), batch_size, epochs=10 ** 6, seed=0),
                          PairFormat('BtoA', Size(size, size), 3, 3),
                          reader.Jitter(Size(size * 286 // 256, size * 286 // 256), flip=True))


def settle(precision, tf32=False, deterministic=False, xla=False):
    """What is settled before a graph is built. On a GPU: float32 products in TF32 or not, and the same bits or not."""
    tf.set_random_seed(0)
    tf.config.experimental.enable_tensor_float_32_execution(tf32)
    if deterministic:
        devices.make_deterministic()


def session(batches=None, xla=False, tf32=False, deterministic=False):
    """A session whose variables are set, and whose reader is started."""
    config = devices.session_config()
    if xla:
        config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_2
    sess = tf.Session(config=config)
    sess.run(tf.global_variables_initializer())
    sess.run(tf.local_variables_initializer())
    if batches:
        batches.start(sess, after=0)
    return sess

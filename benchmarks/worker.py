"""One setting of one framework, timed on request: reads a number of steps a line, answers seconds and memory as JSON.

benchmarks/peers.py starts these and lets only one of them work at a time, so that all meet the same minutes.
"""

import argparse
import atexit
import json
import os
import resource
import shutil
import sys
import tempfile
import time

BESIDE = ('log', 'sample', 'page', 'save')
sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]


def tensorflow_step(what, batch_size, size, base, precision, data=None):
    """A function that runs one training step, or the generator, as train.py and test.py do.

    On constant tensors, or on the pairs of the folder `data`, read and jittered.
    """
    import pix2pix  # noqa: F401
    # isort: split
    import tensorflow.compat.v1 as tf

    import reader
    from pix2pix import devices
    from pix2pix.inference import generator as inference
    from pix2pix.model.training_step import PRECISIONS, build_model
    from pix2pix.networks import generator
    tf.disable_eager_execution()
    noise = tf.random_uniform_initializer(-1, 1)
    source, target = (tf.get_variable(name, [batch_size, size, size, 3], initializer=noise, trainable=False)
                      for name in ('source', 'target'))
    if data:
        batches = tf.data.make_initializable_iterator(reader.training_batches(
            data, reader.list_images(data), 0, 10 ** 6, 0, batch_size, 'BtoA', size * 286 // 256, size))
        source, target = batches.get_next()
    if what == 'step':
        model = build_model(source, target, base_filters=base, precision=precision)
        fetches = [model.train_op, model.losses, model.norms]
    else:
        with tf.variable_scope('', custom_getter=inference.cast_once(PRECISIONS[precision])):
            fetches = generator(source, 3, base, 'paper', 0.5, [0, 0], 'batch', PRECISIONS[precision])
    sess = tf.Session(config=devices.session_config())
    sess.run(tf.global_variables_initializer())
    sess.run(tf.local_variables_initializer())
    if data:
        sess.run(batches.initializer)
    if what == 'read':
        fetches = [source, target]
    return lambda: sess.run(fetches)


def beside_the_step(what, batch_size, size, base, precision, folder):
    """A function that does what train.py does at times: a line of the log, a sample grid, the page, a checkpoint."""
    import pix2pix  # noqa: F401
    # isort: split
    import tensorflow.compat.v1 as tf

    import reader
    from pix2pix import devices
    from pix2pix.images import arrays as images
    from pix2pix.model.training_step import PRECISIONS, build_model
    from pix2pix.networks import generator
    from pix2pix.run import checkpoint, log, report
    tf.disable_eager_execution()
    run_dir = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, run_dir)
    with open(os.path.join(run_dir, 'options.json'), 'w') as file:
        json.dump({'epochs': 200}, file)
    pair = tf.zeros([batch_size, size, size, 3])
    build_model(pair, pair, base_filters=base, precision=precision)
    path = tf.placeholder(tf.string, [])
    source, target = reader.whole_pair(path, size=size)
    output = generator(source, 3, base, 'paper', 0.5, [0, 0], 'batch', PRECISIONS[precision])
    saver, sess = checkpoint.new_saver(), tf.Session(config=devices.session_config())
    sess.run(tf.global_variables_initializer())
    record = log.Log(run_dir, 0)
    paths = [f'{folder}/{name}' for name in reader.list_images(folder)][:4]
    values = {'epoch': 1.0, 'd_loss': 1.0, 'g_loss_gan': 1.0, 'g_loss_l1': 1.0}

    def sample():
        grid = images.grid([[images.to_uint8(image[0]) for image in sess.run([source, output, target], {path: name})]
                            for name in paths])
        images.write_png(os.path.join(run_dir, 'epoch-0001.png'), grid)
        record.image(1, 'samples', grid)
    if what == 'page':
        for step in range(10, 20_001, 10):      # 200 epochs of 400 pairs
            record.scalars(step, values)
    return {'log': lambda: record.scalars(1, values), 'sample': sample,
            'page': lambda: report.write(os.path.join(run_dir, 'index.html'), run_dir, run_dir, run_dir),
            'save': lambda: checkpoint.save(sess, saver, run_dir, 1, 1)}[what]


def tensorflow_matmul(precision):
    import tensorflow.compat.v1 as tf
    tf.disable_eager_execution()
    a = tf.get_variable('a', [4096, 4096], tf.float32)
    low = tf.cast(a, precision)
    product = tf.reduce_max(tf.matmul(low, low))
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    return lambda: sess.run(product)


def torch_matmul(precision):
    import torch
    a = torch.rand(4096, 4096).to(getattr(torch, precision))
    return lambda: (a @ a)[0, 0].item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('framework', choices=('tensorflow', 'torch'))
    parser.add_argument('what', choices=('step', 'forward', 'read', 'matmul', *BESIDE))
    parser.add_argument('--precision', default='float32')
    parser.add_argument('--batch_size', type=int, default=4)
    parser.add_argument('--size', type=int, default=256)
    parser.add_argument('--base_filters', type=int, default=64)
    parser.add_argument('--data', help='folder of pairs to read, instead of constant tensors')
    parser.add_argument('--channels_last', action='store_true')
    parser.add_argument('--compile', action='store_true')
    opts = parser.parse_args()
    shape = opts.batch_size, opts.size, opts.base_filters, opts.precision
    if opts.what == 'matmul':
        step = {'tensorflow': tensorflow_matmul, 'torch': torch_matmul}[opts.framework](opts.precision)
    elif opts.what in BESIDE:
        step = beside_the_step(opts.what, *shape, opts.data)
    elif opts.framework == 'tensorflow':
        step = tensorflow_step(opts.what, *shape, opts.data)
    else:
        from benchmarks import torch_peer
        build = torch_peer.training_step if opts.what == 'step' else torch_peer.forward
        step = build(*shape, opts.channels_last, opts.compile)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({'seconds': seconds, 'peak_mib': peak}), flush=True)


if __name__ == '__main__':
    main()

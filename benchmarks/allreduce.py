"""What several tasks cost on this machine: the all-reduce of all gradients over loopback, and a step of theirs.

    python benchmarks/allreduce.py [TASKS]
"""

import os
import statistics
import sys
import time

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

import pix2pix  # noqa: E402, F401

# isort: split
import tensorflow.compat.v1 as tf  # noqa: E402

from pix2pix import devices  # noqa: E402
from pix2pix.distributed import collectives as cluster  # noqa: E402
from pix2pix.distributed import launch  # noqa: E402
from pix2pix.model.training_step import build_model  # noqa: E402

BATCH, ROUNDS, STEPS, REDUCES = 4, 3, 2, 2     # pairs of all tasks, rounds by turns, what is timed in a round


def model(batch_size, wire, tasks=None):
    noise = tf.random_uniform_initializer(-1, 1, seed=1)
    pair = [tf.get_variable(name, [batch_size, 256, 256, 3], initializer=noise, trainable=False) for name in 'ab']
    if tasks:
        tasks.wire = wire
    built = build_model(*pair, precision=wire, average=tasks.mean if tasks else None, task=tasks.index if tasks else 0)
    return [built.train_op, built.losses, built.norms]


def time_of(sess, fetches, count):
    start = time.perf_counter()
    for _ in range(count):
        sess.run(fetches)
    return (time.perf_counter() - start) / count


def reductions(tasks):
    """All-reduces of tensors of the gradients' shapes: name -> (session, what to run, how often)."""
    with tf.Graph().as_default():
        pair = tf.zeros([1, 256, 256, 3])
        build_model(pair, pair)
        shapes = [v.shape.as_list() for v in tf.trainable_variables()]
    with tf.Graph().as_default():
        values = [tf.get_variable(f'v{i}', shape, initializer=tf.ones_initializer()) for i, shape in enumerate(shapes)]
        done = {}
        for tasks.wire in 'float32', 'bfloat16':
            for cluster.BUCKET in 2 ** 20, 2 ** 22, 2 ** 30:
                name = f'all-reduce, {tasks.wire}, {cluster.BUCKET * 4 >> 20:5} MiB a bucket'
                done[name] = tf.group(*tasks.mean([v.read_value() for v in values]))
        sess = tf.Session(tasks.target, config=tasks.config)
        sess.run(tf.global_variables_initializer())
    return {name: (sess, op, REDUCES) for name, op in done.items()}


def main():
    tasks = cluster.Cluster(*cluster.from_environment())
    settings = reductions(tasks)
    cluster.BUCKET = 2 ** 20
    alone = {}
    for precision in 'float32', 'bfloat16':
        name = f'step, {precision}, {tasks.size} tasks of {BATCH // tasks.size}, {tasks.cores} core each'
        with tf.Graph().as_default():
            fetches = model(BATCH // tasks.size, precision, tasks)
            sess = tf.Session(tasks.target, config=tasks.config)
            sess.run(tf.global_variables_initializer())
        settings[name] = sess, fetches, STEPS
        if tasks.chief:
            with tf.Graph().as_default():
                fetches = model(BATCH, precision)
                sess = tf.Session(config=devices.session_config())
                sess.run(tf.global_variables_initializer())
            alone[f'step, {precision}, 1 process of {BATCH}, {os.cpu_count()} cores'] = sess, fetches, STEPS
    seconds = {name: [] for name in (*settings, *alone)}
    for _ in range(ROUNDS + 1):             # the first to warm up
        for name, (sess, fetches, count) in settings.items():
            tasks.agree(0)
            seconds[name].append(time_of(sess, fetches, count))
        tasks.agree(0)
        for name, (sess, fetches, count) in alone.items():      # the others wait, idle
            seconds[name].append(time_of(sess, fetches, count))
    tasks.agree(0)
    if tasks.chief:
        print(f'{os.cpu_count()} cores, tensorflow {tf.version.VERSION}, {tasks.size} tasks, '
              f'load {os.getloadavg()[0]:.1f}')
        for name, values in seconds.items():
            values = values[1:]
            print(f'  {name:48} {statistics.median(values):6.3f} s ({min(values):.3f}-{max(values):.3f})')
    tasks.leave()


if __name__ == '__main__':
    if 'TF_CONFIG' not in os.environ:
        launch.on_loopback()
        sys.exit(launch.run(int((sys.argv[1:] or ['2'])[0]), [], 0))
    main()

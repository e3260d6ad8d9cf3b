"""N tasks that train on noise and write down all variables: python tests/tasks.py N FOLDER (a script of test_cluster).

They run in a network of their own where the machine allows it.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import pix2pix  # noqa: E402, F401

# isort: split
import numpy as np  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402

from pix2pix.distributed import collectives as cluster  # noqa: E402
from pix2pix.distributed import launch  # noqa: E402
from pix2pix.model.training_step import build_model  # noqa: E402

SIZE, BASE, STEPS, SEED = 2, 2, 3, 7        # pairs a task, width, steps, of dropout
RATES = {'sgd': 0.02, 'adam': 2e-4}


def batches(tasks):
    """[steps, source and target, pairs of all tasks, 256, 256, 3].

    Of seeds for which, where this was written, no rounding moved an activation to the other side of a ReLU's bend.
    """
    return np.random.RandomState({2: 2, 3: 23}[tasks]).uniform(-1, 1, [STEPS, 2, SIZE * tasks, 256, 256, 3]).astype('f')


def optimizer(kind):
    """What takes the place of Adam."""
    return tf.train.AdamOptimizer if kind == 'adam' else \
        lambda rate, beta1, name: tf.train.GradientDescentOptimizer(rate, name=name)


def main(folder):
    tasks = cluster.Cluster(*cluster.from_environment())
    adam, own = tf.train.AdamOptimizer, slice(tasks.index * SIZE, (tasks.index + 1) * SIZE)
    for kind, rate in RATES.items():
        with tf.Graph().as_default():
            tf.set_random_seed(1 + tasks.index)     # so that the first values must come from task 0
            pair = [tf.placeholder(tf.float32, [SIZE, 256, 256, 3]) for _ in range(2)]
            tf.train.AdamOptimizer = optimizer(kind) if kind == 'sgd' else adam
            model = build_model(*pair, base_filters=BASE, seed=SEED, learning_rate=rate, average=tasks.mean,
                                task=tasks.index)
            spread = tasks.spread(tf.global_variables())
            with tf.Session(tasks.target, config=tasks.config) as sess:
                sess.run(tf.global_variables_initializer())
                tasks.run(sess, spread)
                values = {v.op.name: v for v in tf.global_variables()}
                before = sess.run(values)
                for batch in batches(tasks.size):
                    out = sess.run([model.train_op, model.losses, model.norms], dict(zip(pair, batch[:, own])))
                np.savez(f'{folder}/{kind}-{tasks.index}.npz', **sess.run(values), **out[1], **out[2],
                         **{'before/' + name: value for name, value in before.items()})
    tasks.leave()


if __name__ == '__main__':
    if 'TF_CONFIG' not in os.environ:
        launch.on_loopback()
        sys.exit(launch.run(int(sys.argv[1]), [], 0))
    main(sys.argv[2])

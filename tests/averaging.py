"""N replicas that train on noise and write down all variables: python tests/averaging.py N FOLDER (for test_replicas).

They run in a network of their own where the machine allows it.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import pix2pix.quiet  # noqa: E402, F401

# isort: split
import numpy as np  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402

from pix2pix.distributed.replicas import join  # noqa: E402
from pix2pix.model.architecture import Architecture, Hyperparameters  # noqa: E402
from pix2pix.model.training_step import training_step  # noqa: E402

SIZE, BASE, STEPS, SEED = 2, 2, 3, 7        # pairs a replica, width, steps, of dropout
RATES = {'sgd': 0.02, 'adam': 2e-4}
ARCHITECTURE = Architecture(base_filters=BASE)


def batches(replicas):
    """[steps, source and target, pairs of all replicas, 256, 256, 3].

    Of seeds for which, where this was written, no rounding moved an activation to the other side of a ReLU's bend.
    """
    seed = {2: 2, 3: 23}[replicas]
    return np.random.RandomState(seed).uniform(-1, 1, [STEPS, 2, SIZE * replicas, 256, 256, 3]).astype('f')


def optimizer(kind):
    """What takes the place of Adam."""
    return tf.train.AdamOptimizer if kind == 'adam' else \
        lambda rate, beta1, name: tf.train.GradientDescentOptimizer(rate, name=name)


def main(number, folder):
    replicas = join(number, [sys.executable, *sys.argv], batch_size=SIZE * int(number), timeout=60, isolate=True,
                    complain=print)
    adam, own = tf.train.AdamOptimizer, slice(replicas.index * SIZE, (replicas.index + 1) * SIZE)
    for kind, rate in RATES.items():
        with tf.Graph().as_default():
            tf.set_random_seed(1 + replicas.index)      # so that the first values must come from the first replica
            pair = [tf.placeholder(tf.float32, [SIZE, 256, 256, 3]) for _ in range(2)]
            tf.train.AdamOptimizer = optimizer(kind) if kind == 'sgd' else adam
            step = training_step(*pair, ARCHITECTURE, Hyperparameters(learning_rate=rate), seed=SEED,
                                 all_reduce_mean=replicas.all_reduce_mean, replica=replicas.index)
            with tf.Session(replicas.server.target, config=replicas.config) as sess:
                sess.run(tf.global_variables_initializer())
                replicas.broadcast_variables(sess)
                values = {v.op.name: v for v in tf.global_variables()}
                before = sess.run(values)
                for batch in batches(replicas.size):
                    out = sess.run([step.train_op, step.losses, step.gradient_norms], dict(zip(pair, batch[:, own])))
                np.savez(f'{folder}/{kind}-{replicas.index}.npz', **sess.run(values), **out[1], **out[2],
                         **{'before/' + name: value for name, value in before.items()})
    replicas.all_reduce_max(0)      # none leaves before all are done


if __name__ == '__main__':
    main(*sys.argv[1:])

"""The all-reduce of a step's gradients: python -m benchmarks.replicas NUMBER FILTERS ROUNDS

Prints the seconds that it took between so many replicas on this machine, over loopback, as a list of JSON.
"""

import json
import sys
import time

from benchmarks.ours import constants, tf

# isort: split
from pix2pix.distributed.replicas import join
from pix2pix.model.architecture import Architecture, Hyperparameters
from pix2pix.model.training_step import training_step

if __name__ == '__main__':
    number, filters, rounds = map(int, sys.argv[1:])
    replicas = join(number, [sys.executable, '-m', 'benchmarks.replicas', *sys.argv[1:]], batch_size=number, timeout=60,
                    isolate=True, complain=lambda line: print(line, file=sys.stderr))
    training_step(*constants(1, 256), Architecture(base_filters=filters), Hyperparameters(), seed=0)
    means, seconds = tf.group(*replicas.all_reduce_mean([v.read_value() for v in tf.trainable_variables()])), []
    with replicas.session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(1 + rounds):         # the first does not count
            replicas.all_reduce_max(0)      # all begin together
            start = time.perf_counter()
            sess.run(means)
            seconds.append(time.perf_counter() - start)
    if replicas.first:
        print(json.dumps(seconds[1:]))

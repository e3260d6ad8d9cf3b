"""Ops that all replicas take part in. They must run the same ones in the same order.

TensorFlow's collective ops (ring all-reduce over gRPC, NCCL on GPUs) find each other by keys. These are counted as the
graph is built, and each op waits for the one before.
"""

import tensorflow.compat.v1 as tf

TIMEOUT = 4 * 3600      # seconds at most that the others wait for one that lives, such as for the first to validate
BUCKET = 2 ** 20        # values of an all-reduce, 4 MiB: half the time of 16 MiB over loopback (docs/distributed.md)
SMALL = 2 ** 14         # values up to which a tensor goes with the other small ones: biases, statistics, losses
DEVICES, CPUS, CPUS_ASIDE = 1, 2, 3     # groups: the replicas' devices, their CPUs, these in a session beside the step


class Collectives:
    """Builds the ops of replica `index` of `size` into the default graph."""

    def __init__(self, index, size, gpu):
        self.index, self.size, self.hint = index, size, 'nccl' if gpu else 'ring'
        self.keys, self.last = 0, None

    def member(self, group):
        """What every collective op is told."""
        self.keys += 1
        return {'group_size': self.size, 'group_key': group, 'instance_key': group * 2 ** 20 + self.keys,
                'communication_hint': self.hint if group == DEVICES else 'ring', 'timeout_seconds': TIMEOUT}

    def all_reduce(self, x, op, group=DEVICES):
        """The 'Add' or 'Max' of x over the replicas."""
        before = [] if self.last is None or self.last.graph is not tf.get_default_graph() else [self.last]
        with tf.control_dependencies(before):
            self.last = tf.raw_ops.CollectiveReduceV2(input=x, merge_op=op, final_op='Id', ordering_token=[],
                                                      **self.member(group))
        return self.last

    def all_reduce_mean(self, tensors):
        """float32 tensors -> their means over the replicas: all-reduces of BUCKET values or so, the last tensors first.

        A backward pass has the gradients of the last layers first, so that sending them overlaps the rest of it.
        """
        buckets, means = [], {}
        for small in False, True:       # the small ones wait for all of the backward pass
            size = BUCKET
            for i in reversed(range(len(tensors))):
                if (tensors[i].shape.num_elements() <= SMALL) == small:
                    if size >= BUCKET:
                        buckets.append([])
                        size = 0
                    buckets[-1].append(i)
                    size += tensors[i].shape.num_elements()
        for members in buckets:
            flat = tf.concat([tf.reshape(tensors[i], [-1]) for i in members], axis=0)
            flat = self.all_reduce(flat, 'Add') / self.size
            parts = tf.split(flat, [tensors[i].shape.num_elements() for i in members])
            means.update((i, tf.reshape(part, tensors[i].shape)) for i, part in zip(members, parts))
        return [means[i] for i in range(len(tensors))]

    def all_gather(self, x, group):
        """The vectors x of all replicas, one behind the other."""
        return tf.raw_ops.CollectiveGatherV2(input=x, ordering_token=[], **self.member(group))

    def broadcast(self, variables):
        """An op that sets the variables to those of the first replica, one after the other."""
        done = []
        with tf.device('/device:CPU:0'):
            for v in variables:
                with tf.control_dependencies(done):
                    if self.index == 0:
                        done = [tf.raw_ops.CollectiveBcastSendV2(input=v, **self.member(CPUS))]
                    else:
                        value = tf.raw_ops.CollectiveBcastRecvV2(shape=v.shape, T=v.dtype.base_dtype,
                                                                 **self.member(CPUS))
                        done = [v.assign(value, read_value=False)]
        return tf.group(done)

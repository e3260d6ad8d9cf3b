"""The tasks of one training, a process and a device each: who they are, and what they work out together.

Every task runs the same graph on its share of the batch, on a tf.distribute.Server of its own; TensorFlow's collective
ops (ring all-reduce over gRPC, NCCL on GPUs) give all of them the same means. Members must run the same collectives in
the same order: keys are counted as the graph is built, and each op waits for the one before.
"""

import atexit
import json
import os
import signal
import sys
import threading
import time

import grpc
import tensorflow.compat.v1 as tf
from tensorflow.compat.v1.distribute.cluster_resolver import SlurmClusterResolver, TFConfigClusterResolver
from tensorflow.core.protobuf import rewriter_config_pb2

from pix2pix import devices

TIMEOUT = 4 * 3600  # seconds at most that the others wait for a task that lives, such as for the first to validate
ANSWER = 10         # seconds a task may take to answer, twice, before it counts as gone
PERIOD = 2          # seconds from one look at all other tasks to the next, for up to 20 of them
BUCKET = 2 ** 20    # values of an all-reduce, 4 MiB in float32: half the time of 16 MiB over loopback (docs/scaling.md)
LAUNCHER = 'PIX2PIX_LAUNCHER'   # the process that started this one and passes signals on
SMALL = 2 ** 14     # tensors up to this travel in float32 whatever the wire: biases, statistics, losses


class ClusterError(Exception):
    """Tasks that cannot begin together, in one line."""


def from_environment():
    """(addresses, index): host:port of every task, by TF_CONFIG or Slurm, and which of them this is; ([], 0) alone."""
    try:
        if os.environ.get('TF_CONFIG'):
            return from_tf_config(TFConfigClusterResolver())
        if int(os.environ.get('SLURM_STEP_NUM_TASKS', 1)) > 1:
            # The GPUs of a task are Slurm's to choose (--gpus-per-task=1); the resolver divides by their number.
            resolver = SlurmClusterResolver(gpus_per_node=2 ** 10, gpus_per_task=1, auto_set_gpu=False)
            addresses, index = resolver.cluster_spec().as_dict()['worker'], resolver.get_task_info()[1]
            node = os.environ.get('SLURMD_NODENAME', host(addresses[index]))
            if node != host(addresses[index]):      # it sorts node10 before node9, Slurm does not
                raise ClusterError(f'SLURM_*: task {index} runs on {node}, but the order of the names puts it on '
                                   f'{host(addresses[index])}: name the tasks in TF_CONFIG')
            return addresses, index
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, IndexError) as error:
        name = 'TF_CONFIG' if os.environ.get('TF_CONFIG') else 'SLURM_*'
        raise ClusterError(f'{name}: does not describe the tasks ({type(error).__name__}: {error})') from None
    return [], 0


def from_tf_config(resolver):
    jobs, job, index = resolver.cluster_spec().as_dict(), resolver.task_type or 'worker', int(resolver.task_id or 0)
    if not jobs:
        return [], 0
    order = [name for name in ('chief', 'master', 'worker') if name in jobs]
    unknown = sorted((set(jobs) | {job}) - set(order))
    if unknown:
        raise ClusterError(f'TF_CONFIG: {", ".join(unknown)}: there is no such job here, only worker (and chief); '
                           'every task trains')
    addresses = [address for name in order for address in jobs[name]]
    if len(addresses) > 1 and resolver.task_id is None:
        raise ClusterError('TF_CONFIG: does not say which of the tasks this is: give "task" its "type" and "index"')
    if not 0 <= index < len(jobs[job]):
        raise ClusterError(f'TF_CONFIG: task {index} of {len(jobs[job])} {job}s')
    wrong = [address for address in addresses if not address.rpartition(':')[2].isdecimal()]
    if wrong:
        raise ClusterError(f'TF_CONFIG: {wrong[0]}: give host:port')
    index += sum(len(jobs[name]) for name in order[:order.index(job)])
    return (addresses, index) if len(addresses) > 1 else ([], 0)


def host(address):
    return address.rpartition(':')[0]


def cores_of(addresses, index):
    """The cores of this host for each of its tasks."""
    here = sum(host(address) == host(addresses[index]) for address in addresses)
    return max(1, os.cpu_count() // here)


class Cluster:
    """Task `index` of those at `addresses`; one device has none, no server, and gets back what it gives.

    Waits `start_timeout` seconds for the others. `wire`: the type that large gradients are sent in.
    """

    def __init__(self, addresses=(), index=0, start_timeout=60, wire='float32'):
        self.addresses, self.index, self.size, self.wire = list(addresses), index, max(1, len(addresses)), wire
        self.chief, self.keys, self.last, self.target = index == 0, 0, None, ''
        self.over, self.ending = threading.Event(), threading.Lock()
        if self.size == 1:
            self.cores, self.config = os.cpu_count(), devices.session_config()
            return
        self.cores, self.gpu = cores_of(self.addresses, index), bool(tf.config.list_physical_devices('GPU'))
        self.config = devices.session_config()
        self.config.intra_op_parallelism_threads = self.cores
        self.config.isolate_session_state = True
        # Else bias and convolution are fused, and a session on a server refuses that in bfloat16; as fast without.
        self.config.graph_options.rewrite_options.remapping = rewriter_config_pb2.RewriterConfig.OFF
        self.config.device_filters.append(f'/job:worker/replica:0/task:{index}')
        self.config.experimental.collective_group_leader = '/job:worker/replica:0/task:0'
        try:
            self.server = tf.distribute.Server({'worker': self.addresses}, 'worker', index, config=self.config)
        except tf.errors.OpError as error:
            raise ClusterError(f'{self.name(index)} cannot listen there ({error.message.splitlines()[0]}): is the port '
                               'taken, or the address of another host?') from None
        self.target = self.server.target
        missing = self.missing(start_timeout, wait=True)
        if missing:
            raise ClusterError(f'{self.names(missing)} did not come up within {start_timeout} s; this is '
                               f'{self.name(index)}; start all of them with the same command')
        with tf.Graph().as_default() as graph, tf.device('/device:CPU:0'):
            self.number = tf.placeholder(tf.int32, [])
            self.highest = self.reduce(self.number, 'Max', group=3)
            self.text = tf.placeholder(tf.int32, [None])
            self.texts = tf.raw_ops.CollectiveGatherV2(input=self.text, **self.member(group=3))
            self.side = tf.Session(self.target, config=self.config)
            graph.finalize()
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()
        atexit.register(self.stop)      # Python ends a thread that waits for gRPC with an abort

    def name(self, index):
        return f'task {index} ({self.addresses[index]})'

    def names(self, indices):
        return ', '.join(self.name(index) for index in indices)

    # Collectives: each is one more key, the same in every task.

    def member(self, group=1):
        """What every collective op is told; groups: 1 the devices, 2 the CPUs, 3 the CPUs in a session apart."""
        self.keys += 1
        return {'group_size': self.size, 'group_key': group, 'instance_key': group * 2 ** 20 + self.keys,
                'ordering_token': [], 'communication_hint': 'nccl' if group == 1 and self.gpu else 'ring',
                'timeout_seconds': TIMEOUT}

    def reduce(self, x, op, group=1):
        before = [] if self.last is None or self.last.graph is not tf.get_default_graph() else [self.last]
        with tf.control_dependencies(before):
            self.last = tf.raw_ops.CollectiveReduceV2(input=x, merge_op=op, final_op='Id', **self.member(group))
        return self.last

    def mean(self, tensors):
        """float32 tensors -> their means over the tasks: all-reduces of BUCKET values or so, the last tensors first.

        A backward pass has the gradients of the last layers first, so that sending them overlaps the rest of it.
        """
        buckets, means = [], {}
        for small in False, True:       # the small ones wait for all of the backward pass
            size = BUCKET
            for i in reversed(range(len(tensors))):
                if (tensors[i].shape.num_elements() <= SMALL) == small:
                    if size >= BUCKET:
                        buckets.append((tf.float32 if small else tf.as_dtype(self.wire), []))
                        size = 0
                    buckets[-1][1].append(i)
                    size += tensors[i].shape.num_elements()
        for wire, members in buckets:
            flat = tf.concat([tf.reshape(tf.cast(tensors[i], wire), [-1]) for i in members], axis=0)
            flat = tf.cast(self.reduce(flat, 'Add'), tf.float32) / self.size
            parts = tf.split(flat, [tensors[i].shape.num_elements() for i in members])
            means.update((i, tf.reshape(part, tensors[i].shape)) for i, part in zip(members, parts))
        return [means[i] for i in range(len(tensors))]

    def spread(self, variables):
        """What sets the variables to those of task 0, one after the other: an op, or [] on one device."""
        if self.size == 1:
            return []
        done = []
        with tf.device('/device:CPU:0'):
            for v in variables:
                with tf.control_dependencies(done):
                    how = self.member(group=2)
                    del how['ordering_token']
                    if self.chief:
                        done = [tf.raw_ops.CollectiveBcastSendV2(input=v, **how)]
                    else:
                        value = tf.raw_ops.CollectiveBcastRecvV2(shape=v.shape, T=v.dtype.base_dtype, **how)
                        done = [v.assign(value, read_value=False)]
        return tf.group(done)

    # What is agreed on outside the step.

    def agree(self, number):
        """The highest of the numbers that the tasks call this with; all wait for the last."""
        return number if self.size == 1 else int(self.run(self.side, self.highest, {self.number: number}))

    def compare(self, options):
        """ClusterError where the tasks were not given the same options, a dict that JSON can hold."""
        if self.size == 1:
            return
        text = json.dumps(options).encode()
        length = self.agree(len(text))
        codes = self.run(self.side, self.texts, {self.text: list(text.ljust(length))}).reshape(self.size, length)
        first, *others = (json.loads(bytes(row.tolist())) for row in codes)
        for index, other in enumerate(others, 1):
            for name in options:
                if other.get(name) != first.get(name) and name == 'names':
                    raise ClusterError(f'{self.name(index)} has other files in its data set than {self.name(0)}')
                if other.get(name) != first.get(name):
                    raise ClusterError(f'--{name} is {other.get(name)} in {self.name(index)} and {first.get(name)} in '
                                       f'{self.name(0)}: start all of them with the same command and files')

    # Faults.

    def missing(self, seconds, wait=False):
        """The tasks whose servers do not answer within `seconds`: dead, unreachable, or stopped."""
        return answerless({i: self.addresses[i] for i in range(self.size) if i != self.index}, seconds, wait)

    def watch(self):
        """Look at every other task again and again: a collective would wait without end for one that is stopped."""
        launcher = os.environ.get(LAUNCHER)
        while not self.over.wait(max(PERIOD, self.size / 10)):
            if launcher and os.getppid() != int(launcher):      # it was killed: save and end
                launcher = None
                os.kill(os.getpid(), signal.SIGTERM)
            if self.missing(ANSWER) and not self.over.wait(PERIOD):
                missing = self.missing(ANSWER, wait=True)       # time for a name server or a cable to come back
                if missing and not self.over.is_set():
                    self.end(missing)

    def run(self, sess, fetches, feed=None):
        """sess.run; ends this process where another task is the reason that it fails, for the session is lost then."""
        try:
            return sess.run(fetches, feed)
        except tf.errors.OpError as error:
            self.lost(error)
            raise

    def lost(self, error):
        """End this process if it is another task's fault."""
        kinds = tf.errors.UnavailableError, tf.errors.DeadlineExceededError, tf.errors.AbortedError
        if self.size > 1 and (isinstance(error, kinds) or 'Collective' in error.message):
            self.end(self.missing(ANSWER), error)

    def end(self, missing, error=None):
        """Name the tasks that are missing and end this process, once the others have had the time to find the same."""
        self.ending.acquire()       # of the step and the watch, the first
        why = f'no answer any more from {self.names(missing)}' if missing else \
            f'this or another task failed, or did not come to a step in {TIMEOUT // 3600} hours, though all answer ' \
            f'({error.message.removeprefix("Graph execution error:").split("Detected at")[0].strip()[:160]})'
        print(f'train.py: {why}; {self.name(self.index)} ends too; '
              'if another task said why, see to that first; the same command carries on from the last checkpoint',
              file=sys.stderr, flush=True)
        time.sleep(PERIOD + ANSWER if self.size > 2 else 0)
        os._exit(1)

    def leave(self):
        """Wait until all tasks have come here; what happens to the others then is no error."""
        if self.size > 1:
            try:
                self.side.run(self.highest, {self.number: 0})
            except tf.errors.OpError:
                pass
            self.stop()

    def stop(self):
        self.over.set()
        self.watcher.join()


def answerless(addresses, seconds, wait=False):
    """The keys of those addresses (a dict of task numbers) whose server gives no status within `seconds`, by the call
    that TensorFlow has for it, or that of another task; `wait` gives one that is not there yet the time to come."""
    options = [('grpc.enable_http_proxy', 0), ('grpc.use_local_subchannel_pool', 1),
               ('grpc.max_reconnect_backoff_ms', 1000)]
    channels = {key: grpc.insecure_channel(address, options) for key, address in addresses.items()}
    answers = {key: channel.unary_unary('/tensorflow.WorkerService/GetStatus').future(b'', seconds, wait_for_ready=wait)
               for key, channel in channels.items()}
    missing = [key for key, answer in answers.items()       # the status has the names of the task's devices
               if answer.exception() or f'/task:{key}/'.encode() not in answer.result()]
    for channel in channels.values():
        channel.close()
    return missing

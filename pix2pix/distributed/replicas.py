"""The replicas of one training, as a training meets them: one alone, or this one of several.

Both kinds have the same methods. Alone, these do nothing.
"""

import atexit
import contextlib
import json
import os
import re
import sys
import threading
import time

import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import rewriter_config_pb2

from pix2pix import devices
from pix2pix.distributed import discovery, launch, loopback
from pix2pix.distributed.collectives import CPUS_ASIDE, TIMEOUT, Collectives
from pix2pix.distributed.liveness import ANSWER, PERIOD, Watch, unresponsive
from pix2pix.errors import UserError, reason


def join(wanted, command, *, batch_size, timeout, isolate, complain):
    """This process as a replica: Alone, or one of Several that were started with the same command.

    wanted      'all' or the number of devices of this host. For more than one, this process starts a replica each and
                ends with their exit status
    command     this process's own, to start them with
    batch_size  pairs a step, which all replicas must be able to share equally
    timeout     seconds to wait for the others
    isolate     whether the replicas of one host get a network of their own
    complain    is called with a line before this process ends for what happened to another one
    """
    addresses, index = discovery.from_environment()
    number = 1 if launch.is_launched() else launch.num_devices(wanted)
    size = number * max(1, len(addresses))
    if batch_size % size:
        raise UserError(f'a batch of {batch_size} pairs cannot be shared equally by {size} replicas: give a multiple '
                        f'of {size}')
    if number > 1:
        if isolate and not addresses:
            loopback.reexec_isolated(command)
        sys.exit(launch.spawn(command, number=number, addresses=addresses, index=index, complain=complain))
    return Several(addresses, index, timeout=timeout, complain=complain) if addresses else Alone()


def starts_alone():
    """Whether nobody has started this process as one of several replicas."""
    return not discovery.from_environment()[0]


class Alone:
    """One process on one device. There is nobody to agree with."""

    index, size, first, all_reduce_mean = 0, 1, True, None

    def __init__(self):
        self.cores = devices.cores()

    def describe(self, batch_size):
        return []

    def check_same(self, settings, apart=()):
        return settings

    def first_enters(self, context):
        return context

    def session(self, xla=False):
        return tf.Session(config=devices.session_config(xla))

    def exit_if_peer_failed(self):
        return contextlib.nullcontext()

    def broadcast_variables(self, sess):
        pass

    def all_reduce_max(self, number):
        return number


class Several:
    """Replica `index` of those at `addresses` (host:port)."""

    def __init__(self, addresses, index, *, timeout, complain):
        self.addresses, self.index, self.size, self.complain = list(addresses), index, len(addresses), complain
        self.first, self.cores = index == 0, discovery.cores_of(addresses, index)
        self.collectives = Collectives(index, self.size, bool(tf.config.list_physical_devices('GPU')))
        self.all_reduce_mean = self.collectives.all_reduce_mean
        self.others = {i: address for i, address in enumerate(addresses) if i != index}
        self.ending = threading.Lock()
        self.config = self.session_config()
        self.server = self.listen()
        self.wait_for_others(timeout)
        self.open_side_session()
        self.watch = Watch(self.others, self.exit_naming)
        atexit.register(self.watch.stop)

    def session_config(self, xla=False):
        config = devices.session_config(xla)
        config.intra_op_parallelism_threads = self.cores
        config.isolate_session_state = True
        # Else bias and convolution are fused, and a session on a server refuses that in bfloat16; as fast without.
        config.graph_options.rewrite_options.remapping = rewriter_config_pb2.RewriterConfig.OFF
        config.device_filters.append(f'/job:worker/replica:0/task:{self.index}')
        config.experimental.collective_group_leader = '/job:worker/replica:0/task:0'
        return config

    def listen(self):
        try:
            return tf.distribute.Server({'worker': self.addresses}, 'worker', self.index, config=self.config)
        except tf.errors.OpError as error:
            raise UserError(f'{self.names([self.index])} cannot listen at its address ({reason(error)}). Is the port '
                            'taken, or is it the address of another host?') from None

    def wait_for_others(self, timeout):
        missing = unresponsive(self.others, timeout, wait=True)
        if missing:
            raise UserError(f'{self.names(missing)} did not come up within {timeout} s. This is '
                            f'{self.names([self.index])}. Start all of them with the same command')

    def open_side_session(self):
        """A session beside the step's, for what is agreed on outside it."""
        with tf.Graph().as_default() as graph, tf.device('/device:CPU:0'):
            self.number, self.text = tf.placeholder(tf.int32, []), tf.placeholder(tf.int32, [None])
            self.highest = self.collectives.all_reduce(self.number, 'Max', CPUS_ASIDE)
            self.texts = self.collectives.all_gather(self.text, CPUS_ASIDE)     # of one length: for one call
            self.side = tf.Session(self.server.target, config=self.config)
            graph.finalize()

    def names(self, indices):
        return ', '.join(f'replica {index} ({self.addresses[index]})' for index in indices)

    def describe(self, batch_size):
        """Lines on these replicas for who starts a training."""
        opened = 'the ports of these replicas are open to the network, without authentication: docs/distributed.md'
        share = f'{self.size} replicas: {batch_size} pairs a step, {batch_size // self.size} on each'
        return [share] if loopback.is_isolated() else [opened, share]

    # What the replicas agree on outside the step.

    def all_reduce_max(self, number):
        """The highest of the numbers that the replicas call this with; all wait for the last."""
        with self.exit_if_peer_failed():
            return int(self.side.run(self.highest, {self.number: number}))

    def check_same(self, settings, apart=()):
        """UserError where the replicas were not given the same settings, a dict that JSON can hold, those `apart` left
        out. Returns the first replica's, as they come out of JSON."""
        text = json.dumps(settings).encode()
        length = self.all_reduce_max(len(text))
        with self.exit_if_peer_failed():
            codes = self.side.run(self.texts, {self.text: list(text.ljust(length))}).reshape(self.size, length)
        first, *others = (json.loads(bytes(row.tolist())) for row in codes)
        for index, other in enumerate(others, 1):
            for name in (name for name in settings if name not in apart):
                if other.get(name) != first.get(name) and name == 'names':
                    raise UserError(f'{self.names([index])} has other files in its data set than {self.names([0])}')
                if other.get(name) != first.get(name):
                    raise UserError(f'{name} is {other.get(name)} in {self.names([index])} and {first.get(name)} in '
                                    f'{self.names([0])}. Start all of them with the same command and files')
        return first

    @contextlib.contextmanager
    def first_enters(self, context):
        """A context: the first replica enters `context`, and the others wait. If it fails, it says why, and all end."""
        with contextlib.ExitStack() as stack:
            value = None
            if self.first:
                try:
                    value = stack.enter_context(context)
                except Exception:
                    self.all_reduce_max(1)
                    raise
            if self.all_reduce_max(0):
                sys.exit(1)
            yield value

    # The step.

    @contextlib.contextmanager
    def session(self, xla=False):
        """A context with a session for the step. At its end all replicas wait for each other, unless it is an error."""
        with tf.Session(self.server.target, config=self.session_config(xla)) as sess:
            yield sess
            try:
                self.side.run(self.highest, {self.number: 0})
            except tf.errors.OpError:
                pass        # all have come here, or have ended: what happens to the others now is no error
            self.watch.stop()

    def broadcast_variables(self, sess):
        """Set all variables to those of the first replica."""
        with self.exit_if_peer_failed():
            sess.run(self.collectives.broadcast(tf.global_variables()))

    # Faults.

    @contextlib.contextmanager
    def exit_if_peer_failed(self):
        """A context in which an error that another replica has caused ends this process: its session is lost then."""
        try:
            yield
        except tf.errors.OpError as error:
            kinds = (tf.errors.UnavailableError, tf.errors.DeadlineExceededError, tf.errors.AbortedError,
                     tf.errors.CancelledError)
            if isinstance(error, kinds) or re.search('Collective|Session is closed', error.message):
                self.exit_naming(unresponsive(self.others, ANSWER), error)
            raise

    def exit_naming(self, missing, error=None):
        """Name the replicas that are missing and end this process, once the others had the time to find the same."""
        self.ending.acquire()       # of the step and the watch, the first
        why = f'no answer any more from {self.names(missing)}'
        if not missing:
            why = 'this or another replica failed, or was reset by somebody who can reach its port ' \
                  f'(docs/distributed.md), or did not come to a step in {TIMEOUT // 3600} hours, though all answer ' \
                  f'({reason(error)})'
        self.complain(f'{why}. {self.names([self.index])} ends too. If another replica said why, see to that first. '
                      'The same command carries on from the last checkpoint')
        time.sleep(PERIOD + ANSWER if self.size > 2 else 0)
        os._exit(1)

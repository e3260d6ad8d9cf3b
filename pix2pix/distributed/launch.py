"""The tasks of one host: a process for each device, started, watched and ended together."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import tensorflow.compat.v1 as tf

from pix2pix.distributed import collectives as cluster

LOOPBACK = 'PIX2PIX_LOOPBACK'   # 1: this process has a loopback of its own; 0: it is not to get one
GRACE = 30                      # seconds for the others to end when one has


def count(wanted):
    """--devices, 'all' or a number -> how many tasks this host gets; ClusterError where it has fewer GPUs."""
    gpus = len(visible_gpus())
    if wanted == 'all':
        return max(1, gpus)
    if gpus and int(wanted) > gpus:
        raise cluster.ClusterError(f'--devices {wanted}: TensorFlow sees {gpus} GPUs')
    return int(wanted)


def visible_gpus():
    """The GPUs that TensorFlow sees, as CUDA_VISIBLE_DEVICES calls them."""
    gpus, names = tf.config.list_physical_devices('GPU'), os.environ.get('CUDA_VISIBLE_DEVICES')
    return names.split(',')[:len(gpus)] if names else [str(i) for i in range(len(gpus))]


def on_loopback():
    """Start this process anew in a network that has nothing but a loopback of its own; whether it is in one now.

    tf.distribute.Server listens on all interfaces, without authentication: there, nobody else can reach it.
    """
    state = os.environ.get(LOOPBACK)
    inside = ['unshare', '--user', '--map-root-user', '--net']
    if state is None and shutil.which(inside[0]) and not subprocess.call([*inside, 'true'], stderr=subprocess.DEVNULL):
        sys.stdout.flush()
        os.execvpe(inside[0], [*inside, sys.executable, *sys.argv], {**environment(), LOOPBACK: '1'})
    if state == '1':
        with socket.socket() as sock:
            fcntl.ioctl(sock, 0x8914, struct.pack('16sh14x', b'lo', 1))     # SIOCSIFFLAGS, IFF_UP
    return state == '1'


def is_closed():
    """Whether this process is in such a network."""
    return os.environ.get(LOOPBACK) == '1'


def second_signal():
    """What a second signal does to this process: of one that is told by a launcher, the launcher sees to that."""
    return signal.SIG_IGN if cluster.LAUNCHER in os.environ else signal.SIG_DFL


def environment():
    """This process's, so that the next one is as quiet: pix2pix/__init__.py set 3 itself."""
    return {name: value for name, value in os.environ.items() if (name, value) != ('TF_CPP_MIN_LOG_LEVEL', '3')}


def free_ports(number):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(('127.0.0.1', 0))
        return [each.getsockname()[1] for each in sockets]


def expand(addresses, index, number):
    """One address a host -> `number` of them, on the ports from there on: (addresses, indices of this host's)."""
    hosts = [address.rpartition(':') for address in addresses]
    return ([f'{name}:{int(port) + i}' for name, _, port in hosts for i in range(number)],
            range(index * number, index * number + number))


def run(number, addresses, index):
    """Start `number` tasks with this command line, pass signals on to them, and wait: the exit status for this process.

    `addresses`: one of each host, and `index` is this one's; none where it is the only one.
    """
    if addresses:
        addresses, own = expand(addresses, index, number)
    else:
        addresses, own = [f'127.0.0.1:{port}' for port in free_ports(number)], range(number)
    gpus, tasks = visible_gpus(), {}
    for i, task in enumerate(own):
        config = {'cluster': {'worker': addresses}, 'task': {'type': 'worker', 'index': task}}
        given = {**environment(), 'TF_CONFIG': json.dumps(config), cluster.LAUNCHER: str(os.getpid())}
        given |= {'CUDA_VISIBLE_DEVICES': gpus[i]} if gpus else {}
        # A session of its own: Ctrl-C on the terminal comes here, and from here once.
        tasks[task] = subprocess.Popen([sys.executable, *sys.argv, '--devices', '1'], env=given,
                                       start_new_session=True)

    def relay(number, frame):
        for each in signal.SIGINT, signal.SIGTERM:
            signal.signal(each, kill)
        for process in tasks.values():
            process.send_signal(number)

    def kill(number, frame):
        for process in tasks.values():
            process.kill()
    for each in signal.SIGINT, signal.SIGTERM:
        signal.signal(each, relay)

    ended, end = {}, None
    while len(ended) < len(tasks):
        time.sleep(0.1)
        for task, process in tasks.items():
            if task not in ended and process.poll() is not None:
                ended[task] = process.returncode
                if process.returncode < 0:
                    print(f'train.py: task {task} ({addresses[task]}, process {process.pid}) was ended by '
                          f'{signal.Signals(-process.returncode).name}', file=sys.stderr, flush=True)
                end = end or (time.monotonic() + GRACE if process.returncode else None)
        if end and time.monotonic() > end:
            kill(None, None)        # one that is stopped or stuck
    status = ended[own[0]] if len(set(ended.values())) == 1 else 1
    return status if status >= 0 else 128 - status

"""The replicas of one host: a process for each device, started, watched and ended together."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time

import tensorflow.compat.v1 as tf

from pix2pix.distributed.discovery import addresses_per_device
from pix2pix.errors import UserError

LAUNCHER = 'PIX2PIX_LAUNCHER'   # to a process that was started here: who started it, and passes signals on
GRACE = 30                      # seconds for the others to end when one has


def is_launched():
    """Whether this process was started here."""
    return LAUNCHER in os.environ


def second_signal():
    """What a second signal does to this process: of one that was started here, the launcher sees to that."""
    return signal.SIG_IGN if is_launched() else signal.SIG_DFL


def num_devices(wanted):
    """'all' or a number -> how many replicas this host gets; UserError where it has fewer GPUs."""
    gpus = len(visible_gpus())
    if wanted == 'all':
        return max(1, gpus)
    if gpus and int(wanted) > gpus:
        raise UserError(f'{wanted} devices are asked for, and TensorFlow sees {gpus} GPUs')
    return int(wanted)


def visible_gpus():
    """The GPUs that TensorFlow sees, as CUDA_VISIBLE_DEVICES calls them."""
    gpus, names = tf.config.list_physical_devices('GPU'), os.environ.get('CUDA_VISIBLE_DEVICES')
    return names.split(',')[:len(gpus)] if names else [str(i) for i in range(len(gpus))]


def free_ports(number):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(('127.0.0.1', 0))
        return [each.getsockname()[1] for each in sockets]


def spawn(command, *, number, addresses, index, complain):
    """Start `number` replicas with this command, pass signals on to them, and wait: the exit status for this process.

    addresses  one of each host, of which `index` is this one's; none where it is the only one
    complain   is called with the line that says that a replica was killed
    """
    if addresses:
        addresses, own = addresses_per_device(addresses, index, number)
    else:
        addresses, own = [f'127.0.0.1:{port}' for port in free_ports(number)], range(number)
    gpus, replicas = visible_gpus(), {}
    for i, replica in enumerate(own):
        config = {'cluster': {'worker': addresses}, 'task': {'type': 'worker', 'index': replica}}
        environment = {**os.environ, 'TF_CONFIG': json.dumps(config), LAUNCHER: str(os.getpid())}
        environment |= {'CUDA_VISIBLE_DEVICES': gpus[i]} if gpus else {}
        # A session of its own: Ctrl-C on the terminal comes here, and from here once.
        replicas[replica] = subprocess.Popen(command, env=environment, start_new_session=True)

    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signals.append(signal.SIGHUP)

    def relay(number, frame):
        for each in signals:        # a closed terminal sends SIGHUP several times
            signal.signal(each, signal.SIG_IGN if each == signal.SIGHUP else kill)
        for process in replicas.values():
            process.send_signal(number)

    def kill(number, frame):
        for process in replicas.values():
            process.kill()
    for each in signals:
        signal.signal(each, relay)

    ended, end = {}, None
    while len(ended) < len(replicas):
        time.sleep(0.1)
        for replica, process in replicas.items():
            if replica not in ended and process.poll() is not None:
                ended[replica] = process.returncode
                if process.returncode < 0:
                    complain(f'replica {replica} ({addresses[replica]}, process {process.pid}) was ended by '
                             f'{signal.Signals(-process.returncode).name}')
                end = end or (time.monotonic() + GRACE if process.returncode else None)
        if end and time.monotonic() > end:
            kill(None, None)        # one that is stopped or stuck
    status = ended[own[0]] if len(set(ended.values())) == 1 else 1
    return status if status >= 0 else 128 - status

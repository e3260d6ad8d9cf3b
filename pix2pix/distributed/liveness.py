"""Which replicas are gone: dead, unreachable or stopped. A collective would wait for one without end."""

import os
import signal
import threading

import grpc

from pix2pix.distributed.launch import LAUNCHER

ANSWER = 10         # seconds a replica may take to answer, twice, before it counts as gone
PERIOD = 2          # seconds from one look at all other replicas to the next, for up to 20 of them


def unresponsive(addresses, seconds, wait=False):
    """The keys of those addresses (a dict by replica) whose server gives no status within `seconds`.

    The status comes by the call that TensorFlow has for it; that of another replica does not count. `wait` gives one
    that is not there yet the time to come.
    """
    options = [('grpc.enable_http_proxy', 0), ('grpc.use_local_subchannel_pool', 1),
               ('grpc.max_reconnect_backoff_ms', 1000)]
    channels = {key: grpc.insecure_channel(address, options) for key, address in addresses.items()}
    answers = {key: channel.unary_unary('/tensorflow.WorkerService/GetStatus').future(b'', seconds, wait_for_ready=wait)
               for key, channel in channels.items()}
    missing = [key for key, answer in answers.items()       # the status has the names of the replica's devices
               if answer.exception() or f'/task:{key}/'.encode() not in answer.result()]
    for channel in channels.values():
        channel.close()
    return missing


class Watch:
    """A thread that looks at the other replicas again and again, and calls gone(keys) where some do not answer."""

    def __init__(self, others, gone):
        self.others, self.gone, self.over = others, gone, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        launcher = os.environ.get(LAUNCHER)
        while not self.over.wait(max(PERIOD, len(self.others) / 10)):
            if launcher and os.getppid() != int(launcher):      # it was killed: save and end
                launcher = None
                os.kill(os.getpid(), signal.SIGTERM)
            if unresponsive(self.others, ANSWER) and not self.over.wait(PERIOD):
                missing = unresponsive(self.others, ANSWER, wait=True)  # time for a name server or a cable to come back
                if missing and not self.over.is_set():
                    self.gone(missing)

    def stop(self):
        """End it. Python ends a thread that waits for gRPC with an abort."""
        self.over.set()
        self.thread.join()

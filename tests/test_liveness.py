"""Which replicas answer. The servers are TensorFlow's own, on this process's loopback."""

import threading

import tensorflow.compat.v1 as tf

from pix2pix.distributed.launch import free_ports
from pix2pix.distributed.liveness import Watch, unresponsive


def test_a_server_answers_for_its_own_replica_only():
    mine, dead = (f'127.0.0.1:{port}' for port in free_ports(2))
    server = tf.distribute.Server({'worker': [mine, dead]}, 'worker', 0)
    assert server.target and unresponsive({0: mine}, 5) == []
    assert unresponsive({0: mine, 1: dead}, 2) == [1]
    assert unresponsive({1: mine}, 5) == [1]        # it answers, but it is replica 0


def test_the_watch_names_who_is_gone_and_can_be_ended():
    dead, = (f'127.0.0.1:{port}' for port in free_ports(1))
    named, gone = [], threading.Event()
    watch = Watch({3: dead}, lambda missing: (named.append(missing), gone.set()))
    try:
        assert gone.wait(40) and named[0] == [3]
    finally:
        watch.stop()
    assert not watch.thread.is_alive()

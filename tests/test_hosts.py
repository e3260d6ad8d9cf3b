"""Hosts of their own, each a network namespace with a cable to a switch, and no disk in common: cables that are pulled
at random steps, for a while or for good, and a host that dies and comes back. Needs root: pytest -m faults.

    HOSTS_SEED=1 pytest -m faults -s tests/test_hosts.py        # other steps, hosts and durations
"""

import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import time

import pytest

from pix2pix.run import log
from tests.conftest import draw_pairs
from tests.scripts import ROOT, TINY, assert_same_run

pytestmark = pytest.mark.faults
SEED = int(os.environ.get('HOSTS_SEED', 0))
EPOCHS, CUTS = 40, 8            # of 7 pairs in batches of 6; cuts for each number of hosts
STEPS = math.ceil(EPOCHS * 7 / 6)
PROMISED = 60                   # seconds from a fault to the end of all (docs/distributed.md)
TRAIN = ['--dataset', 'pairs', *TINY, '--batch_size', '6', '--epochs', str(EPOCHS),
         '--start_timeout', '300']      # on a busy machine TensorFlow is long in coming


def ip(*args):
    return subprocess.run(['ip', *args], capture_output=True, text=True, check=True)


class Hosts:
    """`count` hosts and the switch between them. Host i has the address 10.77.0.(i + 1) and a folder of its own."""

    def __init__(self, count, folder):
        self.count, self.folder, self.switch = count, folder, f'switch{os.getpid()}'
        self.names = [f'host{i}-{os.getpid()}' for i in range(count)]
        self.processes = []

    def __enter__(self):
        ip('netns', 'add', self.switch)
        ip('-n', self.switch, 'link', 'add', 'bridge', 'type', 'bridge')
        ip('-n', self.switch, 'link', 'set', 'bridge', 'up')
        for i, name in enumerate(self.names):
            draw_pairs(self.folder / str(i) / 'pairs', train=7, val=2)
            ip('netns', 'add', name)
            ip('-n', self.switch, 'link', 'add', f'port{i}', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
            ip('-n', self.switch, 'link', 'set', f'port{i}', 'master', 'bridge', 'up')
            ip('-n', name, 'address', 'add', f'10.77.0.{i + 1}/24', 'dev', 'eth0')
            for device in 'lo', 'eth0':
                ip('-n', name, 'link', 'set', device, 'up')
        return self

    def __exit__(self, *error):
        for process in self.processes:
            process.kill()
            process.wait()
        for name in [self.switch, *self.names]:
            subprocess.run(['ip', 'netns', 'delete', name], capture_output=True)

    def cable(self, host, state):
        """Plug it in ('up') or pull it ('down')."""
        ip('-n', self.switch, 'link', 'set', f'port{host}', state)

    def start(self, host):
        config = {'cluster': {'worker': [f'10.77.0.{i + 1}:2222' for i in range(self.count)]},
                  'task': {'type': 'worker', 'index': host}}
        environment = {name: value for name, value in os.environ.items() if not name.startswith('TF_')}
        with open(self.folder / f'{host}.txt', 'w') as output:
            return subprocess.Popen(
                ['ip', 'netns', 'exec', self.names[host], sys.executable, f'{ROOT}/train.py', *TRAIN],
                env=environment | {'TF_CONFIG': json.dumps(config)}, cwd=self.folder / str(host), stdout=output,
                stderr=subprocess.STDOUT)

    def start_all(self):
        self.processes = [self.start(host) for host in range(self.count)]

    def step(self):
        """The last one in the log of the first host, which alone writes."""
        path = self.folder / '0/checkpoints/tiny/metrics.jsonl'
        return max((line['step'] for line in log.read(path)), default=0)

    def said(self, host):
        return (self.folder / f'{host}.txt').read_text()

    def running(self):
        return [host for host, process in enumerate(self.processes) if process.poll() is None]

    def wait_until(self, condition, seconds):
        """Whether it came true in time."""
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.05)
        return condition()

    def carry_on(self, beyond):
        """Start whichever ends again, as a supervisor does, until they are beyond a step."""
        def is_beyond():
            if self.step() > beyond:        # and some may have ended by then
                return True
            for host in {*range(self.count)} - {*self.running()}:
                assert self.processes[host].returncode == 1 and 'Traceback' not in self.said(host), self.said(host)
                print(f'host {host} is started again, for it said: {self.said(host).splitlines()[-1]}', flush=True)
                self.processes[host] = self.start(host)
            return False
        assert self.wait_until(is_beyond, 300), [self.said(host) for host in range(self.count)]

    def finish(self):
        """Let all run to the end, with status 0."""
        assert self.wait_until(lambda: not self.running(), 300), [self.said(host) for host in self.running()]
        assert [process.returncode for process in self.processes] == [0] * self.count, self.said(0)


def assert_ended_naming(hosts, gone, seconds):
    """All end in time with one line: those left name the host that is gone and no other, and that one names others."""
    assert hosts.wait_until(lambda: not hosts.running(), seconds), [hosts.said(host) for host in hosts.running()]
    for host, process in enumerate(hosts.processes):
        output = hosts.said(host)
        assert process.returncode == 1 and 'Traceback' not in output, output
        [line] = [line for line in output.splitlines() if line.startswith('train.py: ')]
        named = set(map(int, re.findall(r'replica (\d) \(10', line.partition('. replica')[0])))
        assert line.startswith('train.py: no answer any more from replica ') and host not in named, line
        assert named == {gone} if host != gone else named, line


@pytest.fixture(scope='module', params=[2, 3])
def unbroken(request, tmp_path_factory):
    """So many hosts whose run is never disturbed."""
    if os.getuid() or not shutil.which('ip') or subprocess.run(['ip', 'netns', 'list'], capture_output=True).returncode:
        pytest.skip('needs root, and network namespaces')
    with Hosts(request.param, tmp_path_factory.mktemp('unbroken')) as hosts:
        hosts.start_all()
        hosts.finish()
    return hosts


@pytest.fixture
def hosts(unbroken, tmp_path):
    """Hosts whose run is disturbed, and ends as the other did, to the bit."""
    with Hosts(unbroken.count, tmp_path) as hosts:
        yield hosts
    assert_same_run(tmp_path / '0', unbroken.folder / '0')


def test_a_cable_that_is_pulled_at_random_steps(hosts):
    """For good, for so short that nobody ends, or between. Each cut comes when the run is some steps further."""
    chance, done = random.Random(SEED), 0
    hosts.start_all()
    for cut in range(CUTS):
        step = done + chance.randint(1, max(1, (STEPS - 1 - done) // (CUTS - cut) - 1))
        assert hosts.wait_until(lambda step=step: hosts.step() >= step or not hosts.running(), 300), hosts.said(0)
        if hosts.step() == STEPS:       # a fast machine is through before the last cuts
            break
        assert len(hosts.running()) == hosts.count, [hosts.said(host) for host in range(hosts.count)]
        time.sleep(chance.uniform(0, 0.3))
        host, seconds = chance.randrange(hosts.count), [PROMISED, chance.uniform(1, 6), chance.uniform(8, 24)][cut % 3]
        before = time.monotonic()
        hosts.cable(host, 'down')
        hosts.wait_until(lambda: not hosts.running(), seconds)
        hosts.cable(host, 'up')
        # Either all end, or the run gets further.
        done = hosts.step()
        hosts.wait_until(lambda done=done: not hosts.running() or hosts.step() > done + 1, PROMISED)
        took = time.monotonic() - before
        if any(process.poll() for process in hosts.processes):      # and not with 0, at the end of the run
            assert_ended_naming(hosts, host, PROMISED - took)
            took = time.monotonic() - before
            hosts.start_all()
        print(f'{hosts.count} hosts, step {done}, host {host} cut for {seconds:.1f} s: '
              + (f'all ended after {took:.1f} s' if not hosts.step() > done else 'ran through'), flush=True)
        assert seconds > 7 or hosts.step() > done or done == STEPS, 'a short cut ended the run'
        done = hosts.step()
    hosts.finish()


def test_a_host_that_dies_and_comes_back_at_once(hosts):
    """The others end and name it, or one that has ended for it. Where it came back while they were still there, it ends
    too, and else it waits for them. Once all are started again, they carry on."""
    hosts.start_all()
    for host in range(hosts.count):
        hosts.carry_on(beyond=hosts.step() + 3)
        hosts.processes[host].kill()
        before, hosts.processes[host] = time.monotonic(), hosts.start(host)
        assert hosts.wait_until(lambda host=host: set(hosts.running()) <= {host}, PROMISED), hosts.said(host)
        took, waits = time.monotonic() - before, host in hosts.running()
        print(f'{hosts.count} hosts, step {hosts.step()}, host {host} dies and is back: the others ended after '
              f'{took:.1f} s; {"it waits" if waits else "it ended too"}', flush=True)
        said = [hosts.said(other) for other in {*range(hosts.count)} - {host}]
        assert all(re.search('py: (no answer any more from|this or another) replica', each) for each in said), said
        assert any(re.search(f'from replica {host} |this or another replica failed', each) for each in said), said
    hosts.carry_on(beyond=hosts.step())
    hosts.finish()

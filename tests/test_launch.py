"""Starting and ending the replicas of one host; here each is a line of Python."""

import os
import signal
import subprocess
import sys
import time

import pytest
import tensorflow.compat.v1 as tf

from pix2pix.distributed import launch, loopback
from pix2pix.errors import UserError
from tests.scripts import ROOT, wait_for


def spawn(code, number=2, addresses=(), index=0):
    said = []
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return launch.spawn([sys.executable, '-c', code], number=number, addresses=list(addresses), index=index,
                            complain=said.append), said
    finally:
        for number, handler in signals.items():
            signal.signal(number, handler)


def test_each_replica_is_told_who_it_is(tmp_path):
    code = f'import os; open("{tmp_path}/" + str(os.getpid()), "w").write(os.environ["TF_CONFIG"])'
    assert spawn(code) == (0, [])
    told = sorted(path.read_text() for path in tmp_path.iterdir())
    assert len(told) == 2 and '"index": 0' in told[0] and '"index": 1' in told[1]
    assert told[0].replace('"index": 0', '"index": 1') == told[1]
    # On one of two hosts, they are those of this host.
    for path in tmp_path.iterdir():
        path.unlink()
    assert spawn(code, 2, ['a:5', 'b:7'], 1) == (0, [])
    told = sorted(path.read_text() for path in tmp_path.iterdir())
    assert all('["a:5", "a:6", "b:7", "b:8"]' in text for text in told)
    assert '"index": 2' in told[0] and '"index": 3' in told[1]


def test_the_exit_status_is_theirs_or_1_where_they_differ():
    assert spawn('raise SystemExit(143)') == (143, [])
    assert spawn('import os; raise SystemExit("0}" in os.environ["TF_CONFIG"])') == (1, [])


def test_one_that_is_killed_is_named():
    status, said = spawn('import os; os.kill(os.getpid(), 9)', 1)
    assert status == 137 and len(said) == 1
    assert said[0].startswith('replica 0 (127.0.0.1:') and said[0].endswith('was ended by SIGKILL')


def test_a_signal_is_passed_on(tmp_path):
    code = (f'import sys; sys.path.insert(0, {ROOT!r})\n'
            'from pix2pix.distributed import launch\n'
            f'child = "import time; open(\'{tmp_path}/ready\', \'w\').close(); time.sleep(60)"\n'
            'sys.exit(launch.spawn([sys.executable, "-c", child], number=1, addresses=[], index=0, '
            'complain=print))')
    process = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True)
    wait_for((tmp_path / 'ready').exists, process)
    start = time.monotonic()
    process.terminate()
    assert 'was ended by SIGTERM' in process.communicate(timeout=30)[0] and time.monotonic() - start < 20
    assert process.returncode == 143


def test_the_number_of_devices(monkeypatch):
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: [])
    assert launch.num_devices('all') == 1 and launch.num_devices('3') == 3       # without GPUs as many as are asked for
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: ['a', 'b'])
    assert launch.num_devices('all') == 2 and launch.num_devices('2') == 2
    with pytest.raises(UserError, match='3 devices are asked for, and TensorFlow sees 2 GPUs'):
        launch.num_devices('3')
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '5,7')
    assert launch.visible_gpus() == ['5', '7']


def test_ports_are_free_and_differ():
    ports = launch.free_ports(5)
    assert len(set(ports)) == 5 and all(1024 < port < 65536 for port in ports)


def test_a_second_signal_is_the_launcher_s_to_answer(monkeypatch):
    monkeypatch.delenv(launch.LAUNCHER, raising=False)
    assert launch.second_signal() == signal.SIG_DFL
    monkeypatch.setenv(launch.LAUNCHER, '1')
    assert launch.second_signal() == signal.SIG_IGN


def test_a_process_in_a_network_of_its_own_has_a_loopback_and_nothing_else():
    if subprocess.call(['unshare', '--user', '--map-root-user', '--net', 'true'], stderr=subprocess.DEVNULL):
        pytest.skip('this machine does not allow a network of its own')
    code = (f'import sys; sys.path.insert(0, {ROOT!r})\n'
            'from pix2pix.distributed import loopback\n'
            'loopback.reexec_isolated([sys.executable, "-c", sys.argv[1], sys.argv[1]])\n'
            'import socket; print(loopback.is_isolated(), [name for _, name in socket.if_nameindex()])\n'
            'socket.create_server(("127.0.0.1", 0))')
    environment = {name: value for name, value in os.environ.items() if name != loopback.STATE}
    output = subprocess.run([sys.executable, '-c', code, code], env=environment, capture_output=True, text=True)
    assert output.stdout == "True ['lo']\n", output.stderr

"""Several replicas against one process that averages, and what goes wrong between them. Networks of two filters or one.

The replicas are processes of their own, in a network with nothing but loopback where the machine allows that; where it
does not, they talk over the machine's own.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.distributed.launch import free_ports
from pix2pix.distributed.replicas import Alone, Several
from pix2pix.model import losses
from pix2pix.model.architecture import Architecture, Hyperparameters
from pix2pix.model.networks import discriminator, generator
from pix2pix.model.training_step import training_step
from tests import averaging as replicas
from tests.conftest import damage, draw_pairs
from tests.scripts import (
    ROOT,
    TINY,
    assert_same_run,
    run,
    start,
    variables,
    variables_of,
    wait_for,
    wait_for_metrics,
)

PAIRS = ['--dataset', 'pairs', *TINY, '--batch_size', '4']
TWO = [*PAIRS, '--devices', '2']        # 2 pairs a step on each


# Exactness.

def averaged(kind, count, before):
    """One process that averages, in float64, the gradients of `count` batches: all variables, and the last losses."""
    moving = {name: value.astype('d') for name, value in before.items()}
    with tf.Graph().as_default():
        pair = [tf.placeholder(tf.float32, [replicas.SIZE, 256, 256, 3]) for _ in range(2)]
        seed = tf.placeholder(tf.int64, [2])
        output = generator(pair[0], replicas.ARCHITECTURE, seed=seed, statistics='update')
        real, fake = (discriminator(pair[0], image, replicas.ARCHITECTURE) for image in (pair[1], output))
        gan, l1 = losses.generator_gan_loss(fake), losses.l1_loss(pair[1], output)
        d_loss = losses.discriminator_loss(real, fake)
        own = {scope: tf.trainable_variables(scope + '/') for scope in ('discriminator', 'generator')}
        parts = {'discriminator': (tf.gradients(d_loss, own['discriminator']), {'d_loss': d_loss}),
                 'generator': (tf.gradients(gan + 100 * l1, own['generator']), {'g_loss_gan': gan, 'g_loss_l1': l1})}
        statistics = [v for v in tf.global_variables() if 'moving' in v.op.name]
        updates, every = tf.get_collection(tf.GraphKeys.UPDATE_OPS), tf.global_variables()
        with tf.Session() as sess:
            def load():
                for v in every:
                    v.load(moving[v.op.name], sess)
            slots, logged = {}, {}
            for step, batch in enumerate(replicas.batches(count)):
                feeds = []
                for replica in range(count):
                    fold = tf.constant([replicas.SEED, step], tf.int64)
                    fold = tf.random.experimental.stateless_fold_in(fold, replica)
                    rows = batch[:, replica * replicas.SIZE:(replica + 1) * replicas.SIZE]
                    feeds.append({**dict(zip(pair, rows)), seed: sess.run(fold) if replica else [replicas.SEED, step]})
                kept = []
                for feed in feeds:
                    load()
                    sess.run(updates, feed)
                    kept.append(sess.run(statistics))
                for scope, (gradients, named) in parts.items():
                    load()
                    outs = [sess.run([gradients, named], feed) for feed in feeds]
                    logged |= {name: np.mean([out[1][name] for out in outs], dtype='d') for name in named}
                    for v, *gradient in zip(own[scope], *(out[0] for out in outs)):
                        descend(kind, step, moving, slots, v.op.name, np.mean(gradient, axis=0, dtype='d'))
                moving |= {v.op.name: np.mean(values, axis=0, dtype='d') for v, *values in zip(statistics, *kept)}
    return {**moving, **logged}


def descend(kind, step, values, slots, name, gradient):
    """Gradient descent, or Adam with its first moment at 0.5 (Kingma & Ba 2015, the form before section 2.1)."""
    rate = replicas.RATES[kind]
    if kind == 'adam':
        m, v = slots.get(name, (0, 0))
        m, v = slots[name] = m + 0.5 * (gradient - m), v + 0.001 * (gradient ** 2 - v)
        rate *= np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.5 ** (step + 1))
        gradient = m / (np.sqrt(v) + 1e-8)
    values[name] = values[name] - rate * gradient


@pytest.mark.faults
@pytest.mark.parametrize('count', [2, 3])
def test_replicas_equal_one_process_that_averages(tmp_path, count):
    subprocess.run([sys.executable, f'{ROOT}/tests/averaging.py', str(count), tmp_path], check=True, timeout=200)
    for kind in replicas.RATES:
        first, *others = (dict(np.load(tmp_path / f'{kind}-{replica}.npz')) for replica in range(count))
        for other in others:
            assert first.keys() == other.keys()
            for name in first:      # to the bit, and what they began with too
                np.testing.assert_array_equal(first[name], other[name], err_msg=name)
        before = {name.removeprefix('before/'): first.pop(name) for name in list(first) if name.startswith('before/')}
        expected = averaged(kind, count, {n: v for n, v in before.items() if '_adam' not in n and n != 'global_step'
                                           and 'beta' not in n})
        assert first['global_step'] == replicas.STEPS
        worst = max(np.abs(first[name] - expected[name]).max() for name in expected)
        print(f'{kind}, {count} replicas, {replicas.STEPS} steps: largest difference of any value {worst:.1e}')
        # An activation that rounding moves over a ReLU's bend changes gradients by a thousandth; an error, by far more.
        for name in expected:
            move = np.linalg.norm(expected[name] - before.get(name, 0))
            assert move > 1e-6, name
            assert np.linalg.norm(first[name] - expected[name]) < 1e-6 + move / (200 if kind == 'sgd' else 20), name


@pytest.mark.faults
def test_with_instance_norm_and_no_dropout_two_devices_take_the_step_of_one(tmp_path):
    """No image then meets another one but in the mean of the gradients. Adam's first moments are half of these."""
    ends = {}
    for devices in '1', '2':
        draw_pairs(tmp_path / devices / 'pairs', train=4, val=1)
        run(tmp_path / devices, 'train.py', *PAIRS, '--devices', devices, '--precision', 'float32',
            '--norm', 'instance', '--keep_prob', '1', '--gan_mode', 'lsgan', '--ema', '0.9', '--decay_from', '1',
            '--epochs', '2')
        path = tmp_path / devices / 'checkpoints/tiny'
        ends[devices] = variables_of(path / 'model-1'), [json.loads(line) for line in
                                                         (path / 'metrics.jsonl').read_text().splitlines()]
    (one, lines), (two, others) = ends['1'], ends['2']
    assert one.keys() == two.keys()
    for name in one:
        if name.endswith('_adam') or name.startswith('average/'):
            assert np.linalg.norm(two[name] - one[name]) < 1e-3 * np.linalg.norm(one[name]) + 1e-6, name
    for name in 'd_loss', 'g_loss_gan', 'g_loss_l1':
        assert others[0][name] == pytest.approx(lines[0][name], rel=1e-3)
    assert [line['learning_rate'] for line in lines] == [line['learning_rate'] for line in others]


@pytest.fixture(scope='module')
def two_devices(tmp_path_factory):
    """Three epochs on two devices, never disturbed."""
    cwd = tmp_path_factory.mktemp('two')
    draw_pairs(cwd / 'pairs', train=7, val=3)
    return cwd, run(cwd, 'train.py', *TWO, '--epochs', '3')


def test_two_devices_leave_what_one_leaves(two_devices):
    cwd, output = two_devices
    lines = [line for line in output.splitlines() if 'open to the network' not in line]
    assert lines[1] == '2 replicas: 4 pairs a step, 2 on each' and lines[3] == 'tiny: 6 steps, 0 of them done', output
    for once in 'epoch 1  ', 'epoch 3  ', 'validation after step 6: ', 'done: 6 steps':       # one voice
        assert sum(line.startswith(once) for line in lines) == 1, output
    metrics = [json.loads(line) for line in (cwd / 'checkpoints/tiny/metrics.jsonl').read_text().splitlines()]
    assert [m['step'] for m in metrics] == [1, 2, 3, 4, 5, 6] and metrics[2]['epoch'] == pytest.approx(12 / 7)
    assert sorted(p.name for p in (cwd / 'samples/tiny').iterdir()) == [
        *(f'epoch-000{e}.png' for e in (1, 2, 3)), 'index.html']
    options = json.loads((cwd / 'checkpoints/tiny/options.json').read_text())
    assert options['batch_size'] == 4 and options['devices'] == 2


@pytest.mark.faults
@pytest.mark.parametrize('whom', ['all', 'the second'])
def test_a_signal_ends_all_saved_and_the_end_is_equal(two_devices, tmp_path, whom):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    process = start(tmp_path, 'train.py', *TWO, '--epochs', '3')
    wait_for_metrics(tmp_path, process)
    os.kill(process.pid if whom == 'all' else children(process)[1], signal.SIGTERM)
    started = children(process)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 143 and output.count('stopped by SIGTERM after step') == 1, output
    assert 'Traceback' not in output and len(started) == 2 and not alive(started)
    run(tmp_path, 'train.py', *TWO, '--epochs', '3')
    assert_same_run(tmp_path, two_devices[0])


@pytest.mark.faults
def test_from_one_device_to_two_and_back(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    one = [*TWO, '--devices', '1']
    run(tmp_path, 'train.py', *one, '--epochs', '1')
    output = run(tmp_path, 'train.py', *TWO, '--epochs', '2')
    assert '4 steps, 2 of them done' in output and 'since the run was started: epochs 2, devices 2' in output
    output = run(tmp_path, 'train.py', *one, '--epochs', '3')
    assert '6 steps, 4 of them done' in output and variables(tmp_path)[1] == 6
    output = run(tmp_path, 'train.py', *TWO, '--batch_size', '8', '--epochs', '4', status=1)
    assert 'batch_size is 8, but the run was started with 4' in output and output.count('train.py:') == 1


def test_a_batch_that_cannot_be_shared_is_refused_before_anything_starts(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=2)
    output = run(tmp_path, 'train.py', *TWO, '--batch_size', '3', status=1)
    assert output == 'train.py: a batch of 3 pairs cannot be shared equally by 2 replicas: give a multiple of 2\n'


@pytest.mark.faults
def test_a_loss_that_is_not_finite_ends_all_replicas_with_one_voice(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=4, val=1)
    run(tmp_path, 'train.py', *TWO, '--epochs', '1')
    output = run(tmp_path, 'train.py', *TWO, '--epochs', '9', '--learning_rate', '1e30', status=1)
    assert output.count('train.py:') == 1, output
    assert " is nan at step 2. The first replica's share of its batch is in " in output, output
    assert variables(tmp_path)[1] == 1


# Who the replicas are.

def test_one_device_has_no_server_and_no_collectives():
    alone = Alone()
    with alone.session() as sess:
        assert sess.sess_str == b'' and alone.broadcast_variables(sess) is None
    assert alone.first and alone.size == 1 and alone.all_reduce_max(15) == 15 and alone.describe(4) == []
    source, target = (tf.zeros([1, 256, 256, 3]) for _ in range(2))
    training_step(source, target, Architecture(base_filters=1), Hyperparameters(), seed=0,
                  all_reduce_mean=alone.all_reduce_mean, replica=alone.index)
    assert not [op for op in tf.get_default_graph().get_operations() if 'Collective' in op.type]


def test_a_replica_that_never_comes_up_is_named(tmp_path, monkeypatch):
    draw_pairs(tmp_path / 'pairs', train=2)
    mine, other = free_ports(2)
    config = {'cluster': {'worker': [f'127.0.0.1:{mine}', f'127.0.0.1:{other}']},
              'task': {'type': 'worker', 'index': 0}}
    process = subprocess.run([sys.executable, f'{ROOT}/train.py', *PAIRS, '--start_timeout', '3'],
                             env={**environment(), 'TF_CONFIG': json.dumps(config)}, cwd=tmp_path, text=True,
                             capture_output=True, timeout=60)
    assert process.returncode == 1
    assert re.fullmatch(rf'train.py: replica 1 \(127.0.0.1:{other}\) did not come up within 3 s.*\n', process.stderr)
    assert not (tmp_path / 'checkpoints').exists()


@pytest.mark.faults
def test_two_replicas_that_take_themselves_for_the_first(tmp_path):
    """The same TF_CONFIG on two hosts: each finds at the other's address one that is not replica 1."""
    draw_pairs(tmp_path / 'pairs', train=2)
    one, two = (f'127.0.0.1:{port}' for port in free_ports(2))
    processes = []
    for addresses in [one, two], [two, one]:
        config = {'cluster': {'worker': addresses}, 'task': {'type': 'worker', 'index': 0}}
        processes.append(subprocess.Popen(
            [sys.executable, f'{ROOT}/train.py', *PAIRS, '--start_timeout', '20'], text=True,
            env={**environment(), 'TF_CONFIG': json.dumps(config)}, cwd=tmp_path, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT))
    for process in processes:
        assert 'train.py: replica 1 (' in process.communicate(timeout=60)[0] and process.returncode == 1


def test_what_the_catalogue_has_is_fetched_once(tmp_path):
    config = {'cluster': {'worker': ['a:1', 'b:2']}, 'task': {'type': 'worker', 'index': 0}}
    environment = {**os.environ, 'TF_CONFIG': json.dumps(config)}
    process = subprocess.run([sys.executable, f'{ROOT}/train.py', '--dataset', 'night2day'], cwd=tmp_path, text=True,
                             env=environment, capture_output=True, timeout=60)
    assert process.returncode == 1 and 'First run python -m datasets.download night2day' in process.stderr


@pytest.mark.faults
def test_replicas_with_other_options_are_named(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=2)
    addresses, processes = [f'127.0.0.1:{port}' for port in free_ports(2)], []
    for index in range(2):
        config = {'cluster': {'worker': addresses}, 'task': {'type': 'worker', 'index': index}}
        processes.append(subprocess.Popen(
            [sys.executable, f'{ROOT}/train.py', *PAIRS, '--l1_weight', str(100 + index)],
            env={**environment(), 'TF_CONFIG': json.dumps(config)}, cwd=tmp_path, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT))
    for process in processes:
        output = process.communicate(timeout=60)[0]
        assert process.returncode == 1
        assert f'train.py: l1_weight is 101.0 in replica 1 ({addresses[1]}) and 100.0 in replica 0' in output, output


@pytest.mark.faults
def test_a_run_keeps_its_average_and_scale_on_hosts_that_have_no_copy_of_it(tmp_path):
    """One without an average, of an earlier version, is carried on by two processes in folders of their own."""
    for host in 'one', 'other':
        draw_pairs(tmp_path / host / 'pairs', train=4, val=1)
    run(tmp_path / 'one', 'train.py', *PAIRS, '--epochs', '1', '--ema', '0')
    path = tmp_path / 'one/checkpoints/tiny/options.json'
    options = json.loads(path.read_text())
    del options['ema'], options['ema_asked'], options['native_size']
    path.write_text(json.dumps(options))

    def start_both(epochs, *args):
        addresses = [f'127.0.0.1:{port}' for port in free_ports(2)]
        for index, host in enumerate(['one', 'other']):
            config = {'cluster': {'worker': addresses}, 'task': {'type': 'worker', 'index': index}}
            yield subprocess.Popen(
                [sys.executable, f'{ROOT}/train.py', *PAIRS, '--epochs', epochs, *args], text=True,
                cwd=tmp_path / host, env={**environment(), 'TF_CONFIG': json.dumps(config)},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for process in list(start_both('2')):
        output = process.communicate(timeout=120)[0]
        assert process.returncode == 0, output
    values, step = variables(tmp_path / 'one')
    assert step == 2 and not [name for name in values if name.startswith('average/')]

    # So does one whose data set changes, and it goes on after that.
    for host in 'one', 'other':
        shutil.copy(tmp_path / host / 'pairs/train/0.png', tmp_path / host / 'pairs/train/new.png')
    for epochs, accepted in ('3', ['--accept_new_data']), ('4', []):
        for process in list(start_both(epochs, *accepted)):
            output = process.communicate(timeout=120)[0]
            assert process.returncode == 0, output
    assert json.loads(path.read_text())['data_changes'] == [[2, 4]] and variables(tmp_path / 'one')[1] > 3


# Faults.

@pytest.mark.faults
@pytest.mark.parametrize('number, seconds', [(signal.SIGKILL, 60), (signal.SIGSTOP, 120)])
def test_a_replica_that_is_gone_is_named_and_the_end_is_equal(two_devices, tmp_path, number, seconds):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    process = start(tmp_path, 'train.py', *TWO, '--epochs', '3')
    wait_for((tmp_path / 'checkpoints/tiny/model-2.index').exists, process)
    started = children(process)
    os.kill(started[1], number)
    output = process.communicate(timeout=seconds)[0]
    assert process.returncode == 1 and 'train.py: no answer any more from replica 1 (' in output, output
    assert 'Traceback' not in output and not alive(started)
    run(tmp_path, 'train.py', *TWO, '--epochs', '3')
    assert_same_run(tmp_path, two_devices[0])


@pytest.mark.faults
def test_the_replicas_save_and_end_when_who_started_them_is_killed(two_devices, tmp_path):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    process = start(tmp_path, 'train.py', *TWO, '--epochs', '2000')
    metrics = tmp_path / 'checkpoints/tiny/metrics.jsonl'
    wait_for(metrics.exists, process)
    process.kill()
    assert 'stopped by SIGTERM' in process.communicate(timeout=60)[0]      # the replicas have its terminal


@pytest.mark.faults
def test_a_session_that_a_stranger_resets_is_named_and_the_run_carries_on(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    addresses, processes = [f'127.0.0.1:{port}' for port in free_ports(2)], []
    for index in range(2):
        config = {'cluster': {'worker': addresses}, 'task': {'type': 'worker', 'index': index}}
        processes.append(start(tmp_path, 'train.py', *PAIRS, '--epochs', '2000', TF_CONFIG=json.dumps(config)))
    wait_for((tmp_path / 'checkpoints/tiny/model-2.index').exists, processes[0])
    tf.Session.reset(f'grpc://{addresses[0]}')
    for process in processes:
        output = process.communicate(timeout=120)[0]
        assert process.returncode == 1 and 'Traceback' not in output, output
        assert 'was reset by somebody who can reach its port' in output or 'no answer any more from' in output, output
    newest = max((tmp_path / 'checkpoints/tiny').glob('*.index'), key=os.path.getmtime).stem.removeprefix('model-')
    output = run(tmp_path, 'train.py', *TWO, '--epochs', str(-(-int(newest) * 4 // 7) + 1))
    assert f', {newest} of them done' in output


@pytest.mark.faults
def test_a_broken_image_of_one_replica_ends_all(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=6, val=1)
    damage(tmp_path / 'pairs/train/2.png')
    output = run(tmp_path, 'train.py', *TWO, '--epochs', '1', status=1)
    assert "train.py: 'pairs/train/2.png': does not decode as PNG" in output and '0 of them done' in output


@pytest.mark.faults
def test_what_is_said_of_the_pairs_is_said_once_and_what_ends_the_training_before_it(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=4)
    pair = iio.imread(tmp_path / 'pairs/train/0.png')
    iio.imwrite(tmp_path / 'pairs/train/0.png', pair[:128])
    output = run(tmp_path, 'train.py', *TWO, '--epochs', '1')
    assert output.count('some halves are 256 x 128 and become 256 x 256: their aspect is not kept') == 1
    iio.imwrite(tmp_path / 'pairs/train/0.png', pair[:, 1:])
    output = run(tmp_path, 'train.py', *TWO, '--epochs', '2', status=1)
    assert output.count("train.py: 'pairs/train/0.png': 511 x 256 pixels; an odd width has no equal halves") == 1


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith('TF_')}


def children(process):
    """The process numbers of the replicas, in their order."""
    return [int(pid) for pid in subprocess.run(['pgrep', '-P', str(process.pid)], capture_output=True,
                                               text=True).stdout.split()]


def alive(pids):
    return [pid for pid in pids if os.path.exists(f'/proc/{pid}')]


@pytest.mark.parametrize(['error', 'ends'], [
    (tf.errors.UnavailableError, True),
    (tf.errors.AbortedError, True),
    (lambda *args: tf.errors.FailedPreconditionError(*args[:2], 'Graph execution error:\n\nSession is closed.'), True),
    (lambda *args: tf.errors.InternalError(*args[:2], 'Collective ops is aborted by: x'), True),
    (tf.errors.FailedPreconditionError, False),
    (tf.errors.InvalidArgumentError, False),
])
def test_which_errors_may_be_the_fault_of_another_replica(error, ends):
    """The rest is raised as it is. A session that somebody resets is closed while a step runs in it, or before."""
    replica, ended = object.__new__(Several), []
    replica.others, replica.exit_naming = {}, lambda missing, error: ended.append(missing)
    with pytest.raises(tf.errors.OpError), replica.exit_if_peer_failed():
        raise error(None, None, 'something')
    assert ended == [[]] * ends

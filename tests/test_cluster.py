"""Several tasks against one process that averages, and what goes wrong between them. Networks of two filters or one.

The tasks are processes of their own, in a network with nothing but loopback where the machine allows that; where it
does not, they talk over the machine's own, and launch.on_loopback says so by its answer.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import reader
import train
from pix2pix import cluster, launch, losses
from pix2pix.model import build_model
from pix2pix.networks import discriminator, generator
from tests import tasks
from tests.conftest import draw_pairs
from tests.test_train import ROOT, TINY, assert_same_run, run, start, variables

TWO = ['--dataset', 'pairs', *TINY, '--batch_size', '2', '--devices', '2']     # 4 pairs a step
THREE_EPOCHS = 6        # steps of 4 that show 7 pairs three times


# Exactness.

def averaging(kind, count, before):
    """One process that averages, in float64, the gradients of `count` batches: all variables, and the last losses."""
    moving = {name: value.astype('d') for name, value in before.items()}
    with tf.Graph().as_default():
        pair = [tf.placeholder(tf.float32, [tasks.SIZE, 256, 256, 3]) for _ in range(2)]
        seed = tf.placeholder(tf.int64, [2])
        output = generator(pair[0], 3, tasks.BASE, 'paper', 0.5, seed, 'update')
        real, fake = discriminator(*pair, tasks.BASE), discriminator(pair[0], output, tasks.BASE)
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
            for step, batch in enumerate(tasks.batches(count)):
                feeds = []
                for task in range(count):
                    fold = tf.random.experimental.stateless_fold_in(tf.constant([tasks.SEED, step], tf.int64), task)
                    rows = batch[:, task * tasks.SIZE:(task + 1) * tasks.SIZE]
                    feeds.append({**dict(zip(pair, rows)), seed: sess.run(fold) if task else [tasks.SEED, step]})
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
    rate = tasks.RATES[kind]
    if kind == 'adam':
        m, v = slots.get(name, (0, 0))
        m, v = slots[name] = m + 0.5 * (gradient - m), v + 0.001 * (gradient ** 2 - v)
        rate *= np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.5 ** (step + 1))
        gradient = m / (np.sqrt(v) + 1e-8)
    values[name] = values[name] - rate * gradient


@pytest.mark.parametrize('count', [2, 3])
def test_tasks_equal_one_process_that_averages(tmp_path, count):
    subprocess.run([sys.executable, os.path.join(ROOT, 'tests/tasks.py'), str(count), tmp_path], check=True, timeout=200)
    for kind in tasks.RATES:
        first, *others = (dict(np.load(tmp_path / f'{kind}-{task}.npz')) for task in range(count))
        for other in others:
            assert first.keys() == other.keys()
            for name in first:      # to the bit, and what they began with too
                np.testing.assert_array_equal(first[name], other[name], err_msg=name)
        before = {name.removeprefix('before/'): first.pop(name) for name in list(first) if name.startswith('before/')}
        expected = averaging(kind, count, {n: v for n, v in before.items() if '_adam' not in n and n != 'global_step'
                                           and 'beta' not in n})
        assert first['global_step'] == tasks.STEPS
        worst = {name: np.abs(first[name] - expected[name]).max() for name in expected}
        moved = {name: np.abs(expected[name] - before[name]).max() for name in expected if name in before}
        print(kind, count, 'largest difference', max(worst.values()), 'of moves', min(moved.values()), 'to',
              max(moved.values()))
        for name in expected:
            np.testing.assert_allclose(first[name], expected[name], rtol=1e-5, atol=1e-6, err_msg=f'{kind} {name}')
            assert name not in moved or moved[name] > 1e-5, name        # else it says nothing

"""A run that begins with another's weights: which checkpoint that is, whether it fits, and what is taken from it."""

import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.errors import UserError
from pix2pix.run import checkpoint, start

OPTIONS = {'layers': 'paper', 'base_filters': 4, 'source_channels': 3}


@pytest.fixture
def other(tmp_path, monkeypatch):
    """checkpoints/other: two networks of one weight each, 10 and 20 after step 3, 11 and 21 after step 8."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'checkpoints/other'
    folder.mkdir(parents=True)
    (folder / 'options.json').write_text(json.dumps(OPTIONS))
    with tf.Graph().as_default(), tf.Session() as sess:
        networks = [tf.get_variable(f'{name}/w', [2]) for name in ('generator', 'discriminator')]
        saver, alone = checkpoint.new_saver(), tf.train.Saver(networks[:1])
        for step, values in (3, (10, 20)), (8, (11, 21)):
            for v, value in zip(networks, values):
                v.load([value, value], sess)
            checkpoint.save(sess, saver, 'checkpoints/other', step, keep=2)
        alone.save(sess, 'generator-alone', write_meta_graph=False, write_state=False)
    return folder


@pytest.mark.parametrize('what, prefix', [
    ('other', 'checkpoints/other/model-8'), ('checkpoints/other', 'checkpoints/other/model-8'),
    ('checkpoints/other/', 'checkpoints/other/model-8'), ('checkpoints/other/model-3', 'checkpoints/other/model-3'),
    ('checkpoints/other/model-3.index', 'checkpoints/other/model-3')])
def test_a_run_by_its_name_or_folder_is_its_newest_checkpoint(other, what, prefix):
    run, found = start.find(what)
    assert (run.name, found.replace('//', '/')) == ('other', prefix)


@pytest.mark.parametrize('what, message', [
    ('nobody', '^checkpoints/nobody/options.json: no such file. Is the run name right'),
    ('checkpoints/other/model-5', 'model-5: there is no such checkpoint. Those of .* are of the steps: 3, 8$')])
def test_what_is_not_there_is_named(other, what, message):
    with pytest.raises(UserError, match=message):
        start.find(what)


def test_a_run_that_has_not_saved_yet_is_named(other):
    for step in 3, 8:
        checkpoint.remove('checkpoints/other', step)
    with pytest.raises(UserError, match='^checkpoints/other has no checkpoint yet'):
        start.find('other')


def test_all_that_differs_is_named_in_one_line(other):
    start.check_fits('other', {**OPTIONS, 'seed': 5}, OPTIONS)
    with pytest.raises(UserError) as refused:
        start.check_fits('other', {**OPTIONS, 'base_filters': 8, 'source_channels': 1}, OPTIONS)
    assert str(refused.value) == (
        'the weights of checkpoints/other/model-8 do not fit: they have base_filters 4, not 8; source_channels 3, not '
        '1. Give the same, or other weights to begin with')


def networks_and_slot():
    networks = [tf.get_variable(f'{name}/w', [2], initializer=tf.ones_initializer())
                for name in ('generator', 'discriminator')]
    return networks, tf.get_variable('generator/w/adam', [2], initializer=tf.zeros_initializer())


def test_the_networks_are_taken_and_all_else_begins_afresh(other):
    """Also what begins where a weight does, such as its average."""
    networks, slot = networks_and_slot()
    average = tf.get_variable('average', initializer=networks[0].initial_value)
    with tf.Session() as sess:
        assert start.load(sess, 'other', networks) == 'the weights are those of checkpoints/other/model-8'
        np.testing.assert_array_equal(sess.run([*networks, slot, average]), [[11, 11], [21, 21], [0, 0], [11, 11]])


def test_a_checkpoint_without_a_discriminator_gives_the_generator(other):
    networks, _ = networks_and_slot()
    with tf.Session() as sess:
        assert start.load(sess, 'generator-alone', networks) == (
            'the weights are those of generator-alone; it has no discriminator, which begins afresh')
        np.testing.assert_array_equal(sess.run(networks), [[11, 11], [1, 1]])


def test_a_damaged_checkpoint_is_named(other):
    (other / 'model-8.data-00000-of-00001').write_bytes(b'short')
    networks, _ = networks_and_slot()
    with tf.Session() as sess, pytest.raises(checkpoint.CheckpointError, match='data-00000-of-00001 is damaged'):
        start.load(sess, 'other', networks)
    (other / 'model-8.sums').unlink()       # as an earlier version leaves it
    with tf.Session() as sess, pytest.raises(checkpoint.CheckpointError,
                                             match='^checkpoints/other/model-8 cannot be begun with: it is damaged'):
        start.load(sess, 'other', networks)


def test_weights_of_another_shape_are_refused(other):
    wide = tf.get_variable('generator/w', [3])
    with tf.Session() as sess, pytest.raises(checkpoint.CheckpointError, match='model-8 cannot be begun with'):
        start.load(sess, 'other', [wide])

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.run import checkpoint


@pytest.fixture
def saved(tmp_path):
    """A session of one variable, saved at steps 1, 2 and 3 with that value."""
    v = tf.get_variable('v', [1000])
    saver = checkpoint.new_saver()
    with tf.Session() as sess:
        for step in 1, 2, 3:
            v.load(np.full(1000, step, 'f'), sess)
            checkpoint.save(sess, saver, str(tmp_path), step, keep=3)
        yield sess, saver, str(tmp_path), lambda: sess.run(v)[0]


def test_newest_is_restored_and_nothing_else_is_left(saved, tmp_path):
    sess, saver, folder, value = saved
    assert checkpoint.restore_latest(sess, saver, folder) == 3 and value() == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        f'model-{step}.{end}' for step in (1, 2, 3) for end in ('index', 'data-00000-of-00001'))


def test_what_is_being_written_is_for_saving_alone_to_clear(saved, tmp_path):
    """test.py restores while train.py saves; a killed process leaves half a checkpoint."""
    sess, saver, folder, _ = saved
    (tmp_path / 'partial').mkdir()
    (tmp_path / 'partial/model-4.data-00000-of-00001').write_text('half')
    checkpoint.restore_latest(sess, saver, folder)
    assert (tmp_path / 'partial/model-4.data-00000-of-00001').exists()
    checkpoint.save(sess, saver, folder, 5, keep=3)
    assert not (tmp_path / 'partial').exists() and checkpoint.steps_in(folder) == [2, 3, 5]


def test_only_the_newest_are_kept(saved, tmp_path):
    sess, saver, folder, _ = saved
    checkpoint.save(sess, saver, folder, 10, keep=2)
    assert checkpoint.steps_in(folder) == [3, 10]
    assert len(list(tmp_path.iterdir())) == 4


def test_the_best_is_spared(saved, tmp_path):
    sess, saver, folder, _ = saved
    checkpoint.save(sess, saver, folder, 10, keep=1, spare=2)
    assert checkpoint.steps_in(folder) == [2, 10]
    checkpoint.save(sess, saver, folder, 11, keep=1, spare=11)
    assert checkpoint.steps_in(folder) == [11]


def test_none_is_step_0(tmp_path):
    assert checkpoint.restore_latest(None, None, str(tmp_path)) == 0


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(bytes(data))


def of_another_model(folder):
    """model-3 with a variable of another shape."""
    with tf.Graph().as_default(), tf.Session() as sess:
        sess.run(tf.get_variable('v', [7]).initializer)
        checkpoint.save(sess, checkpoint.new_saver(), str(folder), 3, keep=3)


@pytest.mark.parametrize('damage', [
    lambda folder: flip(folder / 'model-3.data-00000-of-00001', 2000),
    lambda folder: flip(folder / 'model-3.index', 20),
    lambda folder: (folder / 'model-3.data-00000-of-00001').unlink(),
    lambda folder: (folder / 'model-3.data-00000-of-00001').write_bytes(b'short'),
    lambda folder: (folder / 'model-3.index').write_bytes(b''),
    lambda folder: (folder / 'model-3.index').write_bytes(b'what has this to do with checkpoints? ' * 9),
    lambda folder: of_another_model(folder)],
    ids=['flipped data', 'flipped index', 'no data', 'truncated data', 'empty index', 'foreign', 'another model'])
def test_a_damaged_one_is_named_and_the_one_before_is_used(saved, tmp_path, damage):
    sess, saver, folder, value = saved
    damage(tmp_path)
    said = []
    assert checkpoint.restore_latest(sess, saver, folder, said.append) == 2 and value() == 2
    assert len(said) == 1 and 'model-3 cannot be restored' in str(said[0]) and '\n' not in str(said[0])


def test_all_damaged_is_an_error(saved, tmp_path):
    sess, saver, folder, _ = saved
    for step in 1, 2, 3:
        flip(tmp_path / f'model-{step}.data-00000-of-00001', 100)
    with pytest.raises(checkpoint.CheckpointError, match='none of its 3 checkpoints can be read'):
        checkpoint.restore_latest(sess, saver, folder, lambda line: None)


def test_a_folder_that_cannot_be_written_is_named_and_the_older_ones_stay(saved, tmp_path):
    sess, saver, folder, _ = saved
    (tmp_path / 'partial').write_text('a file where the folder goes')
    with pytest.raises(checkpoint.CheckpointError, match='model-4 could not be written with .* MiB free'):
        checkpoint.save(sess, saver, folder, 4, keep=1)
    assert checkpoint.steps_in(folder) == [1, 2, 3]

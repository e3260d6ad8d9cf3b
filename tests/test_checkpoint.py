import hashlib
import json
import os
import random
import shutil
import types

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.errors import UserError
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
        f'model-{step}.{end}' for step in (1, 2, 3) for end in ('index', 'data-00000-of-00001', 'sums'))


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
    assert len(list(tmp_path.iterdir())) == 6


def test_what_a_power_cut_must_not_take_is_on_the_disk_before_an_older_one_goes(saved, tmp_path, calls):
    sess, saver, folder, _ = saved
    checkpoint.save(sess, saver, folder, 10, keep=1)
    names = sorted(path.name for path in tmp_path.iterdir())
    removed = [i for i, call in enumerate(calls) if call[0] == 'remove']
    renamed = {call[2]: i for i, call in enumerate(calls) if call[0] == 'replace' and call[1] == call[2]}
    assert sorted(renamed) == names and 'model-10.index' in names and list(renamed)[-1] == 'model-10.index'
    assert all(calls.index(('fsync', name)) < renamed[name] for name in names)
    assert max(renamed.values()) < calls.index(('fsync', tmp_path.name)) < removed[0]


@pytest.mark.parametrize('keep', [1, 2])
def test_a_damaged_newer_one_that_was_passed_over_takes_no_place(saved, tmp_path, keep):
    """The run went back from step 30 to 2, and saves before it is there again."""
    sess, saver, folder, value = saved
    for end in 'index', 'data-00000-of-00001', 'sums':
        os.rename(f'{folder}/model-3.{end}', f'{folder}/model-30.{end}')
    (tmp_path / 'model-30.data-00000-of-00001').write_bytes(b'damaged')
    assert checkpoint.restore_latest(sess, saver, folder, say=lambda _: None) == 2
    checkpoint.save(sess, saver, folder, 9, keep=keep)
    assert checkpoint.steps_in(folder) == [2, 9, 30][2 - keep:]
    assert checkpoint.restore_latest(sess, saver, folder, say=lambda _: None) == 9 and value() == 2


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


def without_sums(folder):
    """As earlier versions left them."""
    for path in folder.glob('*.sums'):
        path.unlink()


@pytest.mark.parametrize('earlier', [False, True], ids=['', 'of an earlier version'])
@pytest.mark.parametrize('damage', [
    lambda folder: flip(folder / 'model-3.data-00000-of-00001', 2000),
    lambda folder: flip(folder / 'model-3.index', 20),
    lambda folder: (folder / 'model-3.data-00000-of-00001').unlink(),
    lambda folder: (folder / 'model-3.data-00000-of-00001').write_bytes(b'short'),
    lambda folder: (folder / 'model-3.index').write_bytes(b''),
    lambda folder: (folder / 'model-3.index').write_bytes(b'what has this to do with checkpoints? ' * 9),
    lambda folder: of_another_model(folder)],
    ids=['flipped data', 'flipped index', 'no data', 'truncated data', 'empty index', 'foreign', 'another model'])
def test_a_damaged_one_is_named_and_the_one_before_is_used(saved, tmp_path, damage, earlier):
    sess, saver, folder, value = saved
    damage(tmp_path)
    if earlier:
        without_sums(tmp_path)
    said = []
    assert checkpoint.restore_latest(sess, saver, folder, said.append) == 2 and value() == 2
    assert len(said) == 1 and 'model-3 cannot be restored' in str(said[0]) and '\n' not in str(said[0])


def test_one_of_an_earlier_version_is_restored_and_deleted_as_before(saved, tmp_path):
    sess, saver, folder, value = saved
    without_sums(tmp_path)
    assert checkpoint.restore_latest(sess, saver, folder) == 3 and value() == 3
    checkpoint.save(sess, saver, folder, 4, keep=1)
    assert {path.suffix.partition('-')[0] for path in tmp_path.iterdir()} == {'.index', '.data', '.sums'}


def test_what_is_damaged_never_comes_to_tensorflow(saved, tmp_path):
    """An index of other sizes may make it allocate without bound, and end the process."""
    sess, saver, folder, _ = saved
    saver = types.SimpleNamespace(restore=lambda *_: pytest.fail('it was opened'))
    for name in 'model-3.index', 'model-3.data-00000-of-00001':
        flip(tmp_path / name, 20)
        with pytest.raises(checkpoint.CheckpointError, match=f'model-3 cannot be restored: {name} is damaged$'):
            checkpoint.restore(sess, saver, f'{folder}/model-3')
        flip(tmp_path / name, 20)
    (tmp_path / 'model-3.index').unlink()
    with pytest.raises(checkpoint.CheckpointError, match='model-3 cannot be restored: model-3.index is gone$'):
        checkpoint.restore(sess, saver, f'{folder}/model-3')


@pytest.mark.parametrize('name', ['a?b', 'a*b', 'a[b', 'a]b'])
def test_what_could_be_a_pattern_and_finds_itself_is_restored(saved, tmp_path, name):
    sess, saver, _, _ = saved
    assert checkpoint.restore_latest(sess, saver, copied(tmp_path, name)) == 3


def copied(folder, name):
    (folder / name).mkdir()
    for path in folder.glob('model-3.*'):
        shutil.copy(path, folder / name)
    return str(folder / name)


@pytest.mark.parametrize('name', ['a[1]', 'a\\b'])
def test_a_path_that_tensorflow_takes_for_a_pattern_is_no_damage(saved, tmp_path, name):
    sess, saver, _, _ = saved
    other = copied(tmp_path, name)
    with pytest.raises((tf.errors.OpError, ValueError)):        # or the refusal has no reason any more
        tf.train.load_checkpoint(f'{other}/model-3')
    with pytest.raises(UserError, match='in a path for a pattern, and cannot open it. Rename the folder') as raised:
        checkpoint.restore_latest(sess, saver, other)
    assert not isinstance(raised.value, checkpoint.CheckpointError)


@pytest.mark.parametrize('content', [
    b'', b'junk', b'[]', b'3', b'{"index": 3}', b'{"index": [1, 2, 3]}', b'\xff', b'{"a\\u0000": [1, ""]}',
    b'[' * 10 ** 5], ids=range(9))
def test_damaged_sums_are_named_with_the_remedy(saved, tmp_path, content):
    sess, saver, folder, _ = saved
    (tmp_path / 'model-3.sums').write_bytes(content)
    with pytest.raises(checkpoint.CheckpointError, match='model-3.sums is damaged. Delete that file to try without it'):
        checkpoint.restore(sess, saver, f'{folder}/model-3')


def test_sums_are_those_of_the_files(saved, tmp_path):
    sums = json.loads((tmp_path / 'model-3.sums').read_text())
    files = [path for path in tmp_path.glob('model-3.*') if path.suffix != '.sums']
    assert len(files) == 2 and sums == {path.suffix[1:]: [
        path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()] for path in files}


def test_what_a_kill_left_between_two_deletions_is_swept(saved, tmp_path):
    whole = sorted(path.name for path in tmp_path.iterdir())
    for name in 'model-9.data-00000-of-00001', 'model-9.sums', '.77.partial':
        (tmp_path / name).write_text('half')
    theirs = ['events', 'metrics.jsonl', 'model-9.data', 'model-9.txt', 'model-x.sums', 'my.partial', 'options.json']
    for name in theirs:
        (tmp_path / name).write_text('theirs')
    checkpoint.sweep(str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(whole + theirs)


def test_one_that_a_training_deletes_meanwhile_was_not_damaged(saved, tmp_path):
    """With one checkpoint kept, a new one takes the place of that which is being read."""
    sess, saver, folder, value = saved
    restore, said = saver.restore, []

    def deleted(sess, prefix):
        saver.restore = restore
        checkpoint.save(sess, saver, folder, 4, keep=1)
        saver.restore(sess, prefix)
    saver.restore = deleted
    assert checkpoint.restore_latest(sess, saver, folder, said.append) == 4 and value() == 3 and said == []


@pytest.mark.faults
def test_ten_thousand_mutations_are_seen_before_tensorflow(saved, tmp_path):
    """Of index and data, one to four places or the end, each time."""
    chance, prefix = random.Random(0), str(tmp_path / 'model-3')
    for path in tmp_path / 'model-3.index', tmp_path / 'model-3.data-00000-of-00001':
        whole = path.read_bytes()
        checkpoint.check(prefix)
        for _ in range(5_000):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                data[chance.randrange(len(data))] ^= chance.randint(1, 255)
            if chance.random() < 0.2:
                del data[chance.randrange(len(data)):]
            if chance.random() < 0.2:
                data += chance.randbytes(chance.randint(1, 99))
            if data == whole:
                continue
            path.write_bytes(data)
            with pytest.raises(checkpoint.CheckpointError, match=f'{path.name} is damaged'):
                checkpoint.check(prefix)
        path.write_bytes(whole)
    checkpoint.check(prefix)


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


def test_of_a_checkpoint_that_is_deleted_the_index_goes_first(tmp_path, calls):
    for step in 1, 2:
        for end in 'data-00000-of-00001', 'index', 'sums':
            (tmp_path / f'model-{step}.{end}').touch()
    checkpoint.remove(str(tmp_path), 1)
    removed = [call[1] for call in calls if call[0] == 'remove']
    assert removed[0] == 'model-1.index' and len(removed) == 3 and checkpoint.steps_in(str(tmp_path)) == [2]

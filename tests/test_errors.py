"""Words for users: what reason() makes of exceptions, most of them TensorFlow's own, caught here and not made up."""

import os
import resource

import pytest
import tensorflow.compat.v1 as tf

from pix2pix.errors import UserError, count, printable, reason


def error_of(fetch, feed=None):
    """What TensorFlow raises where a tensor or an op cannot be computed."""
    with tf.Session() as sess, pytest.raises(tf.errors.OpError) as caught:
        sess.run(fetch, feed)
    return caught.value


def failing(error):
    """An op in Python that raises that error."""
    def fail():
        raise error
    return tf.numpy_function(fail, [], tf.float32)


def save_to(prefix):
    return tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=['v'], shape_and_slices=[''], tensors=[tf.ones([10_000])])


def test_a_missing_file_is_no_such_file(tmp_path):
    assert 'no such file' in reason(error_of(tf.io.read_file(str(tmp_path / 'a.png')))).lower()


def test_a_folder_in_place_of_a_file_is_said_to_be_one(tmp_path):
    assert reason(error_of(tf.io.read_file(str(tmp_path)))) == f'{tmp_path}; Is a directory'


def test_an_assertion_gives_its_own_words():
    assert reason(error_of(tf.debugging.Assert(tf.equal(1, 2), ['odd width', tf.constant(7)]))) == '[odd width] [7]'


@pytest.mark.parametrize('error, words', [
    (ValueError('its header is cut off'), 'its header is cut off'),
    (ValueError('one line\nand another'), 'one line'),
    (OSError(28, 'No space left on device'), '[Errno 28] No space left on device')])
def test_a_failing_function_in_python_gives_its_own_words(error, words):
    assert reason(error_of(failing(error))) == words


def test_a_picture_that_does_not_decode_gives_the_decoder_s_words():
    error = error_of(tf.io.decode_png(tf.constant(b'no picture')))
    assert 'image file format' in reason(error)


def test_an_error_in_a_data_set_gives_the_reason_too():
    """Of what is read ahead, which is not said to be a node of the graph."""
    data = tf.data.Dataset.from_tensors('').map(lambda _: failing(ValueError('its header is cut off')))
    assert reason(error_of(tf.data.make_one_shot_iterator(data).get_next())).endswith('its header is cut off')


# Saving and restoring, where the system's reason is what a user can act on.

def test_saving_into_a_folder_that_is_not_there_gives_the_system_s_reason(tmp_path):
    assert 'no such file' in reason(error_of(save_to(tmp_path / 'no' / 'folder' / 'model'))).lower()


def test_saving_below_a_file_gives_the_system_s_reason(tmp_path):
    (tmp_path / 'file').touch()
    why = reason(error_of(save_to(tmp_path / 'file' / 'model')))
    assert why.startswith(f'{tmp_path}/file/model') and why.endswith('; Not a directory')


def test_saving_into_a_folder_that_cannot_be_written_gives_the_system_s_reason(tmp_path):
    """/sys can be written by nobody, not even by root, whom permissions do not stop."""
    folder = '/sys' if os.getuid() == 0 else str(tmp_path)
    tmp_path.chmod(0o500)
    error = error_of(save_to(f'{folder}/model'))
    tmp_path.chmod(0o700)
    assert reason(error).startswith(f'{folder}/model') and reason(error).endswith(
        ('; Permission denied', '; Read-only file system', '; Operation not permitted'))


def test_saving_on_a_disk_that_is_full_gives_the_system_s_reason(tmp_path):
    """In place of a full disk, a limit on the size of files."""
    op, limits = save_to(tmp_path / 'model'), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        error = error_of(op)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert reason(error).startswith(f'{tmp_path}/model') and reason(error).endswith('; File too large')


@pytest.fixture
def checkpoint(tmp_path):
    """The prefix of a checkpoint that holds a variable v alone."""
    with tf.Session() as sess:
        sess.run(save_to(tmp_path / 'model'))
    return tmp_path / 'model'


def restore(prefix, name):
    return tf.raw_ops.RestoreV2(prefix=str(prefix), tensor_names=[name], shape_and_slices=[''], dtypes=[tf.float32])


def test_a_variable_that_a_checkpoint_lacks_is_named(checkpoint):
    """TensorFlow calls that NotFoundError, as it does a missing file: but the file is there."""
    assert reason(error_of(restore(checkpoint, 'w'))) == 'Key w not found in checkpoint'


def test_a_saver_s_own_words_do_not_stand_in_place_of_the_reason(checkpoint):
    tf.get_variable('w', [1])
    with tf.Session() as sess, pytest.raises(tf.errors.NotFoundError) as caught:
        tf.train.Saver().restore(sess, str(checkpoint))
    assert reason(caught.value) == 'Key w not found in checkpoint'


def test_a_damaged_index_is_said_to_be_damaged(checkpoint):
    checkpoint.with_suffix('.index').write_text('short')
    assert reason(error_of(restore(checkpoint, 'v'))) == 'file is too short to be an sstable'


# Other exceptions.

@pytest.mark.parametrize('error, words', [
    (ValueError('w is [3], not [4]'), 'w is [3], not [4]'),
    (FileNotFoundError(2, 'No such file or directory', 'a.png'), "[Errno 2] No such file or directory: 'a.png'"),
    (ValueError('\n  second line is the first with words  \nthird'), 'second line is the first with words'),
    (KeyboardInterrupt(), 'KeyboardInterrupt'),
    (tf.errors.InvalidArgumentError(None, None, ''), 'InvalidArgumentError'),
    (tf.errors.AbortedError(None, None, 'the other end is gone'), 'the other end is gone'),
    (tf.errors.InternalError(None, None, '2 root error(s) found.\n  (0) INTERNAL: Collective ops aborted\n'
                                         '\t [[{{node a}}]]\n  (1) CANCELLED: later\n0 successful operations.'),
     'Collective ops aborted')])
def test_any_exception_has_a_reason_in_one_line(error, words):
    assert reason(error) == words


def test_a_reason_has_at_most_200_characters():
    assert reason(ValueError('x' * 1000)) == 'x' * 200


@pytest.mark.parametrize('make', [lambda: tf.io.read_file('/'), lambda: failing(ValueError('bad')),
                                  lambda: save_to('/dev/null/model'), lambda: tf.debugging.Assert(False, ['bad'])])
def test_no_reason_tells_the_lines_of_python_that_made_the_graph(make):
    error = error_of(make())
    assert 'Detected at node' in error.message and __file__ in error.message
    why = reason(error)
    for noise in 'Detected at', 'Node:', '{{node', __file__, '\n', error.op.name + "'":
        assert noise not in why, why


def test_a_user_error_is_its_words():
    assert str(UserError('what, what is wrong, and the remedy')) == 'what, what is wrong, and the remedy'
    assert issubclass(UserError, Exception) and not issubclass(UserError, OSError)


@pytest.mark.parametrize('number, words', [(0, '0 pairs'), (1, '1 pair'), (2, '2 pairs'), (20_000, '20,000 pairs')])
def test_a_count_has_its_noun_in_the_right_number(number, words):
    assert count(number, 'pair') == words


def test_what_others_say_is_one_line_without_control_characters():
    assert printable('a\tb\n\x1b[2J\x9b é \u202e') == r'a b \x1b[2J\x9b é \u202e'

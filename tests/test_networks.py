"""The two networks against the paper: numbers of parameters, shapes, the receptive field, and values in float64."""

import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.model.architecture import Architecture
from pix2pix.model.networks import decoder, discriminator, generator, images_at_once, trained_generator
from tests import reference

# Parameters by hand at 64 filters, widths 64 128 256 512 512 512 512 512, 4 * 4 = 16 weights a channel pair.
DOWN = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 4 * 512 * 512)
UP = 16 * (512 * 512 + 3 * 1024 * 512 + 1024 * 256 + 512 * 128 + 256 * 64 + 128 * 3)
DOWN_NORMS = 2 * (128 + 256 + 4 * 512)              # rows 2-7, scale and offset
UP_NORMS = 2 * (4 * 512 + 256 + 128 + 64)

PAPER, WRITEUP = Architecture('paper'), Architecture('writeup')
TINY = {layers: Architecture(layers, base_filters=1) for layers in ('paper', 'writeup')}
BOTH = pytest.mark.parametrize('layers', TINY)


def parameters(scope):
    return sum(int(np.prod(v.shape)) for v in tf.trainable_variables(scope + '/'))


def weights(scope):
    """The shapes of the kernels by the name of their row, in running order."""
    return {v.op.name.split('/')[1]: v.shape.as_list() for v in tf.trainable_variables(scope + '/')
            if v.op.name.endswith('/w')}


def last_tensor(graph, scope):
    """What a row of a network gives: the last tensor that was made under its name."""
    return [op for op in graph.get_operations() if op.name.startswith(scope + '/')][-1].outputs[0]


def test_the_paper_s_networks_have_so_many_parameters():
    generator(tf.zeros([1, 256, 256, 3]), PAPER, dropout_on=False)
    discriminator(tf.zeros([1, 256, 256, 3]), tf.zeros([1, 256, 256, 3]), PAPER)
    assert parameters('generator') == DOWN + UP + DOWN_NORMS + UP_NORMS + 3 == 54_413_955
    assert parameters('discriminator') == \
        16 * (6 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512) + 64 + 2 * (128 + 256 + 512) + 1 == 2_768_705


def test_the_writeup_s_generator_has_so_many_parameters():
    generator(tf.zeros([2, 256, 256, 3]), WRITEUP, dropout_on=False, statistics='update')
    biases = 64 + (4 * 512 + 256 + 128 + 64) + 3        # first row, the decoder's seven, the last
    assert parameters('generator') == DOWN + UP + DOWN_NORMS + 2 * 512 + biases == 54_412_547
    moving = [v for v in tf.global_variables() if 'moving' in v.op.name]
    assert len(moving) == 2 * 7 and not set(moving) & set(tf.trainable_variables())


# What a depth has more than the one before: a row of 512 in the encoder, and one of 1,024, with the skip, after it.
ROW = 16 * (512 * 512 + 1024 * 512) + 4 * 512


@pytest.mark.parametrize('depth, more', [(5, -3), (6, -2), (7, -1), (8, 0), (9, 1)])
def test_a_depth_has_so_many_rows_and_parameters(depth, more):
    """7 is the unet_128 of the PyTorch port, of 41.829 million parameters."""
    side = 2 ** depth
    output = generator(tf.zeros([1, side, 2 * side, 3]), PAPER._replace(depth=depth), dropout_on=False)
    assert output.shape == [1, side, 2 * side, 3] and PAPER._replace(depth=depth).multiple == side
    assert parameters('generator') == 54_413_955 + more * ROW and (depth != 7 or parameters('generator') == 41_828_995)
    widths = [shape[3] for name, shape in weights('generator').items() if name.startswith('down')]
    assert widths == [64, 128, 256] + [512] * (depth - 3)
    widths = [shape[2] for name, shape in weights('generator').items() if name.startswith('up')]
    assert widths == [512] * (depth - 4) + [256, 128, 64, 3] and list(weights('generator'))[-1] == f'up{depth}'
    assert not [v for v in tf.trainable_variables() if f'down{depth}_norm' in v.op.name]
    with pytest.raises(AssertionError):
        generator(tf.zeros([1, side, side // 2 * 3, 3]), PAPER._replace(depth=depth), dropout_on=False)


@pytest.mark.parametrize('layers, depth, rows', [
    ('paper', 5, [1]), ('paper', 7, [1, 2, 3]), ('paper', 9, [1, 2, 3]),
    ('port', 5, []), ('port', 7, [2, 3]), ('port', 9, [2, 3, 4, 5])])
def test_which_rows_of_a_depth_have_dropout(layers, depth, rows):
    """As the port: all of its rows of 512 but the innermost."""
    assert [name for name, _, _, drop in decoder(depth) if layers in drop] == [f'up{row}' for row in rows]


@BOTH
def test_shapes_row_by_row(layers, graph):
    """The encoder halves to one pixel, the decoder doubles, and each of its rows sees its mirror image too."""
    output = generator(tf.zeros([2, 256, 256, 3]), Architecture(layers, target_channels=1), seed=[0, 0])
    assert output.shape == [2, 256, 256, 1] and output.dtype == tf.float32
    for i, width in enumerate([64, 128, 256, 512, 512, 512, 512, 512], 1):
        assert last_tensor(graph, f'generator/down{i}').shape == [2, 256 >> i, 256 >> i, width], i
    for i, width in enumerate([512, 512, 512, 512, 256, 128, 64, 1], 1):
        assert last_tensor(graph, f'generator/up{i}').shape == [2, 1 << i, 1 << i, width], i
    kernels = weights('generator')
    assert [kernels[f'up{i}'][3] for i in range(1, 9)] == [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    assert {tuple(shape[:2]) for shape in kernels.values()} == {(4, 4)}


@pytest.mark.parametrize('layers, rows', [('paper', 3), ('writeup', 7)])
def test_dropout_is_in_the_first_rows_of_the_decoder(layers, rows, graph):
    """The innermost is among them; each has a mask of its own."""
    generator(tf.zeros([2, 256, 256, 3]), Architecture(layers), seed=[0, 0])
    masks = [op.outputs[0].shape.as_list() for op in graph.get_operations() if op.type == 'StatelessRandomUniformV2']
    widths = [512, 512, 512, 512, 256, 128, 64]
    assert masks == [[2, 2 << i, 2 << i, widths[i]] for i in range(rows)]


@BOTH
def test_there_is_no_dropout_where_it_is_off_or_would_keep_everything(layers):
    image, dropping = tf.constant(images(1)[0], tf.float32), TINY[layers]
    outputs = [generator(image, dropping, dropout_on=False), generator(image, dropping._replace(keep_prob=1.0)),
               generator(image, dropping, seed=[0, 0])]
    off, all_kept, dropped = draw(*outputs)
    np.testing.assert_array_equal(off, all_kept)
    assert (off != dropped).any()


def images(count, seed=0):
    return np.random.RandomState(seed).uniform(-1, 1, [count, 2, 256, 256, 3])


def spread(sess, moving=0.5):
    """Weights of 0.3 instead of 0.02 and biases off zero, so that no row goes unnoticed. Their values by name."""
    random = np.random.RandomState(3)
    values = {v: random.normal(1 if 'scale' in v.op.name else 0, 0.3, v.shape) for v in tf.trainable_variables()}
    values.update({v: np.full(v.shape, moving) for v in tf.global_variables() if 'moving' in v.op.name})
    sess.run([v.initializer for v in values], {v.initializer.inputs[1]: value for v, value in values.items()})
    return sess.run({v.op.name: v for v in tf.trainable_variables()})


def draw(*outputs, moving=0.5):
    """The values of outputs with those weights, and with moving means and variances as given."""
    with tf.Session() as sess:
        spread(sess, moving)
        return sess.run(list(outputs))


@BOTH
def test_generator_against_float64(layers):
    [image] = images(1)
    output = generator(tf.constant(image, tf.float32), TINY[layers], dropout_on=False)
    with tf.Session() as sess:
        w = spread(sess)
        np.testing.assert_allclose(sess.run(output), reference.generator(image, w, layers), atol=2e-3)


def test_generator_with_instance_norm_against_float64():
    """Of two images so unlike that the batch's statistics would be far off, in training and in testing alike. There is
    nothing else to keep: no moving statistics."""
    [image] = images(1) * [[[[[0.1]]], [[[1.0]]]]] + [[[[[0.8]]], [[[0.0]]]]]
    instance = TINY['paper']._replace(norm='instance', keep_prob=1.0)
    outputs = [generator(tf.constant(image, tf.float32), instance, statistics='update'),
               trained_generator(tf.constant(image, tf.float32), instance)]
    assert not tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    assert tf.global_variables() == tf.trainable_variables()
    with tf.Session() as sess:
        w = spread(sess)
        training, testing = sess.run(outputs)
    expected = reference.generator(image, w, 'paper', 'instance')
    np.testing.assert_allclose(training, expected, atol=2e-3)
    np.testing.assert_allclose(testing, expected, atol=2e-3)
    assert np.abs(reference.generator(image, w, 'paper') - expected).max() > 0.1


def test_instance_norm_has_the_variables_of_batch_norm_and_at_batch_size_1_its_values():
    image = tf.constant(images(1)[0][:1], tf.float32)
    outputs = [generator(image, TINY['paper']._replace(norm=norm), dropout_on=False) for norm in ('batch', 'instance')]
    assert len(tf.trainable_variables()) == 16 + 1 + 2 * 13
    batch, instance = draw(*outputs)
    np.testing.assert_allclose(instance, batch, atol=1e-5)


@pytest.mark.parametrize('norm', ['batch', 'instance'])
def test_discriminator_against_float64(norm):
    source, target = images(2) * [[[[[0.1]]], [[[1.0]]]]]
    logits = discriminator(tf.constant(source, tf.float32), tf.constant(target, tf.float32),
                           TINY['paper']._replace(norm=norm))
    assert logits.shape == [2, 30, 30, 1] and logits.dtype == tf.float32
    with tf.Session() as sess:
        w = spread(sess)
        np.testing.assert_allclose(sess.run(logits), reference.discriminator(source, target, w, norm), atol=2e-3)


def test_networks_built_twice_are_the_same_variables():
    for _ in range(2):
        generator(tf.zeros([1, 256, 256, 3]), TINY['paper'], dropout_on=False)
        discriminator(tf.zeros([1, 256, 256, 3]), tf.zeros([1, 256, 256, 3]), TINY['paper'])
    assert len(tf.trainable_variables('generator/')) == 16 + 1 + 2 * 13      # kernels, the last bias, the norms
    assert len(tf.trainable_variables('discriminator/')) == 5 + 2 + 2 * 3


def test_in_bfloat16_all_rows_are_bfloat16_and_all_variables_float32(graph):
    architecture = TINY['paper']._replace(precision='bfloat16')
    ends = [generator(tf.zeros([1, 256, 256, 3]), architecture, seed=[0, 0], statistics='update'),
            discriminator(tf.zeros([1, 256, 256, 3]), tf.zeros([1, 256, 256, 3]), architecture)]
    assert [tensor.dtype for tensor in ends] == [tf.float32, tf.float32]
    for scope in 'generator', 'discriminator':
        for row in weights(scope):
            assert last_tensor(graph, f'{scope}/{row}').dtype == tf.bfloat16, row
    assert {v.dtype.base_dtype for v in tf.global_variables()} == {tf.float32}


@pytest.mark.parametrize('source, target', [(1, 3), (3, 1), (1, 1)])
def test_gray_pictures_have_one_channel(source, target):
    architecture = TINY['paper']._replace(source_channels=source, target_channels=target)
    output = generator(tf.zeros([1, 256, 256, source]), architecture, dropout_on=False)
    assert output.shape == [1, 256, 256, target]
    discriminator(tf.zeros([1, 256, 256, source]), output, architecture)
    assert weights('generator')['down1'][2] == source and weights('generator')['up8'][2] == target
    assert weights('discriminator')['conv1'][2] == source + target


def test_receptive_field_is_70(graph):
    """One output pixel sees (r - 1) * stride + kernel pixels of the layer below. A stride is how many times smaller a
    row's image is than the one below."""
    discriminator(tf.zeros([1, 256, 256, 3]), tf.zeros([1, 256, 256, 3]), TINY['paper'])
    sizes = [256] + [int(last_tensor(graph, f'discriminator/conv{i}').shape[1]) for i in range(1, 6)]
    assert sizes == [256, 128, 64, 32, 31, 30]
    kernels = weights('discriminator')
    seen = [1]
    for i in range(5, 0, -1):
        assert kernels[f'conv{i}'][0] == kernels[f'conv{i}'][1]
        seen.append((seen[-1] - 1) * round(sizes[i - 1] / sizes[i]) + kernels[f'conv{i}'][0])
    assert seen == [1, 4, 7, 16, 34, 70]


def test_a_larger_picture_has_more_patches():
    """One more for every 8 pixels."""
    logits = discriminator(tf.zeros([1, 256, 512, 3]), tf.zeros([1, 256, 512, 3]), TINY['paper'])
    assert logits.shape == [1, 30, 30 + 256 // 8, 1]


# The generator as it is tested.

@BOTH
def test_a_trained_generator_s_masks_are_a_function_of_the_seed_alone(layers):
    image = tf.constant(images(1)[0][:1], tf.float32)
    how = [{}, {'seed': 0}, {'seed': 1}, {'dropout_on': False}, {'dropout_on': False, 'seed': 1}]
    default, zero, one, off, also_off = draw(*(trained_generator(image, TINY[layers], **h) for h in how))
    np.testing.assert_array_equal(default, zero)
    np.testing.assert_array_equal(off, also_off)
    assert (zero != one).any() and (zero != off).any()


@pytest.mark.parametrize('layers, statistics', [('paper', 'batch'), ('writeup', 'moving')])
def test_a_trained_generator_s_statistics_are_those_of_its_layer_table_unless_told_otherwise(layers, statistics):
    """Statistics of the batch are those of the image; the moving ones are what the training has left."""
    image = tf.constant(images(1)[0], tf.float32)
    outputs = [trained_generator(image, TINY[layers], statistics=s) for s in (None, 'batch', 'moving')]
    default, batch, moving = draw(*outputs, moving=0.7)
    default_now, batch_now, moving_now = draw(*outputs, moving=0.2)
    np.testing.assert_array_equal(batch_now, batch)
    assert (moving_now != moving).any()
    np.testing.assert_array_equal([default, default_now],
                                  {'batch': [batch, batch_now], 'moving': [moving, moving_now]}[statistics])


@BOTH
def test_a_trained_generator_draws_each_image_as_if_it_were_alone(layers):
    """Dropout included; the image beside it is of another brightness, which would move the batch's statistics."""
    pictures = images(1)[0]
    pictures[1:] = 0.1 * pictures[1:] + 0.8
    batch, *alone = draw(trained_generator(tf.constant(pictures, tf.float32), TINY[layers]),
                         *(trained_generator(tf.constant(pictures[i:i + 1], tf.float32), TINY[layers])
                           for i in range(len(pictures))), moving=0.7)
    assert len(pictures) > 1
    np.testing.assert_allclose(batch, np.concatenate(alone), atol=1e-4)


def test_testing_keeps_no_statistics():
    trained_generator(tf.zeros([1, 256, 256, 3]), TINY['writeup'])
    assert not tf.get_collection(tf.GraphKeys.UPDATE_OPS)


def test_rows_have_the_names_that_checkpoints_know(graph):
    """Old runs are restored by these names."""
    generator(tf.zeros([1, 256, 256, 3]), TINY['paper'], dropout_on=False, statistics='update')
    discriminator(tf.zeros([1, 256, 256, 3]), tf.zeros([1, 256, 256, 3]), TINY['paper'])
    names = {re.sub(r'\d+', 'N', v.op.name) for v in tf.global_variables()}
    norms = {'scale', 'offset', 'moving_mean', 'moving_variance'}
    assert names == {'generator/downN/w', 'generator/upN/w', 'generator/upN/b', 'discriminator/convN/w',
                     'discriminator/convN/b', 'discriminator/convN_norm/scale', 'discriminator/convN_norm/offset',
                     *(f'generator/{row}N_norm/{name}' for row in ('down', 'up') for name in norms)}


def test_so_many_images_go_through_the_network_at_once():
    sizes = [(256, 256), (128, 256), (32, 32), (256, 512), (512, 512), (1024, 1024)]
    assert [images_at_once(*size) for size in sizes] == [4, 8, 8, 2, 1, 1]

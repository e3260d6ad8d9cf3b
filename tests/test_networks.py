import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.model.networks import discriminator, generator
from tests import reference

# Parameters by hand at 64 filters, widths 64 128 256 512 512 512 512 512, 4 * 4 = 16 weights a channel pair.
DOWN = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 4 * 512 * 512)
UP = 16 * (512 * 512 + 3 * 1024 * 512 + 1024 * 256 + 512 * 128 + 256 * 64 + 128 * 3)
DOWN_NORMS = 2 * (128 + 256 + 4 * 512)              # rows 2-7, scale and offset
UP_NORMS = 2 * (4 * 512 + 256 + 128 + 64)


def parameters(scope):
    return sum(int(np.prod(v.shape)) for v in tf.trainable_variables(scope + '/'))


def test_parameters_of_the_paper():
    generator(tf.zeros([1, 256, 256, 3]), 3)
    discriminator(tf.zeros([1, 256, 256, 3]), tf.zeros([1, 256, 256, 3]))
    assert parameters('generator') == DOWN + UP + DOWN_NORMS + UP_NORMS + 3 == 54_413_955
    assert parameters('discriminator') == \
        16 * (6 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512) + 64 + 2 * (128 + 256 + 512) + 1 == 2_768_705


def test_parameters_of_the_writeup():
    generator(tf.zeros([2, 256, 256, 3]), 3, layers='writeup', statistics='update')
    biases = 64 + (4 * 512 + 256 + 128 + 64) + 3        # first row, the decoder's seven, the last
    assert parameters('generator') == DOWN + UP + DOWN_NORMS + 2 * 512 + biases == 54_412_547
    moving = [v for v in tf.global_variables() if 'moving' in v.op.name]
    assert len(moving) == 2 * 7 and not set(moving) & set(tf.trainable_variables())


@pytest.mark.parametrize('layers, dropouts', [('paper', 3), ('writeup', 7)])
def test_shapes_row_by_row(layers, dropouts, graph, monkeypatch):
    monkeypatch.setattr('pix2pix.model.convolution.SMALL', 0)        # all convolutions as such
    output = generator(tf.zeros([2, 256, 256, 3]), 1, 64, layers, 0.5, [0, 0])
    assert output.shape == [2, 256, 256, 1] and output.dtype == tf.float32
    convs = [op.outputs[0].shape.as_list()[1:] for op in graph.get_operations() if op.type == 'Conv2D']
    widths = [64, 128, 256, 512, 512, 512, 512, 512]
    assert convs == [[256 >> i, 256 >> i, w] for i, w in enumerate(widths, 1)]
    weights = [v.shape.as_list() for v in tf.trainable_variables('generator/up') if v.op.name.endswith('/w')]
    outs, ins = [512, 512, 512, 512, 256, 128, 64, 1], [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    assert weights == [[4, 4, out, into] for out, into in zip(outs, ins)]
    joined = [op.outputs[0].shape.as_list()[1:] for op in graph.get_operations() if op.type == 'ConcatV2']
    assert joined == [[2 << i, 2 << i, w] for i, w in enumerate([1024, 1024, 1024, 1024, 512, 256, 128])]
    masks = [op for op in graph.get_operations() if op.type == 'StatelessRandomUniformV2']
    assert len(masks) == dropouts
    assert masks[0].outputs[0].shape == [2, 2, 2, 512]      # the innermost row is among them


@pytest.mark.parametrize('layers', ['paper', 'writeup'])
@pytest.mark.parametrize('narrow', [0, 3])      # last layers by convolutions, by products
def test_generator_against_float64(layers, narrow, monkeypatch):
    monkeypatch.setattr('pix2pix.model.convolution.NARROW', narrow)
    image = np.random.RandomState(0).uniform(-1, 1, [2, 256, 256, 3])
    output = generator(tf.constant(image, tf.float32), 3, 1, layers)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        spread(sess)
        w = sess.run({v.op.name: v for v in tf.trainable_variables()})
        np.testing.assert_allclose(sess.run(output), reference.generator(image, w, layers), atol=2e-3)


@pytest.mark.parametrize('narrow', [0, 3])
def test_discriminator_against_float64(narrow, monkeypatch):
    monkeypatch.setattr('pix2pix.model.convolution.NARROW', narrow)
    source, target = np.random.RandomState(0).uniform(-1, 1, [2, 2, 256, 256, 3])
    logits = discriminator(tf.constant(source, tf.float32), tf.constant(target, tf.float32), 1)
    assert logits.shape == [2, 30, 30, 1]
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        spread(sess)
        w = sess.run({v.op.name: v for v in tf.trainable_variables()})
        np.testing.assert_allclose(sess.run(logits), reference.discriminator(source, target, w), atol=2e-3)


def spread(sess):
    """Weights of 0.3 instead of 0.02 and biases off zero, so that no row goes unnoticed."""
    random = np.random.RandomState(3)
    for v in tf.trainable_variables():
        v.load(random.normal(1 if 'scale' in v.op.name else 0, 0.3, v.shape), sess)


def test_receptive_field_is_70(graph, monkeypatch):
    monkeypatch.setattr('pix2pix.model.convolution.NARROW', 0)      # the last convolution as such
    # One output pixel sees (r - 1) * stride + kernel pixels of the layer below: 1, 4, 7, 16, 34, 70.
    discriminator(tf.zeros([1, 256, 256, 3]), tf.zeros([1, 256, 256, 3]), 2)
    seen = [1]
    for op in reversed([op for op in graph.get_operations() if op.type == 'Conv2D']):
        kernel, _, _, _ = op.inputs[1].shape
        seen.append((seen[-1] - 1) * op.get_attr('strides')[1] + kernel)
    assert seen == [1, 4, 7, 16, 34, 70]

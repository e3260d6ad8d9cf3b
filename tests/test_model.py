import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.model.training_step import build_model
from tests import reference

BATCH = np.random.RandomState(5).uniform(-1, 1, [2, 2, 256, 256, 3])


def build(**options):
    source, target = (tf.constant(x, tf.float32) for x in BATCH)
    return build_model(source, target, base_filters=1, **options)


def values(sess, variables):
    return {name: value.astype('d') for name, value in sess.run({v.op.name: v for v in variables}).items()}


@pytest.mark.parametrize('layers, narrow', [('paper', 3), ('writeup', 3), ('paper', 0)])     # 0: no layer is narrow
def test_one_step_against_float64(layers, narrow, monkeypatch):
    monkeypatch.setattr('pix2pix.model.convolution.NARROW', narrow)
    model = build(layers=layers, keep_prob=1.0, beta1=0.5, learning_rate=2e-4, l1_weight=100.0, gan_weight=2.0)
    trainable = tf.trainable_variables()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        random = np.random.RandomState(3)
        for v in trainable:     # larger than N(0, 0.02), so that the gradients are
            v.load(random.normal(1 if 'scale' in v.op.name else 0, 0.2, v.shape), sess)
        before = values(sess, trainable)
        losses = sess.run({'train': model.train_op, 'losses': model.losses})['losses']
        after, slots = values(sess, trainable), values(sess, tf.global_variables())
        assert sess.run(model.step) == 1

    # d_loss is that of the variables before the step; g_loss_gan sees the discriminator just updated.
    between = {n: after[n] if n.startswith('discriminator') else before[n] for n in before}
    d_loss = lambda w: reference.losses(*BATCH, w, layers)[0]
    g_loss = lambda w: np.dot(reference.losses(*BATCH, w, layers), [0, 2, 100])
    np.testing.assert_allclose(losses['d_loss'], d_loss(before), rtol=1e-4)
    np.testing.assert_allclose([losses['g_loss_gan'], losses['g_loss_l1']],
                               reference.losses(*BATCH, between, layers)[1:], rtol=1e-4)

    # The gradient of the largest weight in each layer, by central differences, is in Adam's first moment
    # m = (1 - beta1) g, its square in the second, v = (1 - beta2) g ** 2, and the variable has moved accordingly.
    for name in before:
        loss, at, adam = (d_loss, before, '/discriminator_adam') if name.startswith('discriminator') else \
            (g_loss, between, '/generator_adam')
        m, v = slots[name + adam], slots[name + adam + '_1']
        place = np.unravel_index(np.abs(m).argmax(), m.shape)
        gradient = slope(loss, at, name, place)
        # Two values normalised are 1 and -1 whatever the weights: the write-up's bottleneck, at batch size 2.
        assert abs(gradient) > 1e-5 or (layers, name) == ('writeup', 'generator/down8/w'), name
        assert m[place] / 0.5 == pytest.approx(gradient, rel=2e-2, abs=1e-6), name
        assert v[place] / 0.001 == pytest.approx(gradient ** 2, rel=4e-2, abs=1e-9), name
        rate = 2e-4 * np.sqrt(1 - 0.999) / (1 - 0.5)
        np.testing.assert_allclose(after[name], before[name] - rate * m / (np.sqrt(v) + 1e-8), atol=1e-7)


def slope(loss, w, name, place, epsilon=1e-5):
    ends = []
    for sign in 1, -1:
        moved = w[name].copy()
        moved[place] += sign * epsilon
        ends.append(loss({**w, name: moved}))
    return (ends[0] - ends[1]) / (2 * epsilon)


def test_moving_statistics_follow_the_generator_only():
    model = build(keep_prob=1.0)
    moving = [v for v in tf.global_variables() if 'moving' in v.op.name]
    assert len(moving) == 2 * 13 and all(v.op.name.startswith('generator/') for v in moving)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        before = values(sess, moving)
        sess.run(model.train_op)
        after = values(sess, moving)
    assert all((before[name] != after[name]).any() for name in before)


@pytest.mark.parametrize('precision', ['float32', 'bfloat16'])
def test_confident_discriminator_leaves_everything_finite(precision):
    """The trap of the EPS guard in the training graph: logits near 100 for real and fake."""
    model = build(precision=precision)
    bias = next(v for v in tf.trainable_variables() if v.op.name == 'discriminator/conv5/b')
    with tf.Session() as sess:
        for logit in -100, -30, -17, 17, 30, 100:
            sess.run(tf.global_variables_initializer())
            bias.load([logit], sess)
            out = sess.run([model.train_op, model.losses, model.norms])
            assert np.isfinite([*out[1].values(), *out[2].values()]).all(), (logit, out)
            assert all(np.isfinite(value).all() for value in sess.run(tf.trainable_variables()))


def test_variables_stay_float32_in_bfloat16():
    model = build(precision='bfloat16')
    assert {v.dtype.base_dtype for v in tf.global_variables()} == {tf.float32, tf.int64}
    assert {t.dtype for t in model.losses.values()} == {tf.float32}


@pytest.mark.parametrize('precision', ['float32', 'bfloat16'])
def test_same_seed_same_bits_and_dropout_changes_with_the_step(precision):
    def train(seed, steps):
        with tf.Graph().as_default():
            tf.set_random_seed(1)
            model = build(seed=seed, precision=precision)
            with tf.Session() as sess:
                sess.run(tf.global_variables_initializer())
                frozen = sess.run(model.output), sess.run(model.output)
                for _ in range(steps):
                    sess.run(model.train_op)
                return frozen, sess.run(tf.global_variables())
    (first, again), variables = train(7, 2)
    np.testing.assert_array_equal(first, again)             # the step decides, not the number of runs
    for one, other in zip(variables, train(7, 2)[1]):
        np.testing.assert_array_equal(one, other)
    assert any((one != other).any() for one, other in zip(variables, train(8, 2)[1]))


def test_dropout_mask_is_new_at_each_step():
    model = build(learning_rate=0.0)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        before = sess.run(model.output)
        sess.run(model.train_op)
        assert (before != sess.run(model.output)).any()

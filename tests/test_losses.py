"""The losses against float64, where float32 is at its limits too, and by hand."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.model import losses

LOGITS = np.array([-100, -60, -30, -18, -17, -5, -1, 0, 1, 5, 16, 17, 18, 30, 60, 100])


def run(function, *arrays):
    """The loss and its gradients on arrays, as float32 tensors that the graph optimiser cannot fold away."""
    inputs = [tf.placeholder(tf.float32, np.shape(a)) for a in arrays]
    loss = function(*inputs)
    with tf.Session() as sess:
        return sess.run([loss, tf.gradients(loss, inputs)], dict(zip(inputs, arrays)))


def log_sigmoid_eps(x):
    """log(sigmoid(x) + 1e-12) in float64."""
    return np.log(1 / (1 + np.exp(-np.float64(x))) + 1e-12)


@pytest.mark.parametrize('logit', LOGITS)
def test_losses_are_exact_and_gradients_finite_however_sure_the_discriminator_is(logit):
    """From logit 17 on, 1 - sigmoid is 0 in float32: its logarithm has a guard, which the graph's optimiser must not
    fold away."""
    real, fake = np.full([1, 3, 3, 1], logit, 'f'), np.full([1, 3, 3, 1], -logit + 1, 'f')
    loss, gradients = run(losses.discriminator_loss, real, fake)
    np.testing.assert_allclose(loss, -(log_sigmoid_eps(logit) + log_sigmoid_eps(logit - 1)), rtol=1e-4, atol=1e-6)
    assert np.isfinite(gradients).all()
    loss, gradients = run(losses.generator_gan_loss, fake)
    np.testing.assert_allclose(loss, -log_sigmoid_eps(1 - logit), rtol=1e-4, atol=1e-6)
    assert np.isfinite(gradients).all()


@pytest.mark.parametrize('loss', [losses.discriminator_loss, losses.generator_gan_loss])
def test_a_loss_is_a_mean_over_patches_and_images(loss):
    """Of every image and patch alike, real and drawn."""
    one, other = (np.full([1, 2, 2, 1], logit, 'f') for logit in (0.5, -2))
    several = np.concatenate([one, one, other, one])
    count = 2 if loss is losses.discriminator_loss else 1
    means = [run(loss, *[logits] * count)[0] for logits in (one, other, several)]
    assert means[2] == pytest.approx((3 * means[0] + means[1]) / 4, rel=1e-5)


def test_an_undecided_discriminator_has_a_loss_of_1_386():
    """-log(1/2) for the real pair, and once more for the drawn one; the generator's is one of them."""
    undecided = np.zeros([1, 2, 2, 1], 'f')
    assert run(losses.discriminator_loss, undecided, undecided)[0] == pytest.approx(1.386294, rel=1e-6)
    assert run(losses.generator_gan_loss, undecided)[0] == pytest.approx(0.693147, rel=1e-6)


def test_gradients_by_hand():
    """A discriminator that is sure of itself, and wrong, is pushed back with all its weight."""
    # d/dx of -log(sigmoid(x)) is sigmoid(x) - 1: at 0 that is -1/2, spread over four values.
    _, [gradient] = run(losses.generator_gan_loss, np.zeros([1, 2, 2, 1], 'f'))
    np.testing.assert_allclose(gradient, np.full([1, 2, 2, 1], -0.125), rtol=1e-6)
    # d/dx of -log(1 - sigmoid(x)) is sigmoid(x): 1 at logit 18, not NaN.
    _, [_, gradient] = run(losses.discriminator_loss, np.zeros([1, 1, 1, 1], 'f'), np.full([1, 1, 1, 1], 18, 'f'))
    np.testing.assert_allclose(gradient, 1, rtol=1e-3)


def test_least_squares_by_hand():
    """The real pair's logits are to be 1, the drawn one's 0, and for the generator 1."""
    real, fake = (np.array(logits, 'f').reshape([1, 1, 2, 1]) for logits in ([3, 0], [0.5, -1]))
    loss, [of_real, of_fake] = run(losses.discriminator_loss_lsgan, real, fake)
    assert loss == pytest.approx((4 + 1) / 2 + (0.25 + 1) / 2)
    np.testing.assert_allclose(of_real.ravel(), [2, -1])        # 2 (x - 1) / 2
    np.testing.assert_allclose(of_fake.ravel(), [0.5, -1])
    loss, [of_fake] = run(losses.generator_gan_loss_lsgan, fake)
    assert loss == pytest.approx((0.25 + 4) / 2)
    np.testing.assert_allclose(of_fake.ravel(), [-0.5, -2])


def test_l1_is_a_mean_over_everything():
    loss, _ = run(losses.l1_loss, np.array([[1., -1], [0, .5]], 'f'), np.array([[0., 1], [0, 0]], 'f'))
    assert loss == pytest.approx((1 + 2 + 0 + .5) / 4)

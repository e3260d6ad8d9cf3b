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
def test_losses_and_gradients_stay_finite_and_exact(logit):
    real, fake = np.full([1, 3, 3, 1], logit, 'f'), np.full([1, 3, 3, 1], -logit + 1, 'f')
    loss, gradients = run(losses.discriminator_loss, real, fake)
    np.testing.assert_allclose(loss, -(log_sigmoid_eps(logit) + log_sigmoid_eps(logit - 1)), rtol=1e-4, atol=1e-6)
    assert np.isfinite(gradients).all()
    loss, gradients = run(losses.generator_gan_loss, fake)
    np.testing.assert_allclose(loss, -log_sigmoid_eps(1 - logit), rtol=1e-4, atol=1e-6)
    assert np.isfinite(gradients).all()


def test_gradients_by_hand():
    # d/dx of -log(sigmoid(x)) is sigmoid(x) - 1: at 0 that is -1/2, spread over four values.
    _, [gradient] = run(losses.generator_gan_loss, np.zeros([1, 2, 2, 1], 'f'))
    np.testing.assert_allclose(gradient, np.full([1, 2, 2, 1], -0.125), rtol=1e-6)
    # At logit 17 and beyond a confident discriminator must still be pushed back: the gradient is 1, not NaN.
    _, [_, gradient] = run(losses.discriminator_loss, np.zeros([1, 1, 1, 1], 'f'), np.full([1, 1, 1, 1], 18, 'f'))
    np.testing.assert_allclose(gradient, 1, rtol=1e-3)


def test_l1_is_a_mean_over_everything():
    loss, _ = run(losses.l1_loss, np.array([[1., -1], [0, .5]], 'f'), np.array([[0., 1], [0, 0]], 'f'))
    assert loss == pytest.approx((1 + 2 + 0 + .5) / 4)

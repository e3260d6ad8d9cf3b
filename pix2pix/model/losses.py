"""The losses of the paper (section 3.1), and those of least squares (Mao et al. 2017): tensors in, float32 scalar out.

`logits` are the discriminator's before its sigmoid. 1 - sigmoid(x) is written sigmoid(-x), which is the same number:
TensorFlow folds `1 - sigmoid(x) + EPS` to `(1 + EPS) - sigmoid(x)`, in float32 1 - sigmoid(x), and the guard is gone.
"""

import tensorflow.compat.v1 as tf

EPS = 1e-12     # keeps the logarithm finite where the sigmoid is 0 in float32


def discriminator_loss(real_logits, fake_logits):
    """-mean(log(D(x, y) + EPS) + log(1 - D(x, G(x)) + EPS)): [N, H, W, 1] twice -> scalar."""
    return -tf.reduce_mean(tf.log(tf.sigmoid(real_logits) + EPS) + tf.log(tf.sigmoid(-fake_logits) + EPS))


def generator_gan_loss(fake_logits):
    """mean(-log(D(x, G(x)) + EPS)): [N, H, W, 1] -> scalar."""
    return tf.reduce_mean(-tf.log(tf.sigmoid(fake_logits) + EPS))


def discriminator_loss_lsgan(real_logits, fake_logits):
    """mean((d(x, y) - 1)^2 + d(x, G(x))^2), where d is D without its sigmoid: [N, H, W, 1] twice -> scalar."""
    return tf.reduce_mean(tf.square(real_logits - 1) + tf.square(fake_logits))


def generator_gan_loss_lsgan(fake_logits):
    """mean((d(x, G(x)) - 1)^2): [N, H, W, 1] -> scalar."""
    return tf.reduce_mean(tf.square(fake_logits - 1))


#           gan_mode    of the discriminator        of the generator
GAN_LOSS = {'vanilla': (discriminator_loss,         generator_gan_loss),
            'lsgan':   (discriminator_loss_lsgan,   generator_gan_loss_lsgan)}


def l1_loss(target, output):
    """mean(|y - G(x)|): images [N, H, W, C] in [-1, 1] -> scalar."""
    return tf.reduce_mean(tf.abs(target - output))

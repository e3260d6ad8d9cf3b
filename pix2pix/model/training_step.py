"""One training step of pix2pix as one op: the paper's alternation (section 3.3) in a single session.run."""

from typing import NamedTuple

import tensorflow.compat.v1 as tf

from pix2pix.model import ema, losses
from pix2pix.model.augment import augmentation
from pix2pix.model.networks import discriminator, generator, weights
from pix2pix.model.schedule import learning_rate


class TrainingStep(NamedTuple):
    """`train_op` runs the step and adds one to `steps_done`. The others are its scalars by name.

    `rates` holds `learning_rate` where that is not constant.
    """
    train_op: tf.Operation
    losses: dict
    gradient_norms: dict
    rates: dict
    output: tf.Tensor       # G(source), as the step has drawn it
    steps_done: tf.Variable
    networks: list          # the variables of G and D, without Adam's

    @property
    def fetches(self):
        """What to run for one step, by name."""
        return {'train': self.train_op, 'losses': self.losses, 'gradient_norms': self.gradient_norms,
                'rates': self.rates}


def training_step(source, target, architecture, hyperparameters, *, seed, decay=None, all_reduce_mean=None, replica=0):
    """The graph of one training step on a batch of pairs, [N, H, W, C] in [-1, 1]: a TrainingStep.

    Dropout is a function of (seed, step). Adam is that of Kingma & Ba 2015. Its rate is constant, or falls in a Decay.

    Where several replicas run it, each on a batch of its own, `all_reduce_mean` gives the means over them of a list of
    tensors: gradients, moving statistics and losses are those. Dropout is then a function of (seed, step, replica).
    """
    steps_done = tf.train.get_or_create_global_step()
    drop = tf.stack([tf.constant(seed, tf.int64), steps_done])
    drop = tf.random.experimental.stateless_fold_in(drop, replica) if replica else drop

    discriminator_loss, generator_gan_loss = losses.GAN_LOSS[hyperparameters.gan_mode]
    augment = augmentation(hyperparameters.augment, drop)

    def judge(image):
        return discriminator(*augment(source, image), architecture)

    # Let the learning rate fall with the steps, where it is not constant.
    rates = {'learning_rate': learning_rate(hyperparameters.learning_rate, decay, steps_done)} if decay else {}
    hyperparameters = hyperparameters._replace(**rates)

    # Forward the generator once.
    output = generator(source, architecture, seed=drop, statistics='update')

    # Update the discriminator on the real pair and the drawn one.
    real_logits = judge(target)
    fake_logits = judge(tf.stop_gradient(output))
    d_loss = discriminator_loss(real_logits, fake_logits)
    d_train, d_norm = adam_step(d_loss, 'discriminator', hyperparameters, all_reduce_mean)

    # Update the generator against the discriminator just updated.
    with tf.control_dependencies([d_train] + tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        g_loss_gan = generator_gan_loss(judge(output))
        g_loss_l1 = losses.l1_loss(target, output)
        g_loss = hyperparameters.gan_weight * g_loss_gan + hyperparameters.l1_weight * g_loss_l1
        g_train, g_norm = adam_step(g_loss, 'generator', hyperparameters, all_reduce_mean)

    # Of several replicas, the losses and the moving statistics are means too.
    scalars, updates = {'d_loss': d_loss, 'g_loss_gan': g_loss_gan, 'g_loss_l1': g_loss_l1}, [g_train]
    if all_reduce_mean:
        with tf.control_dependencies([g_train]):        # and so UPDATE_OPS: the mean of what each replica made of them
            moving = [v for v in tf.global_variables('generator/') if 'moving' in v.op.name]
            means = all_reduce_mean([v.read_value() for v in moving] + list(scalars.values()))
        updates += [v.assign(mean, read_value=False) for v, mean in zip(moving, means)]
        scalars = dict(zip(scalars, means[len(moving):]))

    # Let the averages of the generator's weights and moving statistics follow what has become of these.
    if hyperparameters.ema:
        with tf.control_dependencies(updates):
            updates += ema.follow(weights('generator'), hyperparameters.ema, steps_done)

    with tf.control_dependencies(updates):
        train_op = steps_done.assign_add(1, read_value=False)
    return TrainingStep(train_op, scalars, {'d_gradient': d_norm, 'g_gradient': g_norm}, rates, output, steps_done,
                        weights('generator') + weights('discriminator'))


def adam_step(loss, scope, hyperparameters, all_reduce_mean=None):
    """One Adam update of the variables under `scope`: (op, norm of their gradient, or of its mean over replicas)."""
    optimizer = tf.train.AdamOptimizer(hyperparameters.learning_rate, hyperparameters.beta1, name=scope + '_adam')
    gradients, variables = zip(*optimizer.compute_gradients(loss, tf.trainable_variables(scope + '/')))
    gradients = all_reduce_mean(gradients) if all_reduce_mean else gradients
    return optimizer.apply_gradients(zip(gradients, variables)), tf.global_norm(gradients)

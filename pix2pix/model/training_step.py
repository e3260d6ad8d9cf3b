"""One training step of pix2pix as one op: the paper's alternation (section 3.3) in a single session.run."""

import collections

import tensorflow.compat.v1 as tf

from pix2pix.model import losses
from pix2pix.model.networks import discriminator, generator

Model = collections.namedtuple('Model', 'train_op losses norms output step')

PRECISIONS = {'float32': tf.float32, 'bfloat16': tf.bfloat16}


def build_model(source, target, layers='paper', base_filters=64, keep_prob=0.5, seed=0, learning_rate=2e-4, beta1=0.5,
                l1_weight=100.0, gan_weight=1.0, precision='float32', average=None, task=0):
    """The graph of one training step on a batch of pairs, [N, H, W, C] in [-1, 1].

    Returns Model: `train_op` runs the step and adds one to `step` (the global step: steps done so far);
    `losses` and `norms` (of the gradients) are its scalars by name; `output` is G(source). Dropout is a function of
    (seed, step). The convolutions run in `precision`; variables, statistics, losses and Adam (Kingma & Ba 2015) in
    float32.

    Where several tasks run it on a batch each, `average` gives the means over them of a list of tensors: gradients,
    moving statistics and losses are those. Dropout is then a function of (seed, step, task).
    """
    dtype = PRECISIONS[precision]
    step = tf.train.get_or_create_global_step()
    drop = tf.stack([tf.constant(seed, tf.int64), step])
    drop = tf.random.experimental.stateless_fold_in(drop, task) if task else drop

    # Forward the generator once.
    output = generator(source, target.shape[-1], base_filters, layers, keep_prob, drop, 'update', dtype)

    # Update the discriminator on the real pair and the fake one.
    real_logits = discriminator(source, target, base_filters, dtype)
    fake_logits = discriminator(source, tf.stop_gradient(output), base_filters, dtype)
    d_loss = losses.discriminator_loss(real_logits, fake_logits)
    d_train, d_norm = adam_step(d_loss, 'discriminator', learning_rate, beta1, average)

    # Update the generator against the discriminator just updated.
    with tf.control_dependencies([d_train] + tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        g_loss_gan = losses.generator_gan_loss(discriminator(source, output, base_filters, dtype))
        g_loss_l1 = losses.l1_loss(target, output)
        g_train, g_norm = adam_step(gan_weight * g_loss_gan + l1_weight * g_loss_l1, 'generator', learning_rate, beta1,
                                    average)

    scalars, updates = {'d_loss': d_loss, 'g_loss_gan': g_loss_gan, 'g_loss_l1': g_loss_l1}, [g_train]
    if average:
        with tf.control_dependencies([g_train]):        # and so UPDATE_OPS: the mean of what each task made of them
            moving = [v for v in tf.global_variables('generator/') if 'moving' in v.op.name]
            means = average([v.read_value() for v in moving] + list(scalars.values()))
        updates += [v.assign(mean, read_value=False) for v, mean in zip(moving, means)]
        scalars = dict(zip(scalars, means[len(moving):]))
    with tf.control_dependencies(updates):
        train_op = step.assign_add(1, read_value=False)
    return Model(train_op, scalars,
                 {'d_gradient': d_norm, 'g_gradient': g_norm}, output, step)


def adam_step(loss, scope, learning_rate, beta1, average=None):
    """One Adam update of the variables under `scope`: (op, norm of their gradient, or of its average)."""
    optimizer = tf.train.AdamOptimizer(learning_rate, beta1, name=scope + '_adam')
    gradients = optimizer.compute_gradients(loss, tf.trainable_variables(scope + '/'))
    if average:
        means = average([gradient for gradient, _ in gradients])
        gradients = [(mean, variable) for mean, (_, variable) in zip(means, gradients)]
    return optimizer.apply_gradients(gradients), tf.global_norm([gradient for gradient, _ in gradients])

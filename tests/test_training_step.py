"""One step of training against float64, what it may and may not change, and what several replicas share of it."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.model.architecture import Architecture, Hyperparameters
from pix2pix.model.schedule import Decay
from pix2pix.model.training_step import training_step
from tests import reference

BATCH = np.random.RandomState(5).uniform(-1, 1, [2, 2, 256, 256, 3])
TINY = Architecture(base_filters=1)
UNDROPPED = TINY._replace(keep_prob=1.0)
BOTH = pytest.mark.parametrize('precision', ['float32', 'bfloat16'])
BOTH_IN_TIME = pytest.mark.parametrize('precision', ['float32', pytest.param('bfloat16', marks=pytest.mark.faults)])


def build(architecture=TINY, hyperparameters=Hyperparameters(), *, seed=0, **replica):      # noqa: B008  (immutable)
    source, target = (tf.constant(x, tf.float32) for x in BATCH)
    return training_step(source, target, architecture, hyperparameters, seed=seed, **replica)


def values(sess, variables):
    return {name: value.astype('d') for name, value in sess.run({v.op.name: v for v in variables}).items()}


def spread(sess):
    """Weights of 0.2 instead of 0.02, so that the gradients are larger too."""
    random = np.random.RandomState(3)
    drawn = {v: random.normal(1 if 'scale' in v.op.name else 0, 0.2, v.shape) for v in tf.trainable_variables()}
    sess.run([v.initializer for v in drawn], {v.initializer.inputs[1]: value for v, value in drawn.items()})


@pytest.mark.parametrize('layers, norm, gan', [
    ('paper', 'batch', 'vanilla'), ('paper', 'instance', 'lsgan'),
    pytest.param('writeup', 'batch', 'vanilla', marks=pytest.mark.faults)])
def test_one_step_against_float64(layers, norm, gan):
    step = build(UNDROPPED._replace(layers=layers, norm=norm),
                 Hyperparameters(learning_rate=2e-4, beta1=0.5, l1_weight=100.0, gan_weight=2.0, gan_mode=gan))
    trainable = tf.trainable_variables()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        spread(sess)
        before = values(sess, trainable)
        _, losses, norms = sess.run([step.train_op, step.losses, step.gradient_norms])
        after, slots = values(sess, trainable), values(sess, tf.global_variables())
        assert sess.run(step.steps_done) == 1

    # d_loss is that of the variables before the step; g_loss_gan sees the discriminator just updated.
    between = {n: after[n] if n.startswith('discriminator') else before[n] for n in before}
    d_loss = lambda w: reference.losses(*BATCH, w, layers, norm, gan)[0]
    g_loss = lambda w: np.dot(reference.losses(*BATCH, w, layers, norm, gan), [0, 2, 100])
    np.testing.assert_allclose(losses['d_loss'], d_loss(before), rtol=1e-4)
    np.testing.assert_allclose([losses['g_loss_gan'], losses['g_loss_l1']],
                               reference.losses(*BATCH, between, layers, norm, gan)[1:], rtol=1e-4)

    # The gradient of the largest weight in each layer, by central differences, is in Adam's first moment
    # m = (1 - beta1) g, its square in the second, v = (1 - beta2) g ** 2, and the variable has moved accordingly.
    gradients = {}
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
        gradients[name] = m / 0.5

    # The norms are those of all gradients of a network together.
    for scope, norm in ('discriminator', 'd_gradient'), ('generator', 'g_gradient'):
        squares = sum(np.sum(g ** 2) for name, g in gradients.items() if name.startswith(scope))
        assert norms[norm] == pytest.approx(np.sqrt(squares), rel=1e-4)


def slope(loss, w, name, place, epsilon=1e-5):
    ends = []
    for sign in 1, -1:
        moved = w[name].copy()
        moved[place] += sign * epsilon
        ends.append(loss({**w, name: moved}))
    return (ends[0] - ends[1]) / (2 * epsilon)


def test_moving_statistics_follow_the_generator_s_batches_only():
    """Once a step, though the discriminator runs three times in it and has batch norm too."""
    step = build(UNDROPPED)
    moving = [v for v in tf.global_variables() if 'moving' in v.op.name]
    assert len(moving) == 2 * 13 and all(v.op.name.startswith('generator/') for v in moving)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        spread(sess)
        w = values(sess, tf.trainable_variables())
        sess.run(step.train_op)
        after = values(sess, moving)
    # By hand for the first row that has a norm: 0 and 1 move by a tenth towards the batch's.
    x = reference.conv(BATCH[0], w['generator/down1/w'], 2)
    x = reference.conv(reference.leaky(x), w['generator/down2/w'], 2)
    row = 'generator/down2_norm/moving_'
    np.testing.assert_allclose(after[row + 'mean'], 0.1 * x.mean((0, 1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(after[row + 'variance'], 0.9 + 0.1 * x.var((0, 1, 2), ddof=1), rtol=1e-4)
    assert all((after[v.op.name] != (1 if 'variance' in v.op.name else 0)).all() for v in moving)


@BOTH
def test_confident_discriminator_leaves_everything_finite(precision):
    """The trap of the EPS guard in the training graph: logits near 100 for real and fake."""
    step = build(TINY._replace(precision=precision))
    bias = next(v for v in tf.trainable_variables() if v.op.name == 'discriminator/conv5/b')
    with tf.Session() as sess:
        for logit in -100, -30, -17, 17, 30, 100:
            sess.run(tf.global_variables_initializer())
            bias.load([logit], sess)
            out = sess.run([step.train_op, step.losses, step.gradient_norms])
            assert np.isfinite([*out[1].values(), *out[2].values()]).all(), (logit, out)
            assert all(np.isfinite(value).all() for value in sess.run(tf.trainable_variables()))


def test_variables_and_losses_stay_float32_in_bfloat16():
    step = build(TINY._replace(precision='bfloat16'))
    assert {v.dtype.base_dtype for v in tf.global_variables() if v is not step.steps_done} == {tf.float32}
    scalars = [*step.losses.values(), *step.gradient_norms.values()]
    assert {t.dtype for t in scalars} == {tf.float32} and {tuple(t.shape) for t in scalars} == {()}
    assert step.output.dtype == tf.float32 and step.output.shape == BATCH[0].shape


@pytest.mark.skipif(bool(tf.config.list_physical_devices('GPU')), reason='a GPU needs --deterministic for that')
@BOTH_IN_TIME
def test_two_runs_are_the_same_to_the_bit(precision):
    tf.set_random_seed(1)
    step = build(TINY._replace(precision=precision))
    runs = []
    for _ in range(2):
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            for _ in range(2):
                sess.run(step.train_op)
            runs.append(values(sess, tf.global_variables()))
    for name, value in runs[0].items():
        np.testing.assert_array_equal(runs[1][name], value, err_msg=name)


def test_dropout_is_new_at_each_step_and_the_step_alone_decides():
    """With a learning rate of zero all else stays: not the number of runs, but that of steps done changes a mask. What
    is drawn beside a step is what the step itself has drawn."""
    step = build(hyperparameters=Hyperparameters(learning_rate=0.0))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        first, again = sess.run(step.output), sess.run(step.output)
        _, beside = sess.run([step.train_op, step.output])
        second = sess.run(step.output)
        step.steps_done.load(0, sess)
        back = sess.run(step.output)
    for other in again, beside, back:
        np.testing.assert_array_equal(other, first)
    assert (second != first).any()


def test_the_learning_rate_falls_with_the_steps_done_and_stands_among_the_scalars():
    """Adam's first steps move a variable by the rate, where the gradient keeps its sign: a discriminator's last bias
    that is far off."""
    step = build(UNDROPPED, Hyperparameters(learning_rate=0.01), decay=Decay(start=1, end=4))
    bias = next(v for v in tf.trainable_variables() if v.op.name == 'discriminator/conv5/b')
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        bias.load([20], sess)
        moved, rates = [], []
        for _ in range(4):
            before = sess.run(bias)[0]
            rates.append(sess.run(step.fetches)['rates'])
            moved.append(before - sess.run(bias)[0])
        assert rates == [{'learning_rate': pytest.approx(rate)} for rate in (0.01, 0.01, 0.01 * 2 / 3, 0.01 / 3)]
        np.testing.assert_allclose(moved, [rate['learning_rate'] for rate in rates], rtol=2e-3)


def test_the_networks_of_a_step_are_all_that_a_run_can_begin_with():
    """Weights and moving statistics of both; no slots, step or averages."""
    step = build(hyperparameters=Hyperparameters(ema=0.9))
    names = [v.op.name for v in step.networks]
    assert len(set(names)) == len(names) == (16 + 1 + 2 * 13) + 2 * 13 + (5 + 2 + 2 * 3)
    assert {name.partition('/')[0] for name in names} == {'generator', 'discriminator'}
    assert not [name for name in names if '_adam' in name]


def test_a_rate_that_is_constant_is_no_scalar():
    assert build().rates == {}


def test_averages_follow_the_generator_as_each_step_leaves_it():
    """Against the formula in float64, with its warm-up, weights and moving statistics alike; no other variable differs
    from those of a step without averages."""
    def train(**how):
        with tf.Graph().as_default(), tf.Session() as sess:
            tf.set_random_seed(1)
            step = build(hyperparameters=Hyperparameters(learning_rate=0.1, **how))
            sess.run(tf.global_variables_initializer())
            history = [values(sess, tf.global_variables())]
            for _ in range(4):
                sess.run(step.train_op)
                history.append(values(sess, tf.global_variables()))
            return history
    history, plain = train(ema=0.35), train()
    average = {name: value for name, value in plain[0].items()
               if name.startswith('generator/') and '_adam' not in name}
    assert {name for name in history[0] if name not in plain[0]} == {f'average/{name}' for name in average}
    for k, decay in enumerate([1 / 10, 2 / 11, 3 / 12, 4 / 13]):        # below 0.35, all of them
        for name, value in plain[k + 1].items():
            np.testing.assert_array_equal(history[k + 1][name], value, err_msg=name)
        for name in average:
            average[name] = decay * average[name] + (1 - decay) * plain[k + 1][name]
            np.testing.assert_allclose(history[k + 1][f'average/{name}'], average[name], rtol=1e-5, atol=1e-6,
                                       err_msg=name)
    assert all((history[4][f'average/{name}'] != plain[4][name]).any() for name in average)


# Several replicas. How they meet is not this module's: here their mean is made up.

@pytest.mark.parametrize('norm, gan', [('batch', 'vanilla'),
                                       pytest.param('instance', 'lsgan', marks=pytest.mark.faults)])
def test_replicas_train_on_the_mean_of_their_gradients_statistics_and_losses(norm, gan):
    """As if there were two, and the other had zeros only."""
    def train(**replica):
        with tf.Graph().as_default(), tf.Session() as sess:
            tf.set_random_seed(1)
            step = build(UNDROPPED._replace(norm=norm), Hyperparameters(gan_mode=gan, ema=0.9), **replica)
            sess.run(tf.global_variables_initializer())
            spread(sess)
            begun = values(sess, tf.global_variables())
            _, losses, norms = sess.run([step.train_op, step.losses, step.gradient_norms])
            return {**losses, **norms}, values(sess, tf.global_variables()), begun
    scalars, variables, begun = train()
    means, of_means, _ = train(all_reduce_mean=lambda tensors: [tensor / 2 for tensor in tensors])

    # All scalars are half as large. Adam's step is the same, but for its epsilon, and so is D when G sees it.
    assert means == pytest.approx({name: value / 2 for name, value in scalars.items()}, rel=1e-3)
    assert of_means.keys() == variables.keys() and of_means['global_step'] == 1
    for name, value in variables.items():
        if name.startswith('average/'):     # of what all have agreed on: a tenth of what it began with is left
            expected = begun[name] / 10 + of_means[name.removeprefix('average/')] * 9 / 10
            np.testing.assert_allclose(of_means[name], expected, rtol=1e-5, atol=1e-6, err_msg=name)
            continue
        moments = {'m': name.endswith('_adam'), 'v': name.endswith('_adam_1')}
        if moments['m'] or 'moving' in name:
            wanted = value / 2
        elif moments['v']:
            wanted = value / 4
        else:
            continue
        largest = np.abs(value).max()
        assert largest > 0 and np.abs(of_means[name] - wanted).max() < 1e-3 * largest, name


@pytest.mark.faults
def test_each_replica_and_each_seed_drops_other_values():
    def draw(**how):
        with tf.Graph().as_default(), tf.Session() as sess:
            tf.set_random_seed(1)
            step = build(**how)
            sess.run(tf.global_variables_initializer())
            return sess.run(step.output)
    drawn = [draw(seed=0), draw(seed=0, replica=1), draw(seed=0, replica=2), draw(seed=1)]
    assert len({output.tobytes() for output in drawn}) == 4

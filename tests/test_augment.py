"""Each augmentation against NumPy, what it is a function of, and that D meets real and drawn pictures alike."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.model import augment, training_step
from pix2pix.model.architecture import AUGMENTATIONS, Architecture, Hyperparameters

N, H, W = 3, 16, 24
RANDOM = np.random.RandomState(0)
SOURCE, TARGET = RANDOM.uniform(0.1, 1, [N, H, W, 2]).astype('f'), RANDOM.uniform(-1, 1, [N, H, W, 3]).astype('f')


def augmented(kinds, seed=(0, 1), source=SOURCE, target=TARGET):
    function = augment.augmentation(kinds, tf.constant(seed, tf.int64))
    with tf.Session() as sess:
        return sess.run(function(tf.constant(source), tf.constant(target)))


def direct(function, *draws):
    """One of the functions, with numbers from 0 to 1 in place of random ones."""
    with tf.Session() as sess:
        draws = (tf.constant(u, tf.float32) for u in draws)
        return sess.run(function(tf.constant(SOURCE), tf.constant(TARGET), *draws))


def moved(image, down, right):
    result = np.zeros_like(image)
    result[max(down, 0):H + min(down, 0), max(right, 0):W + min(right, 0)] = \
        image[max(-down, 0):H - max(down, 0), max(-right, 0):W - max(right, 0)]
    return result


def test_a_translation_moves_both_images_by_up_to_an_eighth():
    """Of 16 and 24 pixels: by -2 to 2 and by -3 to 3, in fifths and sevenths of the numbers from 0 to 1."""
    source, target = direct(augment.translation, [0, 0.5, 0.999], [0.999, 0.5, 0], [0, 0, 0])
    for i, shift in enumerate([(-2, 3), (0, 0), (2, -3)]):
        np.testing.assert_array_equal(source[i], moved(SOURCE[i], *shift))
        np.testing.assert_array_equal(target[i], moved(TARGET[i], *shift))


def test_a_hole_has_half_the_height_and_width_and_its_middle_anywhere():
    source, target = direct(augment.cutout, [0, 0.5, 1], [0.5, 0, 0.5], [0, 0, 0])
    for i, (rows, columns) in enumerate([(slice(0, 4), slice(6, 18)), (slice(4, 12), slice(0, 6)),
                                         (slice(12, 16), slice(6, 18))]):
        for before, after in (SOURCE[i], source[i]), (TARGET[i], target[i]):
            expected = before.copy()
            expected[rows, columns] = 0
            np.testing.assert_array_equal(after, expected)


def test_colours_change_in_the_target_alone():
    """By brightness, then saturation, then contrast, as the reference has them."""
    brightness, saturation, contrast = [0, 0.5, 0.9], [0.5, 1, 0.2], [0, 0.5, 1]
    source, target = direct(augment.color, brightness, saturation, contrast)
    np.testing.assert_array_equal(source, SOURCE)
    for i in range(N):
        x = TARGET[i].astype('d') + brightness[i] - 0.5
        gray = x.mean(2, keepdims=True)
        x = (x - gray) * 2 * saturation[i] + gray
        np.testing.assert_allclose(target[i], (x - x.mean()) * (contrast[i] + 0.5) + x.mean(), atol=1e-5)


def test_without_a_kind_nothing_changes_nor_is_added_to_the_graph():
    source, target = tf.constant(SOURCE), tf.constant(TARGET)
    assert augment.augmentation((), tf.constant([0, 1], tf.int64))(source, target) == (source, target)


@pytest.mark.parametrize('kind', AUGMENTATIONS)
def test_changes_are_a_function_of_the_seed_and_the_place_in_the_batch(kind):
    same = [np.repeat(image[:1], N, 0) for image in (SOURCE, TARGET)]
    first, again, other = (augmented([kind], seed, *same)[1] for seed in ((0, 1), (0, 1), (0, 2)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and (first[0] != first[1]).any()


def test_gradients_are_those_of_the_changes():
    """All of them are affine in the target: f(x + d) - f(x) is the derivative times d, also seen from behind."""
    x, d, back = (tf.constant(RANDOM.normal(size=[N, H, W, 3]), tf.float32) for _ in range(3))
    function = augment.augmentation(AUGMENTATIONS, tf.constant([0, 1], tf.int64))
    change = function(tf.constant(SOURCE), x + d)[1] - function(tf.constant(SOURCE), x)[1]
    gradient, = tf.gradients(tf.reduce_sum(function(tf.constant(SOURCE), x)[1] * back), x)
    with tf.Session() as sess:
        forwards, backwards = sess.run([tf.reduce_sum(change * back), tf.reduce_sum(gradient * d)])
    assert forwards == pytest.approx(backwards, rel=1e-4) and abs(forwards) > 1


def test_every_name_of_an_option_is_an_augmentation_in_this_order():
    assert tuple(augment.AUGMENTATIONS) == AUGMENTATIONS


def test_each_replica_has_changes_of_its_own(monkeypatch):
    seen, real = [], training_step.discriminator
    monkeypatch.setattr(training_step, 'discriminator', lambda *args: seen.append(args[1]) or real(*args))
    image = RANDOM.uniform(0.1, 1, [1, 256, 256, 3])
    real_ones = []
    for replica in 0, 1:
        with tf.Graph().as_default(), tf.Session() as sess:
            source, target = (tf.constant(image, tf.float32) for _ in range(2))
            training_step.training_step(source, target, Architecture(base_filters=1),
                                        Hyperparameters(augment=['color']), seed=0, replica=replica,
                                        all_reduce_mean=list)
            sess.run(tf.global_variables_initializer())
            real_ones.append(sess.run(seen[-3]))
    assert (real_ones[0] != real_ones[1]).any()


def test_d_meets_the_real_and_the_drawn_pair_changed_alike(monkeypatch):
    seen, real = [], training_step.discriminator
    monkeypatch.setattr(training_step, 'discriminator', lambda *args: seen.append(args[:2]) or real(*args))
    source, target = (tf.constant(RANDOM.uniform(0.1, 1, [2, 256, 256, 3]), tf.float32) for _ in range(2))
    step = training_step.training_step(source, target, Architecture(base_filters=1),
                                       Hyperparameters(augment=('translation', 'cutout')), seed=0)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        (real_source, real_target), (fake_source, fake), (again_source, again), output = sess.run(
            [*seen, step.output])
    np.testing.assert_array_equal(real_source, fake_source)
    np.testing.assert_array_equal(real_source, again_source)
    np.testing.assert_array_equal(fake, again)
    kept = real_target[..., :1] != 0
    assert 0.2 < kept.mean() < 0.9
    np.testing.assert_array_equal(fake != 0, np.broadcast_to(kept, fake.shape) & (fake != 0))
    assert (output == fake).all(-1).mean() < 0.5        # moved and cut out

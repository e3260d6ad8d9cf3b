"""Differentiable augmentation: D sees all images changed at random, and G learns through the changes (Zhao et al. 2020,
"Differentiable Augmentation for Data-Efficient GAN Training", with its ranges)."""

import zlib

import tensorflow.compat.v1 as tf

SHIFT, HOLE = 1 / 8, 1 / 2      # of height and width


def augmentation(kinds, seed):
    """A function of (source, target), images [N, H, W, C] in [-1, 1], that gives both changed. What is moved in or cut
    out is 0. Colours may leave [-1, 1].

    The changes are a function of (seed, place in the batch), so that all calls change an image alike: the real pair and
    the drawn one. translation and cutout change both images of a pair alike, color the target alone. `seed` is two
    integers.
    """
    def augment(source, target):
        for kind in kinds:
            draws = tf.random.stateless_uniform(
                [3, tf.shape(target)[0]], tf.random.experimental.stateless_fold_in(seed, zlib.crc32(kind.encode())))
            source, target = AUGMENTATIONS[kind](source, target, *tf.unstack(draws))
        return source, target
    return augment


def translation(source, target, vertical, horizontal, _):
    """Move both by whole pixels, up to an eighth of their size each way."""
    down, right = (tf.floor(u * (2 * most + 1)) - most for u, most in zip(
        (vertical, horizontal), (int(side * SHIFT) for side in target.shape[1:3])))
    one, zero = tf.ones_like(down), tf.zeros_like(down)
    moves = tf.stack([one, zero, -right, zero, one, -down, zero, zero], axis=1)
    return [tf.raw_ops.ImageProjectiveTransformV3(
        images=image, transforms=moves, output_shape=image.shape[1:3], fill_value=0.0, interpolation='NEAREST')
        for image in (source, target)]


def cutout(source, target, vertical, horizontal, _):
    """Cut a hole of half their height and width out of both. Its middle is anywhere in them."""
    rows, columns = (tf.abs((tf.range(side, dtype=tf.float32) + 0.5)[None] - (u * side)[:, None]) < side * HOLE / 2
                     for u, side in zip((vertical, horizontal), (int(side) for side in target.shape[1:3])))
    kept = tf.cast(~(rows[:, :, None] & columns[:, None, :]), tf.float32)[..., None]
    return source * kept, target * kept


def color(source, target, brightness, saturation, contrast):
    """Change the target's brightness by up to 0.5 each way, its saturation by 0 to 2, its contrast by 0.5 to 1.5."""
    brightness, saturation, contrast = (u[:, None, None, None] for u in (brightness, saturation, contrast))
    target += brightness - 0.5
    gray = tf.reduce_mean(target, axis=3, keepdims=True)
    target = gray + (target - gray) * 2 * saturation
    mean = tf.reduce_mean(target, axis=[1, 2, 3], keepdims=True)
    return source, mean + (target - mean) * (contrast + 0.5)


AUGMENTATIONS = {'color': color, 'translation': translation, 'cutout': cutout}

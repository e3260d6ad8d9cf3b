"""L1, PSNR and SSIM against their definitions in float64."""

import imageio.v3 as iio
import numpy as np
import pytest
from scipy.signal import fftconvolve

from pix2pix.errors import UserError
from pix2pix.images import png
from pix2pix.metrics import pixels


def ssim_by_hand(x, y):
    """Wang et al. 2004, equation 13, per channel on an 11 x 11 Gaussian of sigma 1.5, in float64."""
    axis = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(axis, axis) / np.outer(axis, axis).sum()
    mean = lambda image: fftconvolve(image, window[..., None], 'valid', axes=(0, 1))
    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx ** 2, mean(y * y) - my ** 2, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return np.mean((2 * mx * my + c1) * (2 * cov + c2) / ((mx ** 2 + my ** 2 + c1) * (vx + vy + c2)))


def test_a_picture_too_small_for_the_window_of_ssim_is_named():
    small = np.zeros([11, 11, 3], np.uint8)
    assert pixels.Comparison()(small, small)['ssim'] == 1
    with pytest.raises(UserError, match='^12 x 10 pixels are too few for SSIM, which needs 11 a side$'):
        pixels.Comparison()(*[np.zeros([10, 12, 3], np.uint8)] * 2)


@pytest.mark.parametrize('channels', [1, 3])
def test_each_metric_is_its_definition(channels):
    chance = np.random.RandomState(channels)
    smooth = np.cumsum(chance.randn(40, 60, channels), axis=1) * 10 + 128
    target = np.clip(smooth, 0, 255).astype(np.uint8)
    output = np.clip(smooth + chance.randn(40, 60, channels) * 20, 0, 255).astype(np.uint8)
    x, y = output.astype(float), target.astype(float)
    values = pixels.Comparison()(output, target)
    assert set(values) == {'l1', 'psnr', 'ssim'}
    assert values['l1'] == pytest.approx(np.mean(np.abs(x - y)) / 127.5, rel=1e-5)
    assert values['psnr'] == pytest.approx(10 * np.log10(255 ** 2 / np.mean((x - y) ** 2)), rel=1e-5)
    assert values['ssim'] == pytest.approx(ssim_by_hand(x, y), abs=1e-4) and values['ssim'] < 0.99


def test_equal_pictures_are_perfect_and_opposite_ones_are_the_worst():
    black, white = np.zeros([16, 16, 3], np.uint8), np.full([16, 16, 3], 255, np.uint8)
    compare = pixels.Comparison()
    assert compare(white, white) == {'l1': 0, 'psnr': 100, 'ssim': 1}
    values = compare(black, white)
    assert values['l1'] == 2 and values['psnr'] == 0 and values['ssim'] == pytest.approx(0, abs=1e-3)


def test_one_comparison_judges_pictures_of_any_size_and_channels():
    compare = pixels.Comparison()
    for shape in [20, 30, 3], [40, 20, 1], [20, 30, 3]:
        assert compare(np.full(shape, 100, np.uint8), np.full(shape, 151, np.uint8))['l1'] == pytest.approx(51 / 127.5)


def test_they_can_be_worked_out_again_from_the_png(tmp_path):
    chance = np.random.RandomState(0)
    output, target = (chance.randint(0, 256, [32, 32, 3]).astype(np.uint8) for _ in range(2))
    for name, picture in ('output', output), ('target', target):
        png.write(str(tmp_path / f'{name}.png'), picture)
    compare = pixels.Comparison()
    again = compare(*(iio.imread(tmp_path / f'{name}.png') for name in ('output', 'target')))
    assert again == compare(output, target) and again['l1'] > 0

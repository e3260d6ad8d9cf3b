"""The means of metrics, and their table."""

import pytest

from pix2pix.metrics import BEST_BY, table

ROWS = {'a': {'l1': 0.1, 'psnr': 10, 'ssim': 0.5}, 'b': {'l1': 0.3, 'psnr': 30, 'ssim': 0.2}}


def test_the_mean_is_that_of_each_metric():
    assert table.mean(ROWS.values()) == {'l1': pytest.approx(0.2), 'psnr': 20, 'ssim': pytest.approx(0.35)}


def test_the_table_has_mean_spread_best_and_worst_and_the_best_l1_is_the_smallest():
    assert [line.split() for line in table.text(ROWS).splitlines()] == [
        ['mean', 'std', 'best', '...', 'worst', 'image'],
        ['l1', '0.2000', '0.1000', '0.1000', 'a', '...', '0.3000', 'b'],
        ['psnr', '20.00', '10.00', '30.00', 'b', '...', '10.00', 'a'],
        ['ssim', '0.3500', '0.1500', '0.5000', 'a', '...', '0.2000', 'b'], ['2', 'images']]


def test_a_metric_that_was_asked_for_has_its_mean_and_its_line():
    rows = {image: {**row, 'perceptual': row['l1'] * 2} for image, row in ROWS.items()}
    assert table.mean(rows.values())['perceptual'] == pytest.approx(0.4)
    assert table.text(rows).splitlines()[1:5] == [
        'l1              0.2000    0.1000   0.1000 a ... 0.3000 b',
        'psnr             20.00     10.00   30.00 b ... 10.00 a',
        'ssim            0.3500    0.1500   0.5000 a ... 0.2000 b',
        'perceptual      0.4000    0.2000   0.2000 a ... 0.6000 b']


def test_the_best_of_each_metric_is_the_smallest_distance_and_the_largest_psnr_and_ssim():
    assert {name: best([1, 2]) for name, best in table.BEST.items()} == {
        'l1': 1, 'psnr': 2, 'ssim': 2, 'perceptual': 1}
    assert set(BEST_BY) < set(table.BEST)

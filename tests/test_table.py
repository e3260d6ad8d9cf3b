"""The means of metrics, and their table."""

import pytest

from pix2pix.metrics import table

ROWS = {'a': {'l1': 0.1, 'psnr': 10, 'ssim': 0.5}, 'b': {'l1': 0.3, 'psnr': 30, 'ssim': 0.2}}


def test_the_mean_is_that_of_each_metric():
    assert table.mean(ROWS.values()) == {'l1': pytest.approx(0.2), 'psnr': 20, 'ssim': pytest.approx(0.35)}


def test_the_table_has_mean_spread_best_and_worst_and_the_best_l1_is_the_smallest():
    assert [line.split() for line in table.text(ROWS).splitlines()] == [
        ['mean', 'std', 'best', '...', 'worst', 'image'],
        ['l1', '0.2000', '0.1000', '0.1000', 'a', '...', '0.3000', 'b'],
        ['psnr', '20.00', '10.00', '30.00', 'b', '...', '10.00', 'a'],
        ['ssim', '0.3500', '0.1500', '0.5000', 'a', '...', '0.2000', 'b'], ['2', 'images']]


def test_the_best_of_each_metric_is_the_smallest_l1_and_the_largest_psnr_and_ssim():
    assert {name: best([1, 2]) for name, best in table.BEST.items()} == {'l1': 1, 'psnr': 2, 'ssim': 2}

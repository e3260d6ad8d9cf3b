"""Values in the units of files, to [0, 255] and back from [-1, 1]."""

import numpy as np
import pytest

from pix2pix.images.units import Samples, of_array, restored, scaled


def scale(values, channels=1, limits=None):
    return scaled(of_array(values.reshape(*values.shape[:2], -1)), channels, limits)


def test_each_kind_reaches_from_0_to_255():
    assert scale(np.uint8([[0, 7, 255]]))[..., 0].tolist() == [[0, 7, 255]]
    assert scale(np.uint16([[0, 257, 65535]]))[..., 0].tolist() == [[0, 1, 255]]
    assert scale(np.float32([[0, 0.2, 1]])).ravel() == pytest.approx([0, 51, 255])
    assert scale(np.int16([[-100, 0, 100]]), limits=(-100, 100))[..., 0].tolist() == [[0, 127.5, 255]]
    assert scaled(Samples(np.uint16([[[4095]]]), 4095), 1).item() == 255        # of 12 bits
    assert scale(np.uint16([[0, 4095]]), limits=(0, 4095))[..., 0].tolist() == [[0, 255]]


def test_eight_bits_have_their_own_range_whatever_the_others_have():
    assert scale(np.uint8([[0, 255]]), limits=(0, 3000))[..., 0].tolist() == [[0, 255]]


def test_gray_and_colour_become_each_other_and_other_numbers_must_fit():
    assert scale(np.uint8([[[100, 200, 50]]])).item() == pytest.approx(0.299 * 100 + 0.587 * 200 + 0.114 * 50)
    assert scale(np.uint8([[9]]), 3).tolist() == [[[9, 9, 9]]]
    assert scale(np.uint8([[[1, 2, 3, 9]]]), 3).tolist() == [[[1, 2, 3]]]        # alpha
    assert scale(np.uint8([[[9, 9, 9, 1]]])).item() == pytest.approx(9) and scale(np.uint8([[[4, 1]]])).item() == 4
    assert scale(np.uint8([[[4, 1]]]), 3).tolist() == [[[4, 4, 4]]]
    for channels, wanted in (5, 4), (5, 3), (1, 2), (3, 2), (3, 4):
        with pytest.raises(ValueError, match=f'^{channels} channels, and the run has {wanted}$'):
            scale(np.zeros([2, 2, channels], np.uint8), wanted)
    for channels, wanted in (2, 3), (4, 1):     # bands, in a range of their own
        with pytest.raises(ValueError, match=f'^{channels} channels, and the run has {wanted}$'):
            scale(np.zeros([2, 2, channels], np.float32), wanted, limits=(-25, 0))


@pytest.mark.parametrize('values, limits, message', [
    (np.int16([[1, 2]]), None, 'int16 values from 1 to 2, whose range nobody knows: give the range'),
    (np.float32([[0, np.nan]]), None, 'NaN or infinity'), (np.float32([[0, np.inf]]), (0, 1), 'NaN or infinity'),
    (np.float32([[-0.1, 1]]), None, 'values from -0.1 to 1, and the range is 0 to 1'),
    (np.uint16([[0, 3001]]), (0, 3000), 'values from 0 to 3,001, and the range is 0 to 3,000')])
def test_what_has_no_place_in_the_range_is_named(values, limits, message):
    with pytest.raises(ValueError, match=message):
        scale(values, limits=limits)


@pytest.mark.parametrize('values, limits', [
    (np.uint8([[0, 1, 77, 255]]), None), (np.uint16([[0, 1, 30000, 65535]]), None),
    (np.uint16([[0, 7, 3000]]), (0, 3000)), (np.int16([[-500, 3, 500]]), (-500, 500)),
    (np.float32([[0, 0.25, 1]]), None), (np.float32([[-3, 40, 80]]), (-3, 80))])
def test_what_is_drawn_comes_back_in_the_units_and_the_kind_of_the_files(values, limits):
    back = restored(scale(values, limits=limits) / np.float64(127.5) - 1, values.dtype, limits)
    assert back.dtype == values.dtype
    np.testing.assert_allclose(back[..., 0], values, rtol=1e-5, atol=1e-5)
    assert restored(np.float32([[[-1], [1]]]), 'uint8', (7, 3000)).ravel().tolist() == [0, 255]
    outside = restored(np.float32([[[-1.2, 1.2]]]), values.dtype, limits)
    assert outside.min() == values.min() and outside.max() == values.max()


@pytest.mark.parametrize('dtype, limits, values', [('uint16', (-500, 9000), [0, 4250, 9000]),
                                                   ('int16', (0, 40000), [0, 20000, 32767]),
                                                   ('int32', (-3e9, 3e9), [-2 ** 31, 0, 2 ** 31 - 1])])
def test_what_a_file_cannot_hold_is_its_nearest_and_does_not_begin_again(dtype, limits, values):
    drawn = restored(np.float32([[[-1], [0], [1]]]), dtype, limits)
    assert drawn.dtype == dtype and drawn.ravel().tolist() == values


def test_what_rounding_adds_to_a_range_is_no_fault():
    assert scale(np.float64([[0, 80 + 1e-9]]), limits=(0, 80)).ravel().tolist() == [0, 255]

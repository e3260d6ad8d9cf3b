"""Pixels between [-1, 1] and 8 or 16 bits, turned upright, and side by side."""

import numpy as np
import pytest

from pix2pix.images import arrays


def test_floats_become_the_nearest_8_bit_value_and_are_cut_off_at_both_ends():
    values = np.float32([-1, -0.99, 0, 0.5, 1, -1.2, 1.2])
    expected = [0, 1, 128, 191, 255, 0, 255]        # 127.5 (v + 1): 1.275, 127.5 to even, 191.25
    picture = arrays.to_uint8(values)
    assert picture.dtype == np.uint8 and picture.tolist() == expected
    assert values[1] == np.float32(-0.99)           # what is given is left alone


def test_floats_become_the_nearest_16_bit_value():
    picture = arrays.to_integer(np.float32([-1, 0.5, 1, -2, 2]), np.uint16)
    assert picture.dtype == np.uint16
    assert picture.tolist() == [0, 49151, 65535, 0, 65535]      # 32767.5 (v + 1): 49151.25


@pytest.mark.parametrize('dtype, count', [(np.uint8, 256), (np.uint16, 65536)])
def test_every_value_comes_back_from_a_float(dtype, count):
    values = np.arange(count).astype(dtype)
    floats = arrays.to_float(values)
    assert floats.dtype == np.float32 and floats[0] == -1 and floats[-1] == 1
    np.testing.assert_array_equal(arrays.to_integer(floats, dtype), values)


@pytest.mark.parametrize('bits, dtype, values, expected', [
    (1, np.uint8, [0, 1], [0, 255]), (2, np.uint8, [0, 1, 2, 3], [0, 85, 170, 255]),
    (3, np.uint8, [0, 1, 6, 7], [0, 36, 219, 255]),                         # 36.43, 218.57
    (8, np.uint8, [0, 7, 255], [0, 7, 255]), (16, np.uint16, [0, 7, 65535], [0, 7, 65535]),
    (12, np.uint16, [0, 1, 4094, 4095], [0, 16, 65519, 65535]),             # 16.004, 65518.996
    (15, np.uint16, [0, 1, 32767], [0, 2, 65535]),
    (4, np.uint8, [15, 16, 255], [255, 255, 255])])                         # more than so many bits can be
def test_fewer_bits_are_scaled_to_the_whole_range(bits, dtype, values, expected):
    picture = arrays.full_range(np.array(values, dtype), bits)
    assert picture.dtype == dtype and picture.tolist() == expected


def test_gray_is_repeated_and_colour_becomes_its_luma():
    gray = np.uint8([[[7], [200]]])
    assert arrays.to_channels(gray, 3).tolist() == [[[7, 7, 7], [200, 200, 200]]]
    colour = np.uint8([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]])
    luma = arrays.to_channels(colour, 1)            # 76.245, 149.685, 29.07 by ITU-R BT.601
    assert luma.dtype == np.uint8 and luma.tolist() == [[[76], [150], [29], [255]]]
    assert arrays.to_channels(np.uint16([[[65535, 0, 0]]]), 1).tolist() == [[[19595]]]      # 0.299 * 65535 = 19594.965
    assert arrays.to_channels(colour, 3) is colour and arrays.to_channels(gray, 1) is gray


@pytest.mark.parametrize('orientation, seen', [
    # EXIF: where the first row and the first column of what is stored are to be seen.
    (1, [[1, 2, 3], [4, 5, 6]]),        # top, left
    (2, [[3, 2, 1], [6, 5, 4]]),        # top, right
    (3, [[6, 5, 4], [3, 2, 1]]),        # bottom, right
    (4, [[4, 5, 6], [1, 2, 3]]),        # bottom, left
    (5, [[1, 4], [2, 5], [3, 6]]),      # left, top
    (6, [[4, 1], [5, 2], [6, 3]]),      # right, top
    (7, [[6, 3], [5, 2], [4, 1]]),      # right, bottom
    (8, [[3, 6], [2, 5], [1, 4]])])     # left, bottom
def test_what_is_stored_is_turned_upright_by_its_orientation(orientation, seen):
    stored = np.uint8([[1, 2, 3], [4, 5, 6]])[..., None] * [1, 10, 20]
    turned = arrays.upright(stored, orientation)
    assert turned.tolist() == (np.array(seen)[..., None] * [1, 10, 20]).tolist()
    assert np.shares_memory(turned, stored)         # a view: the pixels may be in a file


def test_a_grid_places_rows_and_columns_and_gray_beside_colour():
    def flat(value, channels):
        return np.full([2, 3, channels], value, np.uint8)
    picture = arrays.grid([[flat(1, 3), flat(2, 1)], [flat(3, 1), flat(4, 3)]])
    assert picture.shape == (4, 6, 3) and picture.dtype == np.uint8
    for channel in range(3):
        assert picture[..., channel].tolist() == [[1, 1, 1, 2, 2, 2]] * 2 + [[3, 3, 3, 4, 4, 4]] * 2
    assert arrays.row([flat(5, 1), flat(6, 3)])[..., 2].tolist() == [[5, 5, 5, 6, 6, 6]] * 2

"""What of pictures of any channels is shown."""

import numpy as np
import pytest

from pix2pix.images.view import View


def bands(channels):
    """Channel c is of the level 10 c."""
    return np.full([2, 3, channels], np.arange(channels) * 10 / 127.5 - 1, np.float32)


@pytest.mark.parametrize('channels, chosen, shown', [
    (1, None, [0]), (2, None, [0]), (3, None, [0, 10, 20]), (5, None, [0, 10, 20]), (5, (4, 3, 2), [30, 20, 10]),
    (10, (10, 1, 5), [90, 0, 40]),
    (3, (4, 3, 2), [0, 10, 20]), (1, (4, 3, 2), [0]),       # the other side may be RGB or gray, and stays as it is
    (4, (5, 1, 2), [0, 10, 20])])                           # or have fewer bands
def test_the_first_three_bands_are_shown_or_those_that_are_chosen(channels, chosen, shown):
    for picture in View(chosen)([bands(channels)] * 3):
        assert picture.dtype == np.uint8 and picture[0, 0].tolist() == shown


def test_the_channels_that_are_shown_keep_their_type():
    picture = np.uint8([[range(0, 50, 10)]])
    assert View((4, 3, 2)).channels_of(picture).tolist() == [[[30, 20, 10]]]
    assert View().channels_of(picture).dtype == np.uint8 and View().channels_of(picture[..., :2]).tolist() == [[[0]]]


def test_labels_are_shown_in_their_colours():
    source = np.float32([[[1, -1], [-1, 1]]])
    shown, output = View(labels=['#ff0010', '#0a0b0c'])([source, bands(3)])
    assert shown.tolist() == [[[255, 0, 16], [10, 11, 12]]] and output[0, 0].tolist() == [0, 10, 20]

"""Height and width, as options have them."""

import argparse
import json

import pytest

from pix2pix.sizes import Size, size


@pytest.mark.parametrize('text, expected', [('256', (256, 256)), ('256x512', (256, 512)), ('64x32', (64, 32))])
def test_one_number_is_a_square_and_two_are_height_and_width(text, expected):
    assert size(text) == expected and str(size(text)) == text


@pytest.mark.parametrize('text', ['', '0', '-1', '256x', 'x256', '256x0', '1x2x3', '2.5', '256 x 512', '٣'])
def test_what_is_no_size_is_named(text):
    with pytest.raises(argparse.ArgumentTypeError, match='is not HEIGHTxWIDTH, or one number for a square'):
        size(text)


def test_options_of_earlier_versions_have_one_number_and_others_stay_what_they_are():
    assert Size.of(256) == Size.of([256, 256]) == Size.of(json.loads(json.dumps(Size(256, 256)))) == (256, 256)
    for other in None, '256', [1], [1, 2, 3], [1.5, 2], True, {}:
        assert Size.of(other) is other


@pytest.mark.parametrize('own, crop, expected', [
    ((100, 200), (256, 256), (256, 512)), ((200, 100), (256, 256), (512, 256)), ((512, 1024), (256, 256), (256, 512)),
    ((300, 400), (256, 512), (384, 512)), ((3, 7), (256, 256), (256, 597))])
def test_covering_keeps_the_aspect_and_is_as_large_on_both_sides(own, crop, expected):
    assert Size(*own).covering(Size(*crop)) == expected


def test_a_training_resizes_to_the_crop_or_to_cover_it_or_not_at_all():
    own, crop = Size(300, 400), Size(256, 256)
    assert own.in_training('resize_and_crop', crop) == crop and own.in_training('fit', crop) == (256, 341)
    assert own.in_training('crop', crop) == own.in_training('none', crop) == own


def test_padded_to_the_next_multiple():
    assert Size(1, 256).padded(256) == (256, 256) and Size(257, 512).padded(256) == (512, 512)
    assert Size(100, 90).padded(32) == (128, 96)

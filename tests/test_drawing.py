"""A picture of any kind through a network that gives back what it is given, in the units of its files."""

import types

import numpy as np
import pytest

from pix2pix.images.form import PairFormat
from pix2pix.inference import drawing
from pix2pix.model.architecture import Architecture
from pix2pix.sizes import Size


def network(channels=3, native_size=None, native=False, dtype=None, **form):
    form = PairFormat('AtoB', Size(32, 64), channels, channels)._replace(depth=5, **form)
    return types.SimpleNamespace(
        architecture=Architecture(source_channels=channels, target_channels=channels, depth=5), tile=1024, form=form,
        native_size=native_size, native=native, target_dtype=dtype, forward=lambda sources: sources)


def test_a_picture_is_drawn_at_the_scale_of_the_training_and_comes_out_at_its_own_size():
    sizes, squashing = [], network(native_size=Size(64, 64))        # 64 x 64 became 32 x 64
    squashing.forward = lambda sources: sizes.append(sources.shape[1:3]) or sources
    for size in (64, 64), (128, 96), (50, 30):
        assert drawing.draw(squashing, np.zeros([*size, 3], np.uint8)).shape == (*size, 3)
    assert sizes == [(32, 64), (64, 96), (32, 32)]      # padded to multiples of 32
    assert 'where 64 x 64 became 64 x 32' in drawing.describe_scale(squashing)
    for plain in network(), network(native_size=Size(64, 64), native=True), network(native_size=Size(32, 64)):
        assert drawing.describe_scale(plain) == 'pictures are drawn at their own scale'
        ramp = np.arange(40 * 70 * 3, dtype=np.uint8).reshape(40, 70, 3)
        np.testing.assert_array_equal(drawing.draw(plain, ramp), ramp)


@pytest.mark.parametrize('values, form', [
    (np.uint16([[[0, 7, 3000, 5, 9]]]), {'source_range': (0, 3000), 'target_range': (0, 3000)}),
    (np.float32([[[-3, 0, 80, 5, 9]]]), {'source_range': (-3, 80), 'target_range': (-3, 80)}),
    (np.int16([[[-300, 0, 800, 5, 9]]]), {'source_range': (-300, 800), 'target_range': (-300, 800)}),
    (np.uint8([[[0, 1, 254, 255, 9]]]), {'source_range': (0, 3000), 'target_range': (0, 3000)})])
def test_values_come_back_in_their_units(values, form):
    values = np.tile(values, [40, 30, 1])
    drawn = drawing.draw(network(5, dtype=values.dtype.name, **form), values)
    assert drawn.dtype == values.dtype
    np.testing.assert_allclose(drawn, values, atol=1e-4)
    half = network(5, dtype='float32', **form | {'target_range': (0, 7)})        # the target's own range
    middle = drawing.restored(half, np.zeros([1, 1, 5]), None)
    assert middle.dtype == np.float32 and (middle == 3.5).all()
    with pytest.raises(ValueError, match=r'give .*, \[H, W, 5\]'):
        drawing.checked(network(5, **form), values[..., :4])


@pytest.mark.parametrize('more', [{}, {'target_range': (0, 80)}])
def test_labels_become_channels_whatever_the_target_is(more):
    labels = network(3, labels=['#ff0080', '#00ff00', '#80a0ff'], **more)
    picture = np.uint8([[[255, 0, 128], [128, 160, 255]]])
    for given in picture, picture * np.uint16(257):
        assert drawing.as_source(labels, drawing.checked(labels, given)).tolist() == [[[1, -1, -1], [-1, -1, 1]]]


def test_labels_are_brought_to_the_scale_of_the_training_without_mixing(tmp_path):
    labels = network(2, native_size=Size(50, 50), labels=['#ff0000', '#0000ff'])
    picture = np.zeros([50, 50, 3], np.uint8)
    picture[:, :25, 0], picture[:, 25:, 2] = 255, 255
    source = drawing.at_scale(labels, picture)
    assert source.shape == (32, 64, 2) and set(np.unique(source)) == {-1, 1}

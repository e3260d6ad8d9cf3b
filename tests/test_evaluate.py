"""The one pass over pairs: drawn, judged, kept, and what becomes of an error on the way."""

import threading

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.metrics import pixels
from pix2pix.metrics.evaluate import evaluate


def triple(value):
    """A source, an output and a target of [-1, 1], of two channels' numbers and different shades."""
    return [np.full([16, 16, channels], shade, np.float32) for channels, shade in ((1, -1), (3, value), (3, 1))]


def drawn(*names):
    """Pairs whose output is 0 for the first, 0.2 for the second and so on."""
    for i, name in enumerate(names):
        yield name, triple(i / 5)


def l1(output, target):
    """What stands for a Comparison."""
    return {'l1': float(np.mean(np.abs(output.astype(float) - target)) / 127.5)}


def test_results_are_those_of_output_and_target_by_name_in_the_order_drawn():
    results = evaluate(drawn('b', 'a', 'c'), l1)
    assert list(results) == ['b', 'a', 'c']
    # 0 is shade 128, 0.2 is 153, and 0.4 is 178.5 or a hair beside it, of 255.
    assert [results[name]['l1'] for name in 'bac'] == pytest.approx([127 / 127.5, 102 / 127.5, 76.5 / 127.5], abs=0.005)


def test_a_comparison_of_pixels_judges_them():
    results = evaluate(drawn('a'), pixels.Comparison())
    assert results['a'].keys() == {'l1', 'psnr', 'ssim'} and results['a']['l1'] == pytest.approx(127 / 127.5)


def test_a_pair_that_cannot_be_compared_is_named():
    pair = [np.zeros([10, 12, 3], np.float32)] * 3
    with pytest.raises(UserError, match='^small: 12 x 10 pixels are too few for SSIM'):
        evaluate([('small', pair)], pixels.Comparison())


def test_what_is_compared_and_kept_is_the_same_picture_of_8_bits_in_the_order_drawn():
    compared, kept = [], []

    def compare(output, target):
        compared.append((output, target))
        return {}
    evaluate(drawn('b', 'a', 'c'), compare, lambda name, images, pictures: kept.append((name, pictures)))
    assert [name for name, _ in kept] == ['b', 'a', 'c']
    for (_, pictures), pair in zip(kept, compared, strict=True):
        assert [picture.dtype for picture in pictures] == [np.uint8] * 3
        assert [picture.shape for picture in pictures] == [(16, 16, 1), (16, 16, 3), (16, 16, 3)]
        assert pictures[1] is pair[0] and pictures[2] is pair[1]
    assert [int(picture[0, 0, 0]) for picture in kept[0][1]] == [0, 128, 255]
    assert [int(pictures[1][0, 0, 0]) for _, pictures in kept[:2]] == [128, 153]


def test_what_is_kept_comes_as_it_was_drawn_too():
    images, kept = triple(0.123), []
    evaluate([('a', images)], l1, lambda name, images, pictures: kept.append(images))
    assert all(one is other for one, other in zip(kept[0], images, strict=True))


def test_nothing_drawn_is_no_result():
    assert evaluate(iter([]), l1) == {}


@pytest.mark.parametrize('at', [0, 1, 2])
@pytest.mark.parametrize('where', ['drawn', 'compare', 'keep'])
def test_an_error_reaches_the_caller_wherever_it_happens(where, at):
    """At the first, in the middle, and at the last, behind which nothing more is drawn."""
    fault, done = OSError('disk full'), []

    def draw():
        for i, pair in enumerate(drawn('a', 'b', 'c')):
            if (where, i) == ('drawn', at):
                raise fault
            yield pair

    def compare(output, target):
        if (where, len(done)) == ('compare', at):
            raise fault
        return {}

    def keep(name, images, pictures):
        if (where, len(done)) == ('keep', at):
            raise fault
        done.append(name)
    with pytest.raises(OSError, match='disk full') as caught:
        evaluate(draw(), compare, keep)
    assert caught.value is fault and done == ['a', 'b', 'c'][:at]


def test_behind_an_error_nothing_more_is_kept():
    kept = []

    def keep(name, images, pictures):
        kept.append(name)
        raise OSError('disk full')
    with pytest.raises(OSError):
        evaluate(drawn('a', 'b', 'c', 'd'), l1, keep)
    assert kept == ['a']


@pytest.mark.parametrize('held', [1, 2, 3])
def test_so_many_may_wait_while_the_next_are_drawn(held):
    """None is judged before `held` more than the first are drawn, and not one further is drawn meanwhile."""
    drawn_on, judged = threading.Event(), []

    def draw():
        for i, pair in enumerate(drawn('a', 'b', 'c', 'd', 'e')):
            if i == held:
                drawn_on.set()
            if i == held + 1:
                assert judged[:1] == ['a']
            yield pair

    def keep(name, images, pictures):
        assert drawn_on.wait(60)
        judged.append(name)
    assert list(evaluate(draw(), l1, keep, held=held)) == judged == ['a', 'b', 'c', 'd', 'e']

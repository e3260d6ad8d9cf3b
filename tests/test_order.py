"""What follows from the four numbers of an order: steps, epochs, what is due, and which places a replica takes."""

from fractions import Fraction

import pytest

from pix2pix.errors import UserError
from reader import Order


@pytest.mark.parametrize('images, batch_size, epochs, steps', [
    (7, 1, 4, 28),      # a pair a step
    (7, 2, 4, 14),      # 28 pairs in twos
    (7, 3, 4, 10),      # nine threes and one pair more
    (7, 7, 4, 4),
    (7, 10, 4, 3),      # a batch of more than an epoch
    (2, 5, 1, 1),
    (400, 4, 200, 20000)])
def test_so_many_steps_show_every_pair_so_many_times(images, batch_size, epochs, steps):
    assert Order(images, batch_size, epochs, seed=0).steps == steps


def test_epochs_done_after_a_step_are_the_pairs_seen_by_the_number_of_pairs():
    order = Order(images=8, batch_size=2, epochs=3, seed=0)
    assert [order.epoch_of(step) for step in (0, 1, 2, 4, 12)] == [0, 0.25, 0.5, 1, 3]
    assert Order(images=2, batch_size=5, epochs=5, seed=0).epoch_of(1) == 2.5
    # The figure of a step does not depend on how long the run is to be: it may be carried on.
    assert Order(images=2, batch_size=5, epochs=1, seed=0).epoch_of(1) == 2.5
    assert Order(images=2, batch_size=5, epochs=1, seed=0).whole_epoch_of(1) == 1
    assert [order.whole_epoch_of(step) for step in (0, 3, 4, 11, 12, 13)] == [0, 0, 1, 2, 3, 3]


@pytest.mark.parametrize('order, every, due', [
    # Seven pairs in threes: 3 6 9 12 15 18 21 are seen after steps 1 .. 7; epochs end at 7, 14 and 21.
    (Order(7, 3, 3, 0), 1, [3, 5, 7]),
    (Order(7, 3, 3, 0), 2, [5, 7]),         # 14, and the last
    (Order(7, 3, 3, 0), 100, [7]),          # the last of all, in any case
    # Two pairs in fives: 5 10 15 20 are seen; every step ends an epoch or more, and is due once.
    (Order(2, 5, 10, 0), 1, [1, 2, 3, 4]),
    (Order(2, 5, 10, 0), 3, [2, 3, 4]),     # 6, 12 and 18 are passed
    # Four pairs in twos: every second step.
    (Order(4, 2, 3, 0), 1, [2, 4, 6])])
def test_a_step_is_due_that_is_the_first_behind_so_many_epochs_more_or_the_last(order, every, due):
    assert [step for step in range(1, order.steps + 1) if order.due(step, every)] == due


def test_replicas_take_their_shares_of_a_batch_side_by_side():
    """Three replicas and a batch of six: the first takes places 0 1 of each step, the second 2 3, the third 4 5."""
    order = Order(images=100, batch_size=6, epochs=1, seed=0)
    assert [[order.global_position(i, replica, 3) for i in range(4)] for replica in range(3)] == [
        [0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]]


def test_other_data_from_a_step_on_have_an_order_of_their_own():
    """Eight pairs in twos for six steps, an epoch and a half; then five pairs, 22.5 of which are the other epochs."""
    order = Order(images=5, batch_size=2, epochs=6, seed=0, changes=((6, 8),))
    assert (order.first_step, order.first_epoch, order.steps) == (6, Fraction(3, 2), 6 + 12)
    assert [order.epoch_of(step) for step in (6, 11, 18)] == [1.5, 3.5, 6.3]
    assert [step for step in range(7, 19) if order.due(step, 1)] == [8, 10, 13, 15, 18]
    alone = Order(images=5, batch_size=2, epochs=9, seed=0)
    assert set(order.indices_of(7) + order.indices_of(8) + order.indices_of(9)[:1]) == set(range(5))
    # Its epochs are shuffles that the data before have not had: the third and later ones of the seed.
    assert [order.indices_of(step) for step in range(7, 17)] == [alone.indices_of(step) for step in range(6, 16)]
    again = order._replace(images=7, changes=((6, 8), (11, 5)))
    assert again.first_epoch == Fraction(7, 2) and again.epoch_of(18) == 5.5
    with pytest.raises(UserError, match='the data set changed at step 6, .* but only that of step 4'):
        order.check_carries_on(4)
    order.check_carries_on(6)

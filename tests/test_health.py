"""What a training says of a discriminator that has won, and of outputs that are all one."""

import numpy as np
import pytest

import reader
from pix2pix.run.health import Health

ORDER = reader.Order(images=5, batch_size=2, epochs=8, seed=0)      # epochs end with the steps 3, 5, 8, 10, 13, 15


@pytest.mark.parametrize(['losses', 'lines'], [
    ({}, []),
    ({step: 0.009 for step in range(1, 4)}, [3]),
    ({step: 0.009 for step in range(2, 4)}, []),                    # not all through the first epoch
    ({step: 0.009 for step in range(4, 6)}, [5]),
    ({step: 0.009 for step in range(1, 21)}, [3]),                  # once
    ({step: 0.009 for step in (1, 2, 3, 9, 10)}, [3, 10]),          # again, after it was better
])
def test_a_discriminator_that_wins_an_epoch_is_said_once(losses, lines):
    said, step = {}, 0
    health = Health(ORDER, lambda line: said.update({step: line}))
    for step in range(1, 21):
        health.of_step(step, losses.get(step, 0.5))
    assert list(said) == lines
    for step, line in said.items():
        epoch = {3: 1, 5: 2, 10: 4}[step]
        assert line == f'd_loss stayed below 0.01 all through epoch {epoch}: the discriminator knows every output ' \
                       'from its target, and the generator learns little from it. docs/troubleshooting.md says ' \
                       'what helps'


def test_a_part_of_an_epoch_after_a_restart_says_nothing():
    said = []
    health = Health(ORDER, said.append)
    for step in 3, 4, 5:
        health.of_step(step, 0.001)
    [line] = said
    assert 'epoch 2' in line


@pytest.mark.parametrize(['outputs', 'targets', 'is_said'], [
    ([100, 101, 100], [0, 200, 100], False),        # they differ by a level
    ([100, 100, 101], [0, 200, 100], True),
    ([100, 100, 100], [0, 5, 0], False),            # so do the targets, hardly
    ([100], [0], False),                            # nothing to compare it with
    ([0, 255, 0], [0, 255, 0], False),
])
def test_outputs_that_are_all_one_are_said_of_targets_that_are_not(outputs, targets, is_said):
    said = []
    health = Health(ORDER, said.append)
    for step in 1500, 3000:      # the second validation says it no more
        for output, target in zip(outputs, targets):
            health.take_in(np.full([4, 4, 3], output, np.uint8), np.full([4, 4, 3], target, np.uint8))
        health.of_validation(step)
    assert len(said) == is_said
    for line in said:
        assert line.startswith('the outputs of the validation after step 1,500 hardly differ from each other')


def test_a_validation_is_judged_by_itself():
    said = []
    health = Health(ORDER, said.append)
    for level in 0, 200:
        health.take_in(*2 * [np.full([4, 4, 3], level, np.uint8)])
    health.of_validation(1)
    assert not said
    for target in 0, 200:
        health.take_in(np.full([4, 4, 3], 100, np.uint8), np.full([4, 4, 3], target, np.uint8))
    health.of_validation(2)
    assert said

import re
from types import SimpleNamespace

import pytest

import reader
from pix2pix.run import progress
from pix2pix.run.progress import Progress, in_words


def test_without_a_terminal_there_is_a_line_an_epoch_with_means(capsys):
    order = reader.Order(images=4, batch_size=2, epochs=2, seed=0)
    bar = Progress(order, 1)
    for step in 2, 3, 4:
        bar.show(step, {'d_loss': float(step)})
    bar.say('a word')
    first, second, said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r'epoch 1  step 2/4  d_loss 2\.0000  [\d.,]+ images/s  \d+:\d\d:\d\d left', first)
    assert second.startswith('epoch 2  step 4/4  d_loss 3.5000  ') and second.endswith('0:00:00 left')
    assert said == 'a word'


def test_a_last_step_of_more_pairs_than_are_left_ends_the_last_epoch(capsys):
    """Three pairs, two epochs, in fours: the last step shows pairs 5 to 8 of 6."""
    bar = Progress(reader.Order(images=3, batch_size=4, epochs=2, seed=0), 0)
    bar.show(1, {'d_loss': 1.0})
    bar.show(2, {'d_loss': 1.0})
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ['1', '2']
    bar = Progress(reader.Order(images=2, batch_size=9, epochs=2, seed=0), 0)
    bar.show(1, {'d_loss': 1.0})
    assert capsys.readouterr().out.startswith('epoch 2  step 1/1  ')      # 4.5 epochs of pairs, of 2


@pytest.mark.parametrize(['done', 'epochs', 'said'], [
    (0, 200, ['this will take about 3 hours, by the first steps']),         # 19,994 steps of half a second, 2.8 hours
    (10_000, 200, ['this will take about 83 minutes, by the first steps']),
    (0, 2, ['this will take about 2 minutes, by the first steps']),
    (0, 1, []),                                                             # 47 s
])
def test_how_long_it_will_take_is_said_once_the_first_steps_are_done(done, epochs, said, monkeypatch, capsys):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress, 'time', SimpleNamespace(monotonic=lambda: clock.now))
    bar = Progress(reader.Order(images=400, batch_size=4, epochs=epochs, seed=0), done)
    for step in range(done + 1, done + 21):
        clock.now += 30 if step == done + 1 else 0.5        # the first is slow, and does not count
        bar.show(step, {'d_loss': 1.0})
        assert step != done + 6 or capsys.readouterr().out.splitlines() == said
    assert not capsys.readouterr().out


@pytest.mark.parametrize(['minutes', 'words'], [(1.2, 'a minute'), (2.6, '3 minutes'), (119, '119 minutes'),
                                                (120, '2 hours'), (2879, '48 hours'), (2880, '2 days')])
def test_durations_in_words(minutes, words):
    assert in_words(minutes) == words

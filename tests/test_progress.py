import re

import reader
from pix2pix.run.progress import Progress


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

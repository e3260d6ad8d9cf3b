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

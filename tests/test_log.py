import json
import resource
import tracemalloc

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.errors import UserError
from pix2pix.run.folder import Run
from pix2pix.run.log import Log, best_step


def lines(folder):
    return [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]


def write(folder, first, *steps):
    log = Log(Run(str(folder)), first)
    for step in steps:
        log.scalars(step, {'epoch': step / 10, 'd_loss': step * 1.5})
    log.close()


def test_every_step_once_after_any_number_of_restarts(tmp_path):
    write(tmp_path, 0, 10, 20, 30)
    write(tmp_path, 20, 30, 40)
    write(tmp_path, 10, 20)
    assert lines(tmp_path) == [{'step': s, 'epoch': s / 10, 'd_loss': s * 1.5} for s in (10, 20)]


def test_a_line_that_was_cut_off_in_writing_goes(tmp_path):
    write(tmp_path, 0, 10)
    with open(tmp_path / 'metrics.jsonl', 'a') as file:
        file.write('{"step": 20, "d_lo')
    write(tmp_path, 20, 30)
    assert [line['step'] for line in lines(tmp_path)] == [10, 30]


@pytest.mark.parametrize('room', [0, 5])
def test_a_line_that_could_not_be_written_is_not_written_later(tmp_path, room):
    """Not even when the file is closed, and the next process may have begun. Files may have so many bytes more here."""
    log = Log(Run(str(tmp_path)), 0, events=False)
    log.scalars(10, {'epoch': 1.0})
    before = (tmp_path / 'metrics.jsonl').read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, hard))
    try:
        with pytest.raises(OSError, match='metrics.jsonl could not be written: File too large'):
            log.scalars(20, {'epoch': 2.0})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.close()
    assert (tmp_path / 'metrics.jsonl').read_bytes() == before + b'{"step": 20'[:room]


FOREIGN = [b'not json', b'\xff\xfe', b'\0\0\0', b'', b'3', b'null', b'[]', b'"step"', b'{}', b'{"loss": 1}',
           b'{"step": null}', b'{"step": "3"}', b'{"step": 1.5}', b'{"step": true}', b'{"step": Infinity}',
           b'{"step": NaN}', b'{"step": 1e999}', b'{"step": 1' + 400 * b'0' + b'}', b'{"step": 1, "d_loss": "x"}',
           b'{"step": 1, "d_loss": null}', b'{"step": 1, "d_loss": -Infinity}', b'{"step": 1, "d_loss": {"x": 1}}',
           b'{"step": 1, "epoch": [1]}', b'[' * 10 ** 5, b'{"step":' * 10 ** 5, '{"step": 1}'.encode('utf-16')]


@pytest.mark.parametrize('foreign', FOREIGN, ids=range(len(FOREIGN)))
def test_foreign_content_is_an_error_and_stays(tmp_path, foreign):
    content = b'{"step": 1, "epoch": 0.5}\n' + foreign + b'\n'
    (tmp_path / 'metrics.jsonl').write_bytes(content)
    with pytest.raises(UserError, match='metrics.jsonl: line 2 is not a line of metrics. Repair it'):
        Log(Run(str(tmp_path)), 0)
    assert (tmp_path / 'metrics.jsonl').read_bytes() == content


def test_events_purge_what_was_written_past_the_checkpoint(tmp_path):
    write(tmp_path, 0, 10, 20, 30)
    log = Log(Run(str(tmp_path)), 20)
    log.image(25, 'samples', np.zeros([2, 3, 3], np.uint8))
    log.close()
    first, second = sorted((tmp_path / 'events').iterdir(), key=lambda path: path.suffix)
    events = list(tf.train.summary_iterator(str(first)))
    scalars = [(e.step, e.summary.value[0].tag, e.summary.value[0].simple_value) for e in events if e.summary.value]
    assert scalars == [(10, 'd_loss', 15), (20, 'd_loss', 30), (30, 'd_loss', 45)]
    events = list(tf.train.summary_iterator(str(second)))
    starts = [e.step for e in events if e.session_log.status == tf.SessionLog.START]
    assert starts == [21]       # TensorBoard drops all that came before with a step of 21 or more
    [image] = [e.summary.value[0].image for e in events if e.summary.value]
    assert (image.height, image.width, image.colorspace) == (2, 3, 3) and image.encoded_image_string[1:4] == b'PNG'


def test_events_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / 'events').write_text('a file where the folder goes')
    with pytest.raises(OSError, match='^.*/events could not be written: [^\n]+$'):
        Log(Run(str(tmp_path)), 0)


def test_the_best_step_is_one_of_those_that_are_there():
    lines = [{'step': 5, 'val_l1': 0.3, 'val_ssim': 0.9}, {'step': 10, 'val_l1': 0.2, 'val_ssim': 0.1}, {'step': 15}]
    assert best_step(lines, 'l1', [5, 10, 15]) == 10 and best_step(lines, 'ssim', [5, 10, 15]) == 5
    assert best_step(lines, 'l1', [5]) == 5 and best_step(lines, 'l1', [15]) is None


def test_a_run_s_lines_are_read_once_and_the_best_of_its_checkpoints_is_known_without_them(tmp_path):
    """From then on by what is logged; a step whose checkpoint is gone is forgotten."""
    for step in 4, 8:
        (tmp_path / f'model-{step}.index').touch()
    lines = [{'step': step, 'epoch': step, 'val_count': 1, 'val_l1': value}
             for step, value in ((2, 0.1), (4, 0.3), (6, 0.1), (8, 0.4), (10, 0.0))]
    (tmp_path / 'metrics.jsonl').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    log = Log(Run(str(tmp_path)), 8)
    (tmp_path / 'metrics.jsonl').unlink()
    assert (log.last_found, log.last_kept, log.history.validated, log.history.last) == (10, 8, 4, lines[3])
    assert log.best_step('l1', 8) == 4 and log.best_step(None, 8) is None
    log.scalars(9, {'epoch': 9.0, 'd_loss': 1.0})
    log.scalars(10, {'epoch': 10.0, 'val_count': 1, 'val_l1': 0.2})
    assert log.best_step('l1', 10) == 10
    (tmp_path / 'model-4.index').unlink()
    assert log.best_step('l1', 12) == 8         # step 10 was not saved
    log.close()
    assert list(log.validated) == [8]


def test_ten_times_the_lines_take_no_more_memory(tmp_path):
    """Python's own, at its highest while they are read."""
    peaks = []
    for count in 1_000, 10_000:
        line = '{"step": %d, "epoch": 1.5, "d_loss": 1.25, "val_count": 3, "val_l1": 0.5}\n'
        (tmp_path / 'metrics.jsonl').write_text(''.join(line % step for step in range(count)))
        tracemalloc.start()
        Log(Run(str(tmp_path)), count, events=False).close()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] < 2 ** 21, peaks

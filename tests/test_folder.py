"""The folder of a run: where things are, the options that it keeps, and who holds it."""

import json
import multiprocessing
import os
import time

import pytest

from pix2pix.errors import UserError
from pix2pix.run.folder import ASKED_LATER, Run

OPTIONS = {'layers': 'paper', 'seed': 1, 'epochs': 200}


def save(run, options):
    """Those of a run that has begun."""
    open(os.path.join(run.checkpoints, 'model-1.index'), 'w').close()
    with open(run.options, 'w') as file:
        json.dump(options, file)


def test_a_run_has_one_place_for_each_thing():
    run = Run.named('facades')
    assert (run.name, run.checkpoints, run.samples) == ('facades', 'checkpoints/facades', 'samples/facades')
    assert (run.options, run.metrics) == ('checkpoints/facades/options.json', 'checkpoints/facades/metrics.jsonl')
    assert (run.page, run.test.folder) == ('samples/facades/index.html', 'samples/facades/test')
    assert Run('/elsewhere/x/').name == 'x'


def test_options_are_saved_and_read(tmp_path):
    run = Run(str(tmp_path))
    with run.opened(OPTIONS, ['layers'], 9) as changed:
        assert changed == []
    assert json.loads((tmp_path / 'options.json').read_text()) == OPTIONS
    assert run.read_options() == {**ASKED_LATER, **OPTIONS}


def test_options_that_did_not_change_are_not_written_again_and_others_are_flushed(tmp_path, calls):
    run, path = Run(str(tmp_path)), tmp_path / 'options.json'
    for options, writes in (OPTIONS, 1), (OPTIONS, 0), ({**OPTIONS, 'epochs': 300}, 1):
        del calls[:]
        before = time.time()
        with run.opened({**options, 'pair': (1, 2)}, ['layers'], 9):
            pass
        assert [call[0] for call in calls] == writes * ['fsync', 'replace', 'fsync']
        assert json.loads(path.read_text()) == {**options, 'pair': [1, 2]}
        assert path.stat().st_mtime >= before - 0.1         # the page takes it for the start of the training


def test_a_fixed_option_that_differs_is_named(tmp_path):
    run = Run(str(tmp_path))
    save(run, OPTIONS)
    with pytest.raises(UserError, match='^seed is 2, but the run was started with 1 .*options.json'):
        run.compare_options({**OPTIONS, 'seed': 2}, ['layers', 'seed'])
    assert json.loads((tmp_path / 'options.json').read_text()) == OPTIONS
    assert run.compare_options({**OPTIONS, 'epochs': 300}, ['layers', 'seed']) == ['epochs']


def test_a_run_of_an_earlier_version_is_as_its_version_trained(tmp_path):
    """It was never asked for an average, so it has none, and gets none half-way."""
    run = Run(str(tmp_path))
    save(run, OPTIONS)
    assert run.read_options(['ema'])['ema'] == 0
    assert run.compare_options({**OPTIONS, 'ema': 0.0}, ['layers', 'ema']) == []
    with pytest.raises(UserError, match='^ema is 0.999, but the run was started with 0'):
        run.compare_options({**OPTIONS, 'ema': 0.999}, ['layers', 'ema'])


def test_a_run_without_a_checkpoint_keeps_none_of_its_options(tmp_path):
    """Its first step may not have fitted the memory, or a file may have had to go."""
    run, old = Run(str(tmp_path)), {**OPTIONS, 'names': 'a', 'images': 1, 'precision_asked': 'float32'}
    save(run, old)
    os.remove(tmp_path / 'model-1.index')
    new = {**OPTIONS, 'seed': 2, 'names': 'b', 'images': 2, 'precision_asked': 'auto'}
    with run.opened(new, ['layers', 'seed', 'images', 'names'], 9) as changed:
        assert changed == ['seed', 'names', 'images']
    assert run.read_options() == {**ASKED_LATER, **new}


def test_what_was_asked_for_does_not_count_as_a_change(tmp_path):
    """Only what came of it does."""
    run = Run(str(tmp_path))
    save(run, {**OPTIONS, 'direction': 'BtoA', 'direction_asked': None})
    assert run.compare_options({**OPTIONS, 'direction': 'BtoA', 'direction_asked': 'BtoA'}, ['direction']) == []


def test_a_data_set_that_has_changed_is_said_in_words(tmp_path):
    run, options = Run(str(tmp_path)), {'images': 7, 'names': 'abc'}
    save(run, options)
    with pytest.raises(UserError, match='data set has changed: the run was started with 7 pairs, and there are 8 now'):
        run.compare_options({'images': 8, 'names': 'abd'}, ['images', 'names'])


@pytest.mark.parametrize('content', ['', '{"layers": ', '[1, 2]', 'null', '\0\0\0', '{"seed": 1}'])
def test_damaged_options_are_an_error_and_stay(tmp_path, content):
    (tmp_path / 'model-1.index').touch()
    (tmp_path / 'options.json').write_text(content)
    with pytest.raises(UserError, match='options.json'):
        with Run(str(tmp_path)).opened(OPTIONS, ['layers'], 9):
            pass
    assert (tmp_path / 'options.json').read_text() == content


def test_missing_options_are_an_error(tmp_path):
    with pytest.raises(UserError, match='no such file. Is the run name right'):
        Run(str(tmp_path)).read_options()


def hold(folder, ready, leave):
    with Run(folder).locked():
        ready.set()
        leave.wait()


def test_the_second_trainer_is_refused_and_a_dead_one_is_no_obstacle(tmp_path):
    context, run = multiprocessing.get_context('spawn'), Run(str(tmp_path))
    ready, leave = context.Event(), context.Event()
    other = context.Process(target=hold, args=(str(tmp_path), ready, leave))
    other.start()
    assert ready.wait(60)
    with pytest.raises(UserError, match=f'is being trained by process {other.pid} on {os.uname().nodename}'):
        with run.locked():
            pass
    assert run.is_locked()
    other.kill()
    other.join()
    assert not run.is_locked() and not Run(str(tmp_path / 'none')).is_locked()
    with run.locked():
        assert (tmp_path / 'lock').read_text().startswith(f'process {os.getpid()} on')


def test_an_open_run_has_its_folders_its_options_and_its_lock(tmp_path):
    run = Run(str(tmp_path / 'checkpoints/x'), str(tmp_path / 'samples/x'))
    with run.opened(OPTIONS, ['layers'], 9) as changed:
        assert changed == [] and run.is_locked() and os.path.isdir(run.samples)
        assert run.read_options() == {**ASKED_LATER, **OPTIONS}
    assert not run.is_locked()


def test_a_precision_that_was_left_to_the_hardware_may_change_and_one_that_was_asked_for_not(tmp_path):
    run, auto = Run(str(tmp_path)), {**OPTIONS, 'precision': 'bfloat16', 'precision_asked': 'auto'}
    save(run, auto)
    asked = {**OPTIONS, 'precision': 'float32', 'precision_asked': 'float32'}
    assert run.compare_options(asked, ['layers']) == ['precision']
    save(run, asked)
    same = {**asked, 'precision_asked': 'auto'}         # auto comes to the same here, and that it was asked for stays
    assert run.compare_options(same, ['layers']) == [] and same['precision_asked'] == 'float32'
    with pytest.raises(UserError, match='precision is bfloat16, but the run was started with float32'):
        run.compare_options(auto, ['layers'])


def test_of_several_pages_that_draw_the_plain_one_is_led_to(tmp_path):
    run = Run(str(tmp_path / 'x'), str(tmp_path))
    (tmp_path / 'export').mkdir()
    for name in 'page-float16.html', 'page.html', 'page-dropout.html':
        (tmp_path / 'export' / name).touch()
    assert run.drawing_page() == f'{tmp_path}/export/page.html'

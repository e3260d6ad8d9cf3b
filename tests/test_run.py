import json
import multiprocessing
import os

import pytest

from pix2pix.run import folder as run

OPTIONS = {'layers': 'paper', 'seed': 1, 'epochs': 200}


def test_options_are_saved_and_read(tmp_path):
    path = str(tmp_path / 'options.json')
    assert run.settle_options(path, OPTIONS, ['layers']) == []
    assert json.loads((tmp_path / 'options.json').read_text()) == OPTIONS == run.read_options(path)


def test_a_fixed_option_that_differs_is_named(tmp_path):
    path = str(tmp_path / 'options.json')
    run.settle_options(path, OPTIONS, ['layers', 'seed'])
    with pytest.raises(run.RunError, match='--seed is 2 but the run was started with 1'):
        run.settle_options(path, {**OPTIONS, 'seed': 2}, ['layers', 'seed'])
    assert run.read_options(path) == OPTIONS
    assert run.settle_options(path, {**OPTIONS, 'epochs': 300}, ['layers', 'seed']) == ['epochs']
    assert run.read_options(path)['epochs'] == 300


@pytest.mark.parametrize('content', ['', '{"layers": ', '[1, 2]', 'null', '\0\0\0', '{"seed": 1}'])
def test_damaged_options_are_an_error(tmp_path, content):
    (tmp_path / 'options.json').write_text(content)
    with pytest.raises(run.RunError, match='options.json'):
        run.settle_options(str(tmp_path / 'options.json'), OPTIONS, ['layers'])
    assert (tmp_path / 'options.json').read_text() == content


def test_missing_options_are_an_error(tmp_path):
    with pytest.raises(run.RunError, match='no such file; is the run name right'):
        run.read_options(str(tmp_path / 'options.json'))


def hold(folder, ready, leave):
    with run.locked(folder):
        ready.set()
        leave.wait()


def test_the_second_trainer_is_refused_and_a_dead_one_is_no_obstacle(tmp_path):
    context = multiprocessing.get_context('spawn')
    ready, leave = context.Event(), context.Event()
    other = context.Process(target=hold, args=(str(tmp_path), ready, leave))
    other.start()
    assert ready.wait(60)
    with pytest.raises(run.RunError, match=f'is being trained by process {other.pid} on {os.uname().nodename}'):
        with run.locked(str(tmp_path)):
            pass
    assert run.is_locked(str(tmp_path))
    other.kill()
    other.join()
    assert not run.is_locked(str(tmp_path)) and not run.is_locked(str(tmp_path / 'none'))
    with run.locked(str(tmp_path)):
        assert (tmp_path / 'lock').read_text().startswith(f'process {os.getpid()} on')

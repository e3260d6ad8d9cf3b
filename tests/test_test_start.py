"""What test.py makes of its options before it draws, and what it refuses then; in this process."""

import types

import imageio.v3 as iio
import numpy as np
import pytest

import test
from pix2pix.errors import UserError
from pix2pix.run.folder import TestResults
from tests.conftest import draw_pairs


def test_a_split_that_is_not_there_is_named(tmp_path):
    """Asked of main(), this comes once the generator is there."""
    draw_pairs(tmp_path, train=1)
    generator = types.SimpleNamespace(run=types.SimpleNamespace(test=None), options={'folder': str(tmp_path)})
    with pytest.raises(UserError, match=f'{tmp_path} has no folder test or val in it. Name one with --split'):
        test.draw_pairs(test.parse(['--name', 'tiny']), generator)
    with pytest.raises(UserError, match=f'{tmp_path} has no folder val in it. Name one with --split'):
        test.draw_pairs(test.parse(['--name', 'tiny', '--split', 'val']), generator)


def test_a_folder_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'checkpoints/x').mkdir(parents=True)
    with pytest.raises(UserError, match='^nowhere: there is no such folder, and the catalogue has only'):
        test.check_there(test.parse(['--name', 'x', '--dataset', 'nowhere']))
    generator = types.SimpleNamespace(run=types.SimpleNamespace(test=None, name='x'), options={'folder': '/gone/mine'})
    with pytest.raises(UserError, match='^/gone/mine, on which x was trained, is not there any more: name another'):
        test.draw_pairs(test.parse(['--name', 'x']), generator)


def test_a_name_of_the_catalogue_is_its_folder_here_too(tmp_path, monkeypatch):
    monkeypatch.setattr(test, 'locate', lambda name: f'{tmp_path}/{name}')
    (tmp_path / 'facades').mkdir()
    generator = types.SimpleNamespace(run=types.SimpleNamespace(test=None), options={'folder': ''})
    with pytest.raises(UserError, match=f'^{tmp_path}/facades has no folder test or val in it'):
        test.draw_pairs(test.parse(['--name', 'x', '--dataset', 'facades']), generator)


def test_sides_of_a_test_alone_are_read_as_they_are(tmp_path, capsys):
    """Though no training could read them."""
    for side in 'testA', 'testB':
        (tmp_path / side).mkdir()
        iio.imwrite(tmp_path / side / '1.png', np.zeros([32, 32, 3], np.uint8))
    generator = types.SimpleNamespace(run=types.SimpleNamespace(test=None), options={'folder': ''})
    with pytest.raises(UserError, match='needs two images'):
        test.draw_pairs(test.parse(['--name', 'x', '--dataset', str(tmp_path), '--fid']), generator)
    assert capsys.readouterr().out == f'1 image of {tmp_path}/testA and {tmp_path}/testB\n'


def test_how_it_is_drawn_reaches_the_generator(monkeypatch):
    class Seen(Exception):
        pass
    seen = []

    def generator(path, **how):
        seen.append((path, how))
        raise Seen
    monkeypatch.setattr(test, 'Generator', generator)
    with pytest.raises(Seen):
        test.main(test.parse(['--checkpoint', 'checkpoints/x/model-3', '--input', 'a', '--output', 'b', '--statistics',
                              'moving', '--seed', '7', '--raw', '--no_dropout', '--precision', 'float32', '--native',
                              '--tile', '512']))
    assert seen == [('checkpoints/x/model-3', {'dropout': False, 'statistics': 'moving', 'seed': 7, 'raw': True,
                                               'precision': 'float32', 'native': True, 'tile': 512})]


def test_the_split_test_comes_before_val(tmp_path, capsys):
    draw_pairs(tmp_path, val=1, test=1)
    generator = types.SimpleNamespace(run=types.SimpleNamespace(test=None), options={'folder': str(tmp_path)})
    for more, split in ([], 'test'), (['--split', 'val'], 'val'):
        with pytest.raises(UserError, match='needs two images'):
            test.draw_pairs(test.parse(['--name', 'tiny', '--fid', *more]), generator)
        assert capsys.readouterr().out == f'1 image of {tmp_path}/{split}\n'


@pytest.mark.parametrize('kind', [['val'], ['valA', 'valB']])
def test_results_are_kept_apart_from_runs_and_from_pairs(tmp_path, kind):
    for folder in kind:
        (tmp_path / 'pairs' / folder).mkdir(parents=True)
    data = str(tmp_path / 'pairs')
    for refused in [f'pairs/{kind[-1]}', f'pairs/{kind[-1]}/results', 'pairs/train', 'pairs/mine/x']:
        with pytest.raises(UserError, match=f'--output .*{refused} lies among the pairs in .*pairs/'):
            test.check_apart(TestResults(str(tmp_path / refused)), data, 'mine')
    run = tmp_path / 'run'
    run.mkdir()
    test.check_apart(TestResults(str(run)), data, 'val')
    (run / 'options.json').write_text('{}')
    with pytest.raises(UserError, match='run has an options.json of something else'):
        test.check_apart(TestResults(str(run)), data, 'val')
    (run / 'output').mkdir()        # that of a test, whose results may be replaced
    test.check_apart(TestResults(str(run)), data, 'val')
    test.check_apart(TestResults(str(tmp_path / 'pairs/results')), data, 'val')
    (tmp_path / 'site').mkdir()
    (tmp_path / 'site/index.html').write_text('mine')
    with pytest.raises(UserError, match='site/index.html is there already, and is of something else'):
        test.check_apart(TestResults(str(tmp_path / 'site')), data, 'val')


@pytest.mark.parametrize('flag', ['fid', 'perceptual'])
def test_distances_of_all_pictures_together_need_two(tmp_path, flag):
    draw_pairs(tmp_path, val=1)
    generator = types.SimpleNamespace(run=types.SimpleNamespace(test=None), options={'folder': str(tmp_path)})
    with pytest.raises(UserError, match=f'^--{flag} needs two images or more$'):
        test.draw_pairs(test.parse(['--name', 'tiny', f'--{flag}']), generator)


@pytest.mark.parametrize('args, message', [
    ([], 'give --name RUN'), (['--name', 'x', '--input', 'y'], '--input needs a FILE'),
    (['--name', 'x', '--input', 'y', '--output', 'z', '--fid'], '--fid is for pairs'),
    (['--name', 'x', '--input', 'y', '--output', 'z', '--perceptual'], '--perceptual is for pairs'),
    (['--checkpoint', 'x', '--best', 'l1'], '--best picks the checkpoint'),
    (['--name', 'x'], 'checkpoints/x/options.json: no such file'),
    (['--name', 'x', '--input', 'y', '--output', 'z', '--tile', '0'], 'argument --tile'),
    (['--name', 'x', '--tile', '256'], '--tile goes with --input'),
    (['--name', 'x', '--input', '', '--output', 'y'], '--input needs'),
    (['--name', 'x', '--inception', 'y'], '--inception goes with --fid'),
    (['--name', 'x', '--best', 'l1'], 'options.json: no such file')])
def test_mistakes_at_test_time_are_named(args, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((SystemExit, UserError)) as raised:
        test.main(test.parse(args))
    assert message in capsys.readouterr().err + str(raised.value)

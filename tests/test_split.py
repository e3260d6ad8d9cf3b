"""Pairs are distributed by name and seed alone, whole or not at all; what is there stays as it is."""

import collections
import os
import shutil

import pytest

from datasets import split
from datasets.split import distribute, main, parse
from pix2pix.errors import UserError

NAMES = [f'{i:03d}.png' for i in range(100)]


@pytest.fixture
def pool(tmp_path):
    """A folder of 20 files with images' names, half of them in a sub-folder, each with its own bytes."""
    for i in range(20):
        path = tmp_path / 'pool' / ('sub' if i % 2 else '.') / f'{i}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([i]))
    return tmp_path / 'pool'


def files(folder):
    """What is in a folder: name -> bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def run(pool, *args):
    main(parse([str(pool), f'{pool.parent}/OUT', *args]))
    return pool.parent / 'OUT'


# Which goes where.

def test_each_name_is_in_one_split_and_the_shares_are_kept():
    parts = distribute(NAMES, val=0.2, test=0.1, seed=0)
    assert {name: len(part) for name, part in parts.items()} == {'train': 70, 'val': 20, 'test': 10}
    assert sorted(name for part in parts.values() for name in part) == NAMES
    assert all(part == sorted(part) for part in parts.values())


def test_it_is_a_function_of_the_names_and_the_seed():
    """Not of their order. Another seed chooses others, and so that each name has its turn."""
    parts = distribute(NAMES, val=0.2, test=0.1, seed=0)
    assert distribute(NAMES[::-1], val=0.2, test=0.1, seed=0) == parts
    assert distribute(['b', 'a', 'c'], val=0.3, test=0, seed=0) == {'train': ['a', 'c'], 'val': ['b']}      # for ever
    times = collections.Counter(name for seed in range(200)
                                for name in distribute(NAMES, val=0.2, test=0.1, seed=seed)['val'])
    assert set(times) == set(NAMES) and 15 < min(times.values()) <= max(times.values()) < 65    # 40, deviating by 6


def test_a_pair_more_moves_few_others():
    before, after = (distribute(names, val=0.2, test=0.1, seed=0) for names in (NAMES, [*NAMES, 'new.png']))
    assert sum(len(set(before[part]) - set(after[part])) for part in before) <= 2


@pytest.mark.parametrize('number, val, test, sizes', [
    (3, 0.1, 0.1, {'train': 1, 'val': 1, 'test': 1}), (5, 0.1, 0.1, {'train': 3, 'val': 1, 'test': 1}),
    (2, 0.1, 0, {'train': 1, 'val': 1}), (2, 0, 0.01, {'train': 1, 'test': 1}),
    (10, 0.5, 0.4, {'train': 1, 'val': 5, 'test': 4})])
def test_a_small_set_has_one_at_least_in_each_split_that_is_asked_for(number, val, test, sizes):
    parts = distribute(NAMES[:number], val=val, test=test, seed=0)
    assert {name: len(part) for name, part in parts.items()} == sizes


@pytest.mark.parametrize('number, val, test, message', [
    (1, 0.1, 0, '1 pair cannot be distributed so that val has 1, test has 0 and train has any'),
    (2, 0.1, 0.1, '2 pairs cannot be distributed so that val has 1, test has 1 and train has any'),
    (10, 0.5, 0.49, '10 pairs cannot be distributed so that val has 5, test has 5 and train has any')])
def test_where_nothing_is_left_for_train_it_is_refused(number, val, test, message):
    with pytest.raises(UserError, match=message):
        distribute(NAMES[:number], val=val, test=test, seed=0)


# What is written.

def test_pairs_are_copied_with_their_sub_folders_and_nothing_is_moved(pool, capsys):
    before = files(pool)
    out = run(pool, '--val', '0.2')
    assert capsys.readouterr().out == f'{out}: 14 pairs in train, 4 pairs in val, 2 pairs in test, copied\n'
    assert sorted(os.listdir(out)) == ['test', 'train', 'val'] and files(pool) == before
    parts = distribute(list(before), val=0.2, test=0.1, seed=0)
    assert files(out) == {f'{part}/{name}': before[name] for part in parts for name in parts[part]}
    assert any(name.startswith('train/sub/') for name in files(out))
    (out / 'train' / parts['train'][0]).write_bytes(b'changed')
    assert files(pool) == before
    assert sorted(os.listdir(pool.parent)) == ['OUT', 'pool']


def test_hard_links_and_symbolic_links_take_no_space_and_say_what_that_means(pool, capsys, monkeypatch):
    before = files(pool)
    out = run(pool, '--how', 'link', '--test', '0')
    assert 'linked: a file that is changed in place changes in both folders' in capsys.readouterr().out
    assert sorted(os.listdir(out)) == ['train', 'val']
    assert all(path.stat().st_nlink == 2 for path in out.rglob('*.png'))
    shutil.rmtree(out)
    monkeypatch.chdir(pool.parent)
    main(parse(['pool', 'OUT', '--how', 'symlink']))
    assert 'they are lost when the files of pool are moved or deleted' in capsys.readouterr().out
    assert all(path.is_symlink() for path in out.rglob('*.png'))
    (out / 'deeper').mkdir()
    (out / 'train').rename(out / 'deeper/train')                # a link does not hang on where it lies
    assert sorted(files(out).values()) == sorted(before.values())


def test_another_seed_is_another_choice_and_the_same_one_is_the_same(pool):
    choices = []
    for args in [], ['--seed', '0'], ['--seed', '1']:
        choices.append(sorted(files(run(pool, *args))))
        shutil.rmtree(pool.parent / 'OUT')
    assert choices[0] == choices[1] != choices[2]


def test_what_is_no_image_is_passed_over_and_said(pool, capsys):
    for name in 'notes.txt', 'sub/1.json', '._1.png', '.hidden/2.png':
        (pool / name).parent.mkdir(exist_ok=True)
        (pool / name).touch()
    (pool / 'sub/round').symlink_to(pool)
    out = run(pool)
    said = capsys.readouterr().out
    assert f'2 files passed over (.json .txt)\n{out}: 16 pairs' in said
    assert len(files(out)) == 20
    for name in 'a.txt', 'b.txt', 'c.txt':
        (pool / name).touch()
    shutil.rmtree(out)
    run(pool)
    assert '5 files passed over (.json .txt)\n' in capsys.readouterr().out


# What is refused, and leaves everything as it is.

def test_nothing_that_is_there_is_written_to(pool):
    out = run(pool)
    before = files(pool.parent)
    with pytest.raises(UserError, match=f'{out} is there already. Give a new folder, so that no pair is in two splits'):
        run(pool, '--seed', '1')
    with pytest.raises(UserError, match='pool is there already'):
        main(parse([str(pool), str(pool)]))
    with pytest.raises(UserError, match='pool/new is in .*pool, where its files would count as pairs'):
        main(parse([str(pool), f'{pool}/new']))
    with pytest.raises(UserError, match='0.png is there already'):
        main(parse([str(pool), f'{pool}/0.png']))
    assert files(pool.parent) == before


def test_an_empty_folder_is_as_good_as_a_new_one(pool):
    (pool.parent / 'OUT').mkdir()
    assert len(files(run(pool))) == 20


def test_a_folder_that_cannot_be_made_is_named_before_anything_is_copied(pool, monkeypatch):
    (pool.parent / 'empty').mkdir()
    (pool.parent / 'link').symlink_to(pool.parent / 'empty')
    monkeypatch.chdir(pool.parent / 'empty')
    for out in '', '.', str(pool.parent / 'empty'), str(pool.parent / 'link'), f"{pool.parent / 'link'}/":
        with pytest.raises(UserError, match=f"^OUT, '{out}', cannot be made: give the name of a new folder$"):
            main(parse([str(pool), out]))


@pytest.mark.parametrize('how', ['copy', 'link', 'symlink'])
def test_a_link_to_nothing_is_named_and_nothing_is_made(pool, how):
    (pool / 'sub/lost.png').symlink_to('nowhere')
    with pytest.raises(UserError, match='pool/sub/lost.png is a link to nothing: remove it'):
        run(pool, '--how', how)
    assert not (pool.parent / 'OUT').exists()


def test_what_is_no_folder_of_pairs_is_refused_with_what_to_do(tmp_path, pool):
    out = f'{tmp_path}/OUT'
    with pytest.raises(UserError, match='nowhere: no such folder'):
        main(parse([f'{tmp_path}/nowhere', out]))
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match=r'empty has no images in it \(\.png '):
        main(parse([f'{tmp_path}/empty', out]))
    for name in 'mine/train', 'mine/val', 'sides/A', 'sides/B':
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(UserError, match='mine is split already: it has train and val. Give the folder of the pairs, '
                                        f'such as {tmp_path}/mine/train'):
        main(parse([f'{tmp_path}/mine', out]))
    with pytest.raises(UserError, match=f'python -m datasets.combine {tmp_path}/sides/A {tmp_path}/sides/B '):
        main(parse([f'{tmp_path}/sides', out]))
    assert not os.path.exists(out)


@pytest.mark.parametrize('how, error, remedy', [
    ('copy', OSError(28, 'No space left on device'), '; try --how link'),
    ('copy', OSError(5, 'Input/output error'), ''),
    ('link', OSError(18, 'Invalid cross-device link'), '; try --how copy')])
def test_an_error_halfway_leaves_nothing_and_says_what_to_do(pool, monkeypatch, how, error, remedy):
    place, done = split.HOW[how]
    calls = []

    def failing(source, target):
        calls.append(target)
        if len(calls) > 3:
            raise error
        place(source, target)
    monkeypatch.setitem(split.HOW, how, (failing, done))
    before = files(pool.parent)
    with pytest.raises(OSError) as raised:
        run(pool, '--how', how)
    assert str(raised.value) == f'{pool.parent}/OUT could not be made: {error.strerror}{remedy}'
    assert len(calls) == 4 and files(pool.parent) == before and os.listdir(pool.parent) == ['pool']


@pytest.mark.parametrize('args, message', [
    (['--val', '1'], "argument --val: '1' is not a number from 0 to below 1"),
    (['--val', '-0.1'], "argument --val: '-0.1' is not a number"),
    (['--val', '0', '--test', '0'], '--val 0 and --test 0: together they must be above 0 and below 1'),
    (['--val', '0.5', '--test', '0.5'], '--val 0.5 and --test 0.5: together'),
    (['--how', 'move'], "invalid choice: 'move'")])
def test_mistakes_are_named(args, message, capsys):
    with pytest.raises(SystemExit) as raised:
        parse(['pool', 'OUT', *args])
    assert raised.value.code == 2 and message in capsys.readouterr().err

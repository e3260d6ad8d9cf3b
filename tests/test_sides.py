"""Two sides in folders of their own: which command joins them. tests/test_combine.py runs it."""

import shlex

import pytest

from datasets import combine
from datasets.sides import doubt, hold_out_commands, join_commands, not_joined, refuse_sides, sides_of
from pix2pix.errors import UserError


def folders(root, *names):
    for name in names:
        (root / name).mkdir(parents=True)
    return str(root)


@pytest.mark.parametrize('a, b', [('trainA', 'trainB'), ('train_A', 'train_B'), ('train-A', 'train-B'),
                                  ('traina', 'trainb')])
def test_the_sides_of_a_split_are_known_by_their_last_letter(tmp_path, a, b):
    folder = folders(tmp_path / 'mine', a, b)
    assert sides_of(folder, 'train') == [f'{folder}/{a}', f'{folder}/{b}']
    assert sides_of(folder, 'val') is None and sides_of(folder) is None
    assert join_commands(folder) == f'python -m datasets.combine {folder}/{a} {folder}/{b} {folder}/train'
    assert join_commands(folder + '/') == join_commands(folder)


def test_one_side_alone_is_none(tmp_path):
    assert join_commands(folders(tmp_path, 'trainA', 'train_B', 'A')) == ''


def test_each_split_has_a_command_until_it_is_joined(tmp_path):
    folder = folders(tmp_path, 'trainA', 'trainB', 'testA', 'testB')
    test = f'python -m datasets.combine {folder}/testA {folder}/testB {folder}/test'
    assert join_commands(folder) == f'python -m datasets.combine {folder}/trainA {folder}/trainB {folder}/train; {test}'
    folders(tmp_path, 'train')
    assert join_commands(folder) == test
    folders(tmp_path, 'test')
    assert join_commands(folder) == not_joined(folder) == ''


@pytest.mark.parametrize('names, out', [(['A', 'B'], '/train'), (['a', 'b'], '/train'),
                                        (['A/train', 'A/val', 'B/train', 'B/val'], '')])
def test_two_folders_of_all_images_become_train_or_the_splits_that_are_in_them(tmp_path, names, out):
    folder = folders(tmp_path / 'mine', *names)
    a, b = names[0][0], names[-1][0]
    assert join_commands(folder) == f'python -m datasets.combine {folder}/{a} {folder}/{b} {folder}{out}'
    if not out:
        return
    folders(tmp_path / 'mine', 'train')
    assert join_commands(folder) == ''


def test_the_command_is_one_that_combine_takes_also_of_names_with_spaces(tmp_path):
    folder = folders(tmp_path / "my 'own' photos", 'trainA', 'trainB')
    start, *args = shlex.split(join_commands(folder))[2:]
    opts = combine.parse(args)
    assert start == 'datasets.combine' and (opts.a, opts.b, opts.out) == tuple(
        f'{folder}/{name}' for name in ('trainA', 'trainB', 'train'))


def test_sides_are_refused_in_one_line_with_the_command_unless_there_are_pairs(tmp_path):
    folder = folders(tmp_path, 'A', 'B')
    with pytest.raises(UserError) as refused:
        refuse_sides(folder)
    assert str(refused.value) == (f'{folder} has the two sides of its pairs in folders of their own. Join them: '
                                  f'python -m datasets.combine {folder}/A {folder}/B {folder}/train')
    (tmp_path / 'pair.png').touch()
    refuse_sides(folder)
    (tmp_path / 'pair.png').unlink()
    for there in ['train'], ['trainA', 'trainB']:       # these are read as they are
        refuse_sides(folders(tmp_path / there[0], 'A', 'B', *there))
    refuse_sides('gs://bucket/pairs')


def test_what_is_held_out_comes_from_sides_that_are_there_or_from_a_split(tmp_path):
    folder = folders(tmp_path, 'train')
    assert hold_out_commands(folder, f'{folder}/train') == f'python -m datasets.split {folder}/train OUT'
    folders(tmp_path, 'valA', 'valB')
    assert hold_out_commands(folder, f'{folder}/train') == \
        f'python -m datasets.combine {folder}/valA {folder}/valB {folder}/val'
    assert hold_out_commands('gs://pairs', 'gs://pairs/train') == ''


def test_pairs_in_sub_folders_a_and_b_alone_are_doubted(tmp_path):
    folder = folders(tmp_path, 'A', 'B')
    assert f'python -m datasets.combine {folder}/A {folder}/B OUT/train' in doubt(folder, ['A/1.png', 'B/1.png'])
    assert doubt(folder, ['A/1.png', 'B/1.png', '2.png']) == ''
    assert doubt(folders(tmp_path / 'other', 'cats', 'dogs'), ['cats/1.png', 'dogs/1.png']) == ''

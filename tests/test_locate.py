"""A name of the catalogue, or a folder of the user's, becomes a folder."""

import pytest

from datasets.catalogue import CATALOGUE, Dataset
from datasets.locate import locate
from pix2pix.errors import UserError


def test_a_folder_is_itself(tmp_path):
    assert locate(str(tmp_path)) == str(tmp_path)
    assert locate('gs://bucket/pairs') == 'gs://bucket/pairs'


def test_a_name_is_looked_for_in_the_root(tmp_path):
    (tmp_path / 'maps').mkdir()
    for fetch in True, False:
        assert locate('maps', str(tmp_path), fetch) == str(tmp_path / 'maps')


def test_a_name_stands_for_the_catalogue_also_where_a_folder_is_called_so(tmp_path, monkeypatch):
    for folder in 'here/maps', 'root/maps':
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / 'here')
    assert locate('maps', str(tmp_path / 'root')) == str(tmp_path / 'root/maps')
    assert locate('./maps', str(tmp_path / 'root')) == './maps'


def test_what_is_neither_is_an_error_that_names_both_ways(tmp_path):
    with pytest.raises(UserError, match='facade: there is no such folder, and the catalogue has only facades maps'):
        locate('facade', str(tmp_path))


def test_the_demo_is_drawn_on_first_use(tmp_path, monkeypatch):
    monkeypatch.setitem(CATALOGUE, 'demo', Dataset('BtoA', {'train': 2, 'val': 1}, 0, 'fewer of them'))
    assert locate('demo', str(tmp_path)) == str(tmp_path / 'demo')
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*') if path.is_file())
    assert files == ['demo/palette.json', 'demo/train/001.png', 'demo/train/002.png', 'demo/val/001.png']
    written = (tmp_path / 'demo/train/001.png').stat().st_mtime_ns
    assert locate('demo', str(tmp_path)) == str(tmp_path / 'demo')
    assert (tmp_path / 'demo/train/001.png').stat().st_mtime_ns == written


def test_what_is_not_there_is_downloaded_and_one_that_is_gone_says_where_to_get_it(tmp_path):
    with pytest.raises(UserError, match='register at https://www.cityscapes-dataset.com'):
        locate('cityscapes', str(tmp_path))


def test_processes_that_run_at_once_do_not_fetch(tmp_path):
    for name in 'night2day', 'demo':
        with pytest.raises(UserError, match=f'{name} is not here.* at once'):
            locate(name, str(tmp_path), fetch=False)
    assert not list(tmp_path.iterdir())


def test_two_sides_are_no_pairs_and_the_error_says_how_they_become_some(tmp_path):
    for name in 'A', 'B':
        (tmp_path / name).mkdir()
    with pytest.raises(UserError, match=f'Join them: python -m datasets.combine {tmp_path}/A {tmp_path}/B '
                                        f'{tmp_path}/train'):
        locate(str(tmp_path))

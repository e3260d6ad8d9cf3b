import pytest

from datasets.catalogue import CATALOGUE, DatasetError, locate


def test_rows():
    assert {name: row.direction for name, row in CATALOGUE.items()} == {
        'facades': 'BtoA', 'maps': 'BtoA', 'cityscapes': 'BtoA', 'edges2shoes': 'AtoB', 'edges2handbags': 'AtoB',
        'night2day': 'AtoB', 'demo': 'BtoA'}
    assert CATALOGUE['facades'].splits == {'train': 400, 'val': 100, 'test': 106}


def test_a_folder_is_itself(tmp_path):
    assert locate(str(tmp_path)) == (str(tmp_path), None)
    assert locate('gs://bucket/pairs') == ('gs://bucket/pairs', None)


def test_a_name_is_looked_for_in_the_root(tmp_path):
    (tmp_path / 'maps').mkdir()
    assert locate('maps', str(tmp_path)) == (str(tmp_path / 'maps'), CATALOGUE['maps'])


def test_neither_is_an_error_that_names_both_ways(tmp_path):
    with pytest.raises(DatasetError, match='facade: no such folder, and not one of facades maps'):
        locate('facade', str(tmp_path))


def test_cityscapes_says_where_to_get_it(tmp_path):
    with pytest.raises(DatasetError, match='register at https://www.cityscapes-dataset.com'):
        locate('cityscapes', str(tmp_path))

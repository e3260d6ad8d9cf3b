"""The table of the data sets."""

import os

from datasets.catalogue import ADDRESSES, CATALOGUE, ROOT


def test_rows_are_the_published_sets_with_their_direction_and_pairs():
    """Those of the paper's authors, and their counts; the demo is our own."""
    assert {name: (row.direction, row.splits) for name, row in CATALOGUE.items()} == {
        'facades': ('BtoA', {'train': 400, 'val': 100, 'test': 106}),
        'maps': ('BtoA', {'train': 1096, 'val': 1098}),
        'cityscapes': ('BtoA', {'train': 2975, 'val': 500}),
        'edges2shoes': ('AtoB', {'train': 49825, 'val': 200}),
        'edges2handbags': ('AtoB', {'train': 138567, 'val': 200}),
        'night2day': ('AtoB', {'train': 17823, 'val': 2287, 'test': 2297}),
        'demo': ('BtoA', {'train': 200, 'val': 20})}


def test_the_addresses_are_of_the_archive_of_a_name():
    assert [address.format(name='maps').rpartition('/')[2] for address in ADDRESSES] == ['maps.tar.gz'] * 3


def test_nothing_is_asked_in_the_clear_before_it_was_asked_by_https():
    plain = [address.startswith('http://') for address in ADDRESSES]
    assert not plain[0] and plain == sorted(plain)


def test_a_known_size_of_an_archive_is_near_its_megabytes():
    for name, row in CATALOGUE.items():
        assert not row.size or 0.95 < row.size / (row.megabytes * 2 ** 20) < 1.05, name


def test_the_root_is_the_folder_datasets():
    assert os.path.samefile(ROOT, os.path.join(os.path.dirname(__file__), '..', 'datasets'))


def test_the_list_of_facades_has_a_digest_for_each_of_its_files():
    with open(os.path.join(ROOT, 'facades.sha256')) as file:
        digests, names = zip(*(line.split() for line in file))
    assert {split: sum(name.startswith(split + '/') for name in names) for split in CATALOGUE['facades'].splits} == \
        CATALOGUE['facades'].splits
    assert len(set(names)) == 606 and all(len(digest) == 64 and int(digest, 16) for digest in digests)

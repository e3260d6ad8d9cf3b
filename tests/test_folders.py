"""Which files of a folder are images, and what a folder without any is called."""

import os

import pytest
import tensorflow as tf

from pix2pix import files
from pix2pix.errors import UserError
from pix2pix.images import folders, listing, splits
from tests.test_listing import touch


def test_images_of_a_folder_are_listed_by_name_and_the_other_files_apart(tmp_path):
    touch(tmp_path, 'b.PNG', 'a.jpeg', 'notes.txt', 'c.Tif', '._a.jpeg', 'sub/d.png', 'sub/e.heic', '.hidden/f.npy')
    for listed in folders.list_images, listing.list_images_under:
        assert listed(str(tmp_path)) == (['a.jpeg', 'b.PNG', 'c.Tif', 'sub/d.png'], ['notes.txt', 'sub/e.heic'])
    assert folders.list_images(str(tmp_path), sub_folders=False) == (['a.jpeg', 'b.PNG', 'c.Tif'], ['notes.txt'])


def test_a_file_without_an_ending_is_known_by_its_content(tmp_path):
    """A pipe is not opened: that would wait for somebody to write into it."""
    touch(tmp_path, 'a.png', 'empty', 'not.an.ending')
    (tmp_path / 'scan').write_bytes(b'\x89PNG\r\n\x1a\n, and so on')
    (tmp_path / 'not.an.ending').write_bytes(b'\x89PNG\r\n\x1a\n')
    (tmp_path / 'LICENSE').write_text('BMW, by permission')
    (tmp_path / 'dangling').symlink_to(tmp_path / 'nowhere')
    os.mkfifo(tmp_path / 'pipe')
    for listed in folders.list_images, listing.list_images_under:
        assert listed(str(tmp_path)) == (['a.png', 'scan'], ['LICENSE', 'dangling', 'empty', 'not.an.ending', 'pipe'])


def test_object_storage_is_listed_by_names_alone(monkeypatch):
    """ram:// stands for it. Nothing is opened, and where sub-folders do not count nothing is asked."""
    tf.io.gfile.makedirs('ram://names/pairs/sub')
    for name in 'pairs/a.png', 'pairs/scan', 'pairs/notes.txt', 'pairs/sub/b.jpg':
        with tf.io.gfile.GFile(f'ram://names/{name}', 'wb') as file:
            file.write(b'\x89PNG\r\n\x1a\n')
    asked, isdir = [], tf.io.gfile.isdir
    monkeypatch.setattr(tf.io.gfile, 'isdir', lambda path: asked.append(path) or isdir(path))
    monkeypatch.setattr('builtins.open', None)
    assert folders.list_images('ram://names/pairs') == (['a.png', 'sub/b.jpg'], ['notes.txt', 'scan'])
    assert sorted(asked) == [f'ram://names/pairs/{name}' for name in ('notes.txt', 'scan', 'sub')]
    asked.clear()
    images, _ = folders.list_images('ram://names/pairs', sub_folders=False)
    assert images == ['a.png'] and not asked


def test_a_folder_that_is_not_there_or_has_no_images_is_named(tmp_path):
    with pytest.raises(UserError, match='nowhere cannot be listed'):
        folders.list_images(str(tmp_path / 'nowhere'))
    touch(tmp_path, 'empty/notes.txt')
    for listed in folders.list_images, listing.list_images_under:
        with pytest.raises(UserError, match=r'empty has no images in it \(\.png \.jpg .*; 1 file passed over'):
            listed(str(tmp_path / 'empty'))


def test_a_name_that_is_not_utf_8_is_named(tmp_path):
    try:
        with open(os.path.join(os.fsencode(tmp_path), b'caf\xe9.png'), 'wb'):
            pass
    except OSError:
        pytest.skip('this file system has no such names')
    with pytest.raises(UserError, match=r"the file name .*caf\\xe9\.png.* is not valid UTF-8; rename"):
        folders.list_images(str(tmp_path))


@pytest.mark.parametrize('folder, remote', [
    ('gs://bucket/pairs', True), ('ram://pairs', True), ('/data/pairs', False), ('pairs', False), ('C:/pairs', False)])
def test_a_folder_with_a_scheme_is_behind_a_network(folder, remote):
    assert files.is_remote(folder) is remote


def test_a_split_is_the_first_of_these_sub_folders_that_is_there(tmp_path):
    touch(tmp_path, 'test/a.png', 'other/a.png', 'train')       # train is a file
    assert folders.find_split(str(tmp_path), 'val', 'test', 'other') == f'{tmp_path}/test'
    assert folders.find_split(str(tmp_path), 'train', 'val') is None
    assert folders.find_split(str(tmp_path / 'nowhere'), 'val') is None


def test_pairs_of_a_split_are_paths_or_none(tmp_path):
    (tmp_path / 'val').mkdir()
    assert splits.pairs_in(str(tmp_path), 'val', 'test') == []            # there, and empty
    (tmp_path / 'val/b.png').touch()
    (tmp_path / 'val/a.png').touch()
    assert splits.pairs_in(str(tmp_path), 'val', 'test') == [f'{tmp_path}/val/a.png', f'{tmp_path}/val/b.png']
    assert splits.pairs_in(str(tmp_path / 'none'), 'val') == [] and splits.pairs_in('', 'val') == []


def test_sub_folders_are_listed_with_their_names(tmp_path):
    for name in 'b/2.png', 'a.png', 'b/c/1.jpg', '.hidden/x.png', 'b/.d/y.png', 'notes.txt':
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / 'b/c/round').symlink_to(tmp_path / 'b')
    (tmp_path / 'loop').symlink_to(tmp_path)
    assert folders.list_images(str(tmp_path)).images == ['a.png', 'b/2.png', 'b/c/1.jpg']
    assert folders.list_images(str(tmp_path / 'b')).images == ['2.png', 'c/1.jpg']
    assert folders.list_images(str(tmp_path), sub_folders=False) == (['a.png'], ['notes.txt'])

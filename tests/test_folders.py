"""Which files of a folder are images, and what a folder without any is called."""

import errno
import os

import pytest

from pix2pix.errors import UserError
from pix2pix.images import folders


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize('name, image', [
    ('a.png', True), ('a.jpg', True), ('a.jpeg', True), ('a.bmp', True), ('a.tif', True), ('a.tiff', True),
    ('a.webp', True), ('A.PNG', True), ('a.b.Tif', True), ('a.gif', False), ('png', False), ('a.png.txt', False),
    ('.a.png', False), ('._a.jpeg', False)])
def test_an_image_is_known_by_its_extension_and_is_not_hidden(name, image):
    assert folders.is_image(name) is image


def test_images_of_a_folder_are_listed_by_name_and_nothing_else_is(tmp_path):
    touch(tmp_path, 'b.PNG', 'a.jpeg', 'notes.txt', 'c.Tif', '._a.jpeg', 'sub/d.png')
    assert folders.list_images(str(tmp_path)) == ['a.jpeg', 'b.PNG', 'c.Tif', 'sub/d.png']


def test_a_folder_that_is_not_there_or_has_no_images_is_named(tmp_path):
    with pytest.raises(UserError, match='nowhere cannot be listed'):
        folders.list_images(str(tmp_path / 'nowhere'))
    touch(tmp_path, 'empty/notes.txt')
    for listed in folders.list_images, folders.list_images_under:
        with pytest.raises(UserError, match=r'empty has no images in it \(\.png \.jpg'):
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
    assert folders.is_remote(folder) is remote


def test_a_split_is_the_first_of_these_sub_folders_that_is_there(tmp_path):
    touch(tmp_path, 'test/a.png', 'other/a.png', 'train')       # train is a file
    assert folders.find_split(str(tmp_path), 'val', 'test', 'other') == f'{tmp_path}/test'
    assert folders.find_split(str(tmp_path), 'train', 'val') is None
    assert folders.find_split(str(tmp_path / 'nowhere'), 'val') is None


def test_images_under_a_folder_are_those_of_all_its_sub_folders_by_their_path_in_it(tmp_path):
    touch(tmp_path, 'b/c/2.PNG', 'a.jpg', 'b/1.tif', 'b/notes.txt', 'b/.hidden.png')
    assert folders.list_images_under(str(tmp_path)) == ['a.jpg', 'b/1.tif', 'b/c/2.PNG']
    assert folders.list_images_under(str(tmp_path) + '/') == ['a.jpg', 'b/1.tif', 'b/c/2.PNG']


def test_images_under_the_folder_of_the_results_are_left_out(tmp_path):
    touch(tmp_path, 'a.jpg', 'b/1.tif', 'out/a.png', 'out/b/1.png', 'outside/2.png')
    assert folders.list_images_under(str(tmp_path), str(tmp_path / 'out')) == ['a.jpg', 'b/1.tif', 'outside/2.png']
    assert folders.list_images_under(str(tmp_path / 'b'), str(tmp_path)) == ['1.tif']      # the pictures are inside it


def test_links_are_followed_but_not_in_a_circle(tmp_path):
    touch(tmp_path, 'pictures/1.tif', 'elsewhere/3.png')
    (tmp_path / 'pictures/round').symlink_to(tmp_path / 'pictures')
    (tmp_path / 'pictures/linked').symlink_to(tmp_path / 'elsewhere')
    assert folders.list_images_under(str(tmp_path / 'pictures')) == ['1.tif', 'linked/3.png']


def test_a_file_is_itself_whatever_it_is_called_and_what_is_not_there_is_named(tmp_path):
    touch(tmp_path, 'scan')
    assert folders.list_images_under(str(tmp_path / 'scan')) == ['scan']
    with pytest.raises(UserError, match='none: no such file or folder'):
        folders.list_images_under(str(tmp_path / 'none'))


def test_a_sub_folder_that_may_not_be_read_is_named_and_not_passed_over(tmp_path, monkeypatch):
    """To root every folder is open, so it is the system's call that refuses here."""
    touch(tmp_path, 'a.png', 'locked/b.png')
    scandir = os.scandir

    def refusing(folder):
        if os.path.basename(folder) == 'locked':
            raise PermissionError(errno.EACCES, 'Permission denied', folder)
        return scandir(folder)
    monkeypatch.setattr(os, 'scandir', refusing)
    with pytest.raises(UserError, match=r'locked cannot be listed \(Permission denied\)'):
        folders.list_images_under(str(tmp_path))


@pytest.mark.parametrize('names, stems', [
    (['a.png', 'b.jpg'], ['a', 'b']),
    (['a.png', 'b.jpg', 'a.jpg'], ['a.png', 'b', 'a.jpg']),                 # those that would be the same keep theirs
    (['a.jpg', 'a.png', 'a.png.png'], ['a.jpg', 'a.png', 'a.png.png'])])    # a.png would be one of two then
def test_stems_are_unique(names, stems):
    assert folders.unique_stems(names) == stems


def test_sub_folders_are_listed_with_their_names(tmp_path):
    for name in 'b/2.png', 'a.png', 'b/c/1.jpg', '.hidden/x.png', 'b/.d/y.png', 'notes.txt':
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / 'b/c/round').symlink_to(tmp_path / 'b')
    (tmp_path / 'loop').symlink_to(tmp_path)
    assert folders.list_images(str(tmp_path)) == ['a.png', 'b/2.png', 'b/c/1.jpg']
    assert folders.list_images(str(tmp_path / 'b')) == ['2.png', 'c/1.jpg']
    assert folders.list_images(str(tmp_path), sub_folders=False) == ['a.png']

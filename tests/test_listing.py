"""The files under a folder of this machine: those that are images, and what is said of the others."""

import errno
import os

import pytest

from pix2pix.errors import UserError
from pix2pix.images import formats, listing


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize('names, line', [
    (['a.heic'], '1 file passed over (.heic)'),
    (['a.npy', 'b/c.HEIC', 'd.heic', 'e', 'b.c/f'], '5 files passed over (.heic .npy no ending)'),
    (['LICENSE'], '1 file passed over (no ending)'),
    ([f'a.{i}' for i in range(1200)], '1,200 files passed over (.0 .1 .10 .100 .1000 .1001 .1002 .1003 ...)'),
    (['a.\x1b[2J', 'b.\udce9', 'c.é'], r'3 files passed over (.\udce9 .\x1b[2j .é)')])
def test_what_is_passed_over_is_said_in_one_line_with_the_endings(names, line):
    assert listing.describe_passed_over(names) == [line] and line.isprintable()


def test_where_nothing_is_passed_over_nothing_is_said():
    assert listing.describe_passed_over([]) == []


def test_images_under_a_folder_are_those_of_all_its_sub_folders_by_their_path_in_it(tmp_path):
    touch(tmp_path, 'b/c/2.PNG', 'a.jpg', 'b/1.tif', 'b/notes.txt', 'b/.hidden.png', '.thumbnails/a.png')
    for path in str(tmp_path), f'{tmp_path}/':
        assert listing.list_images_under(path) == (['a.jpg', 'b/1.tif', 'b/c/2.PNG'], ['b/notes.txt'])


def test_images_under_the_folder_of_the_results_are_left_out(tmp_path):
    touch(tmp_path, 'a.jpg', 'b/1.tif', 'out/a.png', 'out/b/1.png', 'out/metrics.json', 'outside/2.png')
    assert listing.list_images_under(str(tmp_path), f'{tmp_path}/out') == (['a.jpg', 'b/1.tif', 'outside/2.png'], [])
    assert listing.list_images_under(str(tmp_path / 'b'), str(tmp_path)).images == ['1.tif']    # they are inside it


def test_links_are_followed_but_not_in_a_circle(tmp_path):
    touch(tmp_path, 'pictures/1.tif', 'elsewhere/3.png')
    (tmp_path / 'pictures/round').symlink_to(tmp_path / 'pictures')
    (tmp_path / 'pictures/linked').symlink_to(tmp_path / 'elsewhere')
    assert listing.list_images_under(str(tmp_path / 'pictures')) == (['1.tif', 'linked/3.png'], [])


def test_a_file_is_itself_whatever_it_is_called_and_what_is_not_there_is_named(tmp_path):
    touch(tmp_path, 'scan')
    assert listing.list_images_under(str(tmp_path / 'scan')) == (['scan'], [])
    with pytest.raises(UserError, match='none: no such file or folder'):
        listing.list_images_under(str(tmp_path / 'none'))


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
        listing.list_images_under(str(tmp_path))


@pytest.mark.parametrize('names, stems', [
    (['a.png', 'b.jpg'], ['a', 'b']),
    (['a.png', 'b.jpg', 'a.jpg'], ['a.png', 'b', 'a.jpg']),                 # those that would be the same keep theirs
    (['a.jpg', 'a.png', 'a.png.png'], ['a.jpg', 'a.png', 'a.png.png'])])    # a.png would be one of two then
def test_stems_are_unique(names, stems):
    assert listing.unique_stems(names) == stems


def test_arrays_are_images_where_no_picture_is_beside_them():
    def listed(*names):
        return listing.listing([(name, formats.is_image(name)) for name in names], 'x')
    assert listed('a.npy', 'b.npz', 'c.txt') == (['a.npy', 'b.npz'], ['c.txt'])
    assert listed('a.npy', 'b.npz', 'c.txt', 'd.png') == (['d.png'], ['a.npy', 'b.npz', 'c.txt'])

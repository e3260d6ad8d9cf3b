"""What becomes of the files of a pair: its size, its channels and values, labels, and what does not fit a run."""

import re

import numpy as np
import pytest
import tifffile

import reader
from pix2pix.errors import UserError
from pix2pix.images import palette
from pix2pix.images.diagnose import ImageError
from pix2pix.images.pairs import first_unreadable
from pix2pix.sizes import Size
from reader import Jitter, Pairs
from tests.test_reader import FORM, read, run, write

# How pairs come to their size.

def lattice(height, width):
    """A pair of ramps as large as that; both halves hold the same: red is the column, green the row."""
    y, x = np.mgrid[:height, :width]
    half = np.stack([x, y, 0 * x], -1).astype(np.uint8)
    return np.concatenate([half, half], axis=1)


def test_a_crop_may_be_a_rectangle_and_what_is_resized_loses_its_aspect(tmp_path):
    write(tmp_path / 'a.png', lattice(64, 128))
    form, jitter = FORM._replace(crop_size=Size(32, 128)), Jitter(Size(32, 128), flip=False)
    [(source, target)] = read(tmp_path, batch_size=1, form=form, jitter=jitter)
    np.testing.assert_array_equal(source, target)
    columns, rows = (source[0, ..., channel] * 127.5 + 127.5 for channel in (0, 1))
    assert source.shape == (1, 32, 128, 3)
    np.testing.assert_allclose(columns, np.tile(np.arange(128), [32, 1]), atol=1e-3)
    np.testing.assert_allclose(rows[1:-1, 0], np.arange(0.5, 64, 2)[1:-1], atol=1e-3)       # of two, the mean


def test_a_native_crop_is_a_part_of_the_picture_as_it_is(tmp_path):
    for i in range(6):
        write(tmp_path / f'{i}.png', lattice(50, 70))
    form = FORM._replace(crop_size=Size(32, 64), preprocess='crop')
    corners = set()
    for source, target in read(tmp_path, batch_size=1, epochs=2, form=form, jitter=Jitter(None, flip=False)):
        left, top = np.rint(source[0, 0, 0, :2] * 127.5 + 127.5).astype(int)
        np.testing.assert_allclose((source[0] + 1) * 127.5, lattice(50, 70)[top:top + 32, left:left + 64], atol=1e-3)
        np.testing.assert_array_equal(source, target)
        corners.add((left, top))
    assert len(corners) > 6
    [half, _] = run(reader.validation_pair(str(tmp_path / '0.png'), form))
    np.testing.assert_allclose((half[0] + 1) * 127.5, lattice(50, 70)[9:41, 3:67], atol=1e-3)       # its middle


def test_what_is_fitted_keeps_its_aspect_and_covers_the_size(tmp_path):
    write(tmp_path / 'a.png', lattice(40, 100))
    form = FORM._replace(crop_size=Size(80, 80), preprocess='fit')
    [half, _] = run(reader.validation_pair(str(tmp_path / 'a.png'), form))
    columns = (half[0, 40, :, 0] + 1) * 127.5
    np.testing.assert_allclose(columns, np.arange(60, 140) / 2 - 0.25, atol=1e-3)       # twice as large: 80 x 200


def test_what_is_padded_is_mirrored_around_all_of_it(tmp_path):
    path = write(tmp_path / 'a.png', lattice(60, 50))
    form = FORM._replace(crop_size=Size(64, 64), preprocess='none', depth=5)
    [(source, _)] = read(tmp_path, batch_size=1, form=form, jitter=Jitter(None, flip=False))
    expected = np.pad(lattice(60, 50)[:, :50], [(2, 2), (7, 7), (0, 0)], 'reflect')
    np.testing.assert_allclose((source[0] + 1) * 127.5, expected, atol=1e-3)
    np.testing.assert_array_equal(run(reader.validation_pair(path, form))[0], source)


# Two folders, any channels, labels.

def test_pairs_of_two_folders_are_files_of_one_name_with_any_ending(tmp_path):
    bands = np.random.RandomState(0).randint(0, 3000, [8, 8, 5]).astype(np.uint16)
    for i in range(3):
        for side in 'AB':
            (tmp_path / f'train{side}/deep').mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(tmp_path / f'trainA/deep/{i}.tif', bands + i, photometric='minisblack', planarconfig='contig')
        np.save(tmp_path / f'trainB/deep/{i}.npy', np.float32(bands[..., 0]) / 100 - i)
    assert Pairs.of(str(tmp_path)).names == [(f'trainA/deep/{i}.tif', f'trainB/deep/{i}.npy') for i in range(3)]
    form = FORM._replace(crop_size=Size(8, 8), source_channels=5, target_channels=1, source_range=(0, 3100),
                         target_range=(-10, 30))
    seen = set()
    for source, target in read(tmp_path, batch_size=1, form=form, jitter=Jitter(Size(8, 8), flip=False)):
        i = round(float((source[0, 0, 0, 0] + 1) * 1550 - bands[0, 0, 0]))
        np.testing.assert_allclose(source[0], (bands + i) / 1550 - 1, atol=1e-5)
        np.testing.assert_allclose(target[0, ..., 0], (bands[..., 0] / 100 - i + 10) / 20 - 1, atol=1e-5)
        seen.add(i)
    assert seen == {0, 1, 2}
    back = form._replace(direction='BtoA', source_channels=1, target_channels=5, source_range=(-10, 30),
                         target_range=(0, 3100))
    [source, target] = next(iter(reader.whole_pairs(Pairs.of(str(tmp_path)).paths, back)))
    assert source.shape == (8, 8, 1) and target.shape == (8, 8, 5)


def test_a_file_without_a_partner_is_named(tmp_path):
    for path in 'trainA/1.png', 'trainA/2.png', 'trainA/3.png', 'trainB/1.jpg':
        write(tmp_path / path, np.zeros([8, 8, 3], np.uint8))
    with pytest.raises(UserError, match=r'trainA/2.png has no partner in .*/trainB, .*, and 1 more have none'):
        Pairs.of(str(tmp_path))
    write(tmp_path / 'trainA/1.bmp', np.zeros([8, 8, 3], np.uint8))
    with pytest.raises(UserError, match='trainA has both 1.bmp and 1.png: keep one'):
        Pairs.of(str(tmp_path))


def test_labels_become_channels_and_are_not_mixed_by_resizing(tmp_path):
    """Of eight colours in a picture that is made smaller by a fraction, each pixel still has one."""
    codes = ['#ff0000', '#00ff00', '#0000ff', '#ffff00', '#ff00ff', '#00ffff', '#000000', '#ffffff']
    numbers = np.add.outer(np.arange(40) // 5, np.arange(40) // 5) % 8
    colours = np.uint8([palette.rgb(code) for code in codes])[numbers]
    write(tmp_path / 'a.png', np.concatenate([colours, colours], axis=1))
    form = FORM._replace(crop_size=Size(32, 32), source_channels=8, labels=codes)
    [(source, target)] = read(tmp_path, batch_size=1, form=form, jitter=Jitter(Size(32, 32), flip=False))
    assert source.shape == (1, 32, 32, 8) and (np.sort(source[0], -1) == [-1] * 7 + [1]).all()
    assert target.shape == (1, 32, 32, 3)
    nearest = (np.arange(32) + 0.5) * 40 / 32
    np.testing.assert_array_equal(source[0].argmax(-1), numbers[np.ix_(nearest.astype(int), nearest.astype(int))])
    write(tmp_path / 'a.png', np.full([40, 80, 3], 128, np.uint8))
    with pytest.raises(ImageError, match="a.png': its colour #808080 at 0, 0 is none of the 8 labels"):
        next(reader.whole_pairs([str(tmp_path / 'a.png')], form))


@pytest.mark.parametrize('image, form, message', [
    (lattice(20, 40), {'preprocess': 'crop', 'crop_size': Size(32, 32)}, '40 x 20 pixels, less than the crop of 32 x'),
    (lattice(40, 40), {'preprocess': 'none', 'crop_size': Size(32, 32), 'depth': 5}, '40 x 40 pixels, and the first'),
    (lattice(10, 40), {'preprocess': 'none', 'crop_size': Size(32, 64), 'depth': 5}, '40 x 10 pixels are too few to'),
    (lattice(40, 40), {'source_channels': 5}, 'source of 3 channels, and the run has 5')])
def test_a_pair_that_does_not_fit_the_run_is_named(tmp_path, image, form, message):
    path = write(tmp_path / 'a.png', image)
    assert f"a.png': {message}" in str(first_unreadable([path], FORM._replace(**form)))


def test_two_files_of_unlike_sizes_are_named(tmp_path):
    pair = tuple(write(tmp_path / side / '1.png', np.zeros([8, width, 3], np.uint8))
                 for side, width in (('A', 8), ('B', 10)))
    assert re.search("A/1.png' with '.*B/1.png': 8 x 8 and 10 x 8 pixels", str(first_unreadable([pair], FORM)))

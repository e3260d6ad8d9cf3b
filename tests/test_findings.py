"""What is said of pairs before a training: squashed halves, alpha, values in a small part of their range."""

import io

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from pix2pix.images import findings, png
from pix2pix.images.decode import rgb_uint16
from pix2pix.images.diagnose import ImageError, try_read
from pix2pix.sizes import Size
from tests.conftest import damage, draw_pairs
from tests.test_diagnose import FORM

NOISE = np.random.RandomState(0)


def noise(low, high, height=8, width=8, channels=3, dtype=np.uint8):
    """A picture of whole numbers from low to high, both of which occur."""
    picture = NOISE.randint(low, high + 1, [height, width, channels]).astype(dtype)
    picture[0, 0], picture[-1, -1] = low, high
    return picture


def pair_of(a, b):
    """Two halves side by side, gray ones as three equal channels."""
    return np.concatenate([np.broadcast_to(half, half.shape[:2] + (3,)) for half in (a, b)], axis=1)


def lines_of(*paths, **how):
    found = findings.Findings()
    for path, pair, error in try_read(map(str, paths), rgb_uint16):
        assert error is None
        found.add(path, pair)
    return list(found.lines(**how))


def lines_on(tmp_path, a, b):
    png.write(str(tmp_path / 'pair.png'), pair_of(a, b))
    return lines_of(tmp_path / 'pair.png')


def test_of_square_halves_of_the_whole_range_nothing_is_said(tmp_path):
    for name, dtype, high in ('eight', np.uint8, 255), ('sixteen', np.uint16, 65535):
        png.write(str(tmp_path / f'{name}.png'), noise(0, high, width=16, dtype=dtype))
    assert lines_of(tmp_path / 'eight.png') == lines_of(tmp_path / 'sixteen.png') == []
    assert lines_of(tmp_path / 'eight.png', tmp_path / 'sixteen.png') == lines_of() == []


def test_one_file_of_8_bits_does_not_hide_the_range_of_those_of_16(tmp_path):
    for i in range(2):
        png.write(str(tmp_path / f'{i}.png'), pair_of(*(noise(0, 4095, dtype=np.uint16) for _ in 'AB')))
    png.write(str(tmp_path / 'eight.png'), noise(0, 255, width=16))
    assert lines_of(*sorted(tmp_path.iterdir())) == [
        f'{side}: values reach from 0 to 4,095 of 65,535, a small part of the range'
        for side in ('A (left)', 'B (right)')]


# Sizes.

def test_halves_whose_aspect_is_not_that_of_the_crop_are_said_with_what_they_become(tmp_path):
    png.write(str(tmp_path / 'wide.png'), noise(0, 255, height=20, width=60))
    png.write(str(tmp_path / 'square.png'), noise(0, 255, height=20, width=40))
    assert lines_of(tmp_path / 'wide.png', become=Size(256, 256)) == [
        'halves are 30 x 20 and become 256 x 256: their aspect is not kept']
    assert lines_of(tmp_path / 'wide.png', tmp_path / 'square.png', become=Size(256, 256)) == [
        'some halves are 30 x 20 and become 256 x 256: their aspect is not kept']
    assert lines_of(tmp_path / 'wide.png', become=Size(256, 384)) == lines_of(tmp_path / 'wide.png') == []


# Alpha.

@pytest.mark.parametrize('ending', ['png', 'tif', 'webp'])
@pytest.mark.parametrize('mode', ['RGBA', 'LA'])
def test_alpha_is_said_to_be_dropped_where_something_shines_through(tmp_path, mode, ending):
    path = tmp_path / f'pair.{ending}'
    for alpha, lines in (255, []), (254, [f'alpha is dropped, such as that of {path}: colours under transparent pixels '
                                          'come through']):
        image = Image.fromarray(noise(0, 255, width=16)).convert(mode)
        image.putalpha(alpha)
        image.save(path, **({'lossless': True, 'exact': True} if ending == 'webp' else {}))
        assert lines_of(path) == lines


def test_alpha_of_16_bits_and_a_transparent_colour_of_a_palette_are_alpha_too(tmp_path):
    fine = noise(0, 65535, width=16, channels=4, dtype=np.uint16)
    (tmp_path / 'fine.png').write_bytes(imagecodecs.png_encode(fine))
    Image.fromarray(noise(0, 255, width=16)).quantize(4).save(tmp_path / 'palette.png', transparency=2)
    for name in 'fine.png', 'palette.png':
        [line, *_] = lines_of(tmp_path / name)
        assert line.startswith(f'alpha is dropped, such as that of {tmp_path}/{name}')


@pytest.mark.parametrize('opaque, how', [
    (65535, {'dtype': np.uint16, 'bands': 2, 'photometric': 'minisblack', 'extrasamples': ['unassalpha']}),
    (65535, {'dtype': np.uint16, 'bands': 4, 'photometric': 'rgb', 'extrasamples': ['unspecified']}),
    (1, {'dtype': np.float32, 'bands': 4, 'photometric': 'rgb', 'extrasamples': ['unassalpha']}),
    (255, {'dtype': np.uint8, 'bands': 4, 'photometric': 'minisblack'}),
    (255, {'dtype': np.uint8, 'bands': 4, 'photometric': 'rgb', 'extrasamples': ['unassalpha'], 'planes': True})],
    ids=['gray and alpha', 'a fourth band', 'floats', 'four bands', 'planes'])
def test_a_band_behind_the_colours_of_a_tiff_is_said_to_be_dropped(tmp_path, opaque, how):
    dtype, bands, planes = how.pop('dtype'), how.pop('bands'), how.pop('planes', False)
    image = np.linspace(0, opaque, 8 * 16 * bands).reshape(8, 16, bands).astype(dtype)
    for name, last, dropped in ('clear', opaque, False), ('seen.through', image[..., -1] / 2, True):
        image[..., -1] = last
        stored, kind = (np.moveaxis(image, -1, 0), 'separate') if planes else (image, 'contig')
        tifffile.imwrite(tmp_path / f'{name}.tif', stored, planarconfig=kind, **how)
        said = [line for line in lines_of(tmp_path / f'{name}.tif') if 'is dropped' in line]
        assert bool(said) == dropped and all(f'{name}.tif' in line for line in said)



# Values.

@pytest.mark.parametrize('low, high, dtype, said', [
    (0, 4095, np.uint16, '0 to 4,095 of 65,535'),           # 12 bits
    (0, 16383, np.uint16, '0 to 16,383 of 65,535'),         # 14 bits
    (0, 255, np.uint16, '0 to 255 of 65,535'),
    (31768, 33768, np.uint16, '31,768 to 33,768 of 65,535'),
    (0, 32767, np.uint16, None),
    (100, 150, np.uint8, '100 to 150 of 255'),
    (0, 0, np.uint8, '0 to 0 of 255'),
    (255, 255, np.uint8, '255 to 255 of 255'),
    (60, 160, np.uint8, None)])
def test_values_in_a_small_part_of_the_range_are_said_of_the_half_that_has_them(tmp_path, low, high, dtype, said):
    few, whole = noise(low, high, 64, 64, dtype=dtype), noise(0, np.iinfo(dtype).max, 64, 64, dtype=dtype)
    for a, b, side in (few, whole, 'A (left)'), (whole, few, 'B (right)'):
        assert lines_on(tmp_path, a, b) == (
            [f'{side}: values reach from {said}, a small part of the range'] if said else [])


def test_12_bits_in_a_tiff_are_said_of_both_halves(tmp_path):
    tifffile.imwrite(tmp_path / 'pair.tif', noise(0, 4095, 64, 128, 1, np.uint16)[..., 0] | 1)
    assert lines_of(tmp_path / 'pair.tif') == [
        f'{side}: values reach from 1 to 4,095 of 65,535, a small part of the range'
        for side in ('A (left)', 'B (right)')]


def test_the_range_is_that_of_all_files_together(tmp_path):
    for name, value in ('dark', 0), ('bright', 255):
        png.write(str(tmp_path / f'{name}.png'), np.full([8, 16, 3], value, np.uint8))
    assert len(lines_of(tmp_path / 'dark.png')) == 2
    assert lines_of(tmp_path / 'dark.png', tmp_path / 'bright.png') == []


# Maps of the numbers of classes.

NEARLY_BLACK = ['B (right) is gray and nearly black, with values 0 to 11 of 255: if they are numbers of classes, give '
                'each class a colour']


def test_a_half_of_the_numbers_of_classes_is_nearly_black(tmp_path):
    photo, classes = noise(0, 255), noise(0, 11, channels=1)
    assert lines_on(tmp_path, photo, classes) == NEARLY_BLACK
    classes[3] = 255                                    # as some data sets have what is in no class
    assert lines_on(tmp_path, photo, classes) == NEARLY_BLACK


def test_so_is_a_palette_whose_colours_are_the_numbers(tmp_path):
    indices = np.concatenate([noise(0, 255, channels=1), noise(0, 11, channels=1)], axis=1)[..., 0]
    image = Image.fromarray(indices).convert('P')
    assert image.mode == 'P'
    image.save(tmp_path / 'pair.png')
    assert lines_of(tmp_path / 'pair.png') == NEARLY_BLACK


@pytest.mark.parametrize('half', [
    noise(0, 1, channels=1) * np.uint8(255),            # a mask, black and white
    noise(0, 11, channels=1) * np.uint8(23),            # numbers that are spread
    noise(0, 11) * np.uint8(20)])                       # colours
def test_few_values_that_are_spread_are_no_matter(tmp_path, half):
    assert lines_on(tmp_path, noise(0, 255), half) == []


def test_a_dark_photo_has_too_many_values_for_classes(tmp_path):
    [line] = lines_on(tmp_path, noise(0, 255, 64, 64), noise(0, 60, 64, 64, channels=1))
    assert line == 'B (right): values reach from 0 to 60 of 255, a small part of the range'


# Before a training.

def test_of_many_pairs_the_first_the_last_and_two_between_are_read(tmp_path, monkeypatch):
    draw_pairs(tmp_path / 'pairs', train=10)
    paths, read = [f'{tmp_path}/pairs/train/{i}.png' for i in range(10)], []
    monkeypatch.setattr(findings.Findings, 'add', lambda self, pair, *images: read.append(pair))
    assert findings.before_training(paths, [], FORM) == [] and read == [paths[i] for i in (0, 3, 6, 9)]


@pytest.mark.parametrize('count, chosen', [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (5, [0, 1, 2, 4])])
def test_of_few_items_each_is_chosen_once(count, chosen):
    assert findings.spread(list(range(count)), 4) == chosen


def test_what_would_end_the_training_is_named_wherever_it_is(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=9, val=2)
    paths, held_out = ([f'{tmp_path}/pairs/{split}/{i}.png' for i in range(count)]
                       for split, count in (('train', 9), ('val', 2)))
    assert findings.before_training(paths, held_out, FORM) == []
    png.write(held_out[1], noise(0, 255, width=7))
    with pytest.raises(ImageError, match="val/1.png': 7 x 8 pixels; an odd width has no equal halves"):
        findings.before_training(paths, held_out, FORM)
    png.write(paths[5], noise(0, 255, width=5))
    with pytest.raises(ImageError, match="train/5.png': 5 x 8 pixels"):
        findings.before_training(paths, held_out, FORM)


def test_damage_in_the_middle_of_one_that_is_read_is_named_too(tmp_path):
    png.write(str(tmp_path / 'pair.png'), noise(0, 255, 64, 128))
    damage(tmp_path / 'pair.png')
    with pytest.raises(ImageError, match="pair.png': does not decode as PNG"):
        findings.before_training([f'{tmp_path}/pair.png'], [], FORM)


def test_headers_that_were_not_looked_at_are_counted(tmp_path, monkeypatch):
    draw_pairs(tmp_path / 'pairs', train=2, val=1)
    monkeypatch.setattr(findings, 'check_headers', lambda pairs, form: len(pairs) - 1)
    held_out = [f'{tmp_path}/pairs/val/0.png']
    [line] = findings.before_training([f'{tmp_path}/pairs/train/{i}.png' for i in range(2)], held_out, FORM)
    assert line.startswith('the headers of the first 2 of 3 pairs are sound')


def test_in_a_remote_folder_a_few_files_are_read_and_no_more(monkeypatch):
    monkeypatch.setattr(findings, 'check_headers', lambda pairs, form: pytest.fail('each would be a request'))
    paths = [f'ram://findings/{i}.tif' for i in range(3)]
    for path in paths:
        with tf.io.gfile.GFile(path, 'wb') as file:
            content = io.BytesIO()
            tifffile.imwrite(content, noise(0, 4095, 32, 96, dtype=np.uint16) | 1, photometric='rgb')
            file.write(content.getvalue())
    lines = findings.before_training(paths, [], FORM)
    assert 'halves are 48 x 32 and become 256 x 256: their aspect is not kept' in lines
    assert 'B (right): values reach from 1 to 4,095 of 65,535, a small part of the range' in lines

"""The colours of label maps: of noisy ones, of lines, and none of photos; their names; and where a run keeps them."""

import io
import json

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from datasets.catalogue import CATALOGUE
from pix2pix.errors import UserError
from pix2pix.images import palette, png
from pix2pix.run import palettes
from pix2pix.run.folder import Run
from tests.test_diagnose import FORM

RED, GREEN, BLUE = (250, 10, 10), (20, 200, 40), (0, 0, 222)


def label_map(side=61):
    """Blue, half of it green, and a red square of `side` pixels; all off the blocks of 8 that JPEG has."""
    picture = np.full([256, 256, 3], BLUE, np.uint8)
    picture[:, 123:] = GREEN
    picture[:side, :side] = RED
    return picture


def as_jpeg(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, 'JPEG', quality=75)
    return iio.imread(file.getvalue())


def test_the_colours_come_in_the_order_of_their_shares():
    found = palette.find([label_map()])
    assert [colour.code for colour in found] == ['#14c828', '#0000de', '#fa0a0a']
    assert sum(colour.share for colour in found) == pytest.approx(1, abs=1e-5)
    assert found[2].share == pytest.approx((61 / 256) ** 2, rel=0.1)


def test_of_noisy_label_maps_as_jpeg_has_them_they_are_the_same():
    noisy = as_jpeg(label_map())
    assert len(np.unique(noisy.reshape(-1, 3), axis=0)) > 100
    found = palette.find([noisy])
    assert len(found) == 3
    for colour, expected in zip(found, (GREEN, BLUE, RED)):
        assert np.abs(palette.rgb(colour.code) - expected).max() <= 3


def test_a_colour_of_a_few_pixels_is_noise():
    assert [colour.code for colour in palette.find([label_map(side=3)])] == ['#14c828', '#0000de']


def test_photos_have_no_palette():
    random = np.random.RandomState(0)
    assert palette.find([random.randint(0, 256, [64, 64, 3]).astype(np.uint8)]) == []              # nothing is flat
    blocks = np.repeat(np.repeat(random.randint(0, 256, [32, 32, 3]), 4, 0), 4, 1).astype(np.uint8)
    assert palette.find([blocks] * 2) == []                                                         # too many colours
    assert palette.find([]) == []


def test_a_name_goes_to_the_nearest_colour_that_is_near():
    names = {'roof': '#ff0000', 'sky': '#0000ff', 'grass': '#808080'}
    assert [colour.name for colour in palette.find([label_map()], names)] == ['', 'sky', 'roof']
    assert [colour.name for colour in palette.find([label_map()], {'a': '#0000c0', 'b': '#0000dd'})] == ['', 'b', '']


def test_edges_are_drawn_with_a_pencil_and_label_maps_are_not():
    edges = np.full([256, 256, 3], 255, np.uint8)
    edges[50:53, 20:200] = edges[60:200, 80:83] = 0
    assert palette.is_pencil(palette.find([edges])) and palette.is_pencil(palette.find([as_jpeg(edges)]))
    assert not palette.is_pencil(palette.find([label_map()])) and not palette.is_pencil([])
    assert not palette.is_pencil(palette.find([255 - edges]))       # light on dark


def test_the_catalogue_names_the_twelve_classes_of_facades():
    names = CATALOGUE['facades'].palette
    assert len(names) == 12
    stripes = np.stack([palette.rgb(code) for code in names.values()]).astype(np.uint8).repeat(20, axis=0)
    found = palette.find([np.stack([stripes] * 64)], names)
    assert {colour.name: colour.code for colour in found} == names


@pytest.fixture
def run(tmp_path):
    (tmp_path / 'run').mkdir()
    return Run(str(tmp_path / 'run'))


def test_a_run_keeps_the_colours_of_its_sources(run, tmp_path):
    png.write(str(tmp_path / 'pair.png'), np.concatenate([np.zeros([256, 256, 3], np.uint8), label_map()], axis=1))
    palettes.keep(run, [str(tmp_path / 'pair.png')], FORM._replace(direction='BtoA'), {'sky': '#0000de'})
    found = palettes.read(run)
    assert [(colour.code, colour.name) for colour in found] == [('#14c828', ''), ('#0000de', 'sky'), ('#fa0a0a', '')]
    for name in 'options.json', 'model-1.index':
        (tmp_path / 'run' / name).write_text('{}')
    palettes.keep(run, [str(tmp_path / 'pair.png')], FORM, {})        # once it has begun with them, they stay
    assert palettes.read(run) == found
    assert [colour.name for colour in palettes.read(run, {'lawn': '#10c020'})] == ['lawn', '', '']


def test_a_run_without_any_has_none(run):
    assert palettes.read(run) == []


def test_the_labels_of_a_run_have_names_too(run):
    palettes.keep(run, ['x'], FORM._replace(labels=['#fa0a0a', '#0000de']), {'sky': '#0000de'})
    assert [(colour.code, colour.name) for colour in palettes.read(run)] == [('#fa0a0a', ''), ('#0000de', 'sky')]


def test_the_colours_are_those_of_several_pairs(tmp_path):
    for name, half in ('a', label_map()), ('b', np.full([256, 256, 3], 128, np.uint8)):
        png.write(str(tmp_path / f'{name}.png'), np.concatenate([half, half], axis=1))
    found = palettes.found([f'{tmp_path}/a.png', f'{tmp_path}/b.png'], FORM, {})
    assert {colour.code for colour in found} == {'#14c828', '#0000de', '#fa0a0a', '#808080'}


def test_a_pencil_is_for_white_paper():
    white, black = palette.Colour('#ffffff', '', 0.6), palette.Colour('#000000', '', 0.4)
    assert not palette.is_pencil([white, black]) and palette.is_pencil([white._replace(share=0.9), black])


def test_codes_are_read_in_either_case_and_a_colour_has_one_name(tmp_path):
    path = tmp_path / 'palette.json'
    path.write_text('{"wall": "#0030FF"}')
    assert palettes.names_in(str(tmp_path)) == {'wall': '#0030ff'}
    path.write_text('{"wall": "#0030ff", "roof": "#0030FF"}')
    with pytest.raises(UserError, match='a colour has two names'):
        palettes.names_in(str(tmp_path))


@pytest.mark.parametrize('text', ['[1]', '{"a": 1}', '[{"code": "red", "name": "", "share": 1}]', 'junk', '[' * 5000])
def test_a_damaged_palette_is_named(run, text):
    with open(run.palette, 'w') as file:
        file.write(text)
    with pytest.raises(UserError, match='palette.json is no palette .* Delete it'):
        palettes.read(run)


def test_names_stand_beside_the_pairs(tmp_path):
    assert palettes.names_in(str(tmp_path)) == {}
    (tmp_path / 'palette.json').write_text(json.dumps({'wall': '#0030ff'}))
    assert palettes.names_in(str(tmp_path)) == {'wall': '#0030ff'}
    for text in '["wall"]', '{"wall": "blue"}', 'junk':
        (tmp_path / 'palette.json').write_text(text)
        with pytest.raises(UserError, match='does not hold names of colours, such as'):
            palettes.names_in(str(tmp_path))


# The labels of pixels.

def test_each_pixel_has_the_label_of_its_colour_or_of_the_nearest(tmp_path):
    codes = ['#14c828', '#0000de', '#fa0a0a']
    labels = label_map()
    expected = np.array([[codes.index('#' + bytes(pixel).hex()) for pixel in row] for row in labels])
    np.testing.assert_array_equal(palette.classes(labels, codes), expected)
    noisy = np.uint8(np.clip(labels + np.random.RandomState(0).randint(-20, 21, labels.shape), 0, 255))
    np.testing.assert_array_equal(palette.classes(noisy, codes), expected)
    one_hot = palette.one_hot(labels.astype(np.float32), codes)
    assert one_hot.shape == (256, 256, 3) and set(np.unique(one_hot)) == {0, 255}
    np.testing.assert_array_equal(one_hot.argmax(-1), expected)


def test_a_mixture_at_an_edge_is_one_of_the_colours_beside_it():
    """It lies between black and light gray, and is nearer to a third colour, which is nowhere near in the picture."""
    picture = np.zeros([9, 9, 3], np.uint8)
    picture[:, 5:], picture[:, 4] = 200, 100
    codes = ['#000000', '#c8c8c8', '#64641e']
    assert set(np.unique(palette.classes(picture, codes))) == {0, 1}
    picture[4, 3] = 100, 100, 30        # now it is near
    assert palette.classes(picture, codes)[4, 4] == 2


def test_a_spot_of_another_colour_is_named_and_a_mixture_is_none():
    picture = np.zeros([9, 9, 3], np.uint8)
    picture[2:7, 3:8] = 0x80
    with pytest.raises(ValueError, match='its colour #808080 at 4, 3 is none of the 2 labels'):
        palette.classes(picture, ['#000000', '#ffffff'])
    picture[3:] = 0
    assert palette.classes(picture, ['#000000', '#ffffff']).shape == (9, 9)
    for shape in (1, 5), (5, 1), (1, 1), (2, 2):
        assert palette.classes(np.zeros([*shape, 3], np.uint8), ['#000000', '#ffffff']).shape == shape

"""Every kind of TIFF: its pixels against those that were written, worked out anew, or its refusal by name."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.images import tiff

RGB = np.random.RandomState(0).randint(0, 256, [6, 8, 3]).astype(np.uint8)
FINE = np.random.RandomState(1).randint(0, 65536, [6, 8, 3]).astype(np.uint16)
INKS = np.random.RandomState(2).randint(0, 256, [6, 8, 4]).astype(np.uint8)
BITS = [2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15]


def written(image, patch=None, **how):
    """A file in memory, by tifffile. `patch` gives some of its tags other values afterwards."""
    file = io.BytesIO()
    tifffile.imwrite(file, image, **how)
    with tifffile.TiffFile(io.BytesIO(file.getvalue()), mode='r+') as opened:
        for tag, value in (patch or {}).items():
            opened.pages[0].tags[tag].overwrite(value)
        opened.filehandle.seek(0)
        return opened.filehandle.read()


def by_pillow(image, mode, **how):
    file = io.BytesIO()
    Image.fromarray(image, *([mode] if mode == 'CMYK' else [])).convert(mode).save(file, 'tiff', **how)
    return file.getvalue()


def assert_decoded(content, expected):
    decoded = tiff.decode(content)
    assert decoded.dtype == expected.dtype
    np.testing.assert_array_equal(decoded, expected if expected.ndim == 3 else expected[..., None])


# Bits a sample.

@pytest.mark.parametrize('bits', BITS)
@pytest.mark.parametrize('kind', ['minisblack', 'miniswhite', 'rgb', 'planes'])
def test_any_number_of_bits_reaches_from_black_to_white(bits, kind):
    top, dtype, high = 2 ** bits - 1, np.uint8 if bits < 8 else np.uint16, 255 if bits < 8 else 65535
    values = np.linspace(0, top, 6 * 8 * 3).round().astype(dtype).reshape(6, 8, 3)
    expected = np.rint(values.astype(float) / top * high).astype(dtype)
    if kind == 'rgb':
        return assert_decoded(written(values, photometric='rgb', bitspersample=bits), expected)
    if kind == 'planes':
        return assert_decoded(written(np.moveaxis(values, -1, 0), photometric='rgb', bitspersample=bits,
                                      planarconfig='separate'), expected)
    gray = expected[..., 0] if kind == 'minisblack' else high - expected[..., 0]
    assert_decoded(written(values[..., 0], photometric=kind, bitspersample=bits), gray)


def test_one_bit_is_black_or_white():
    mask = RGB[..., 0] > 127
    assert_decoded(written(mask, photometric='minisblack'), np.uint8(255) * mask)
    assert_decoded(written(mask, photometric='miniswhite'), np.uint8(255) * ~mask)


def test_bits_that_differ_from_sample_to_sample_are_refused():
    with pytest.raises(ValueError, match='5 6 5 bits a sample are not read'):
        tiff.decode(written(RGB, {'BitsPerSample': (5, 6, 5)}, photometric='rgb'))


# White is zero.

@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_white_is_zero_in_some_floats(dtype):
    values = np.linspace(0, 1, 48).reshape(6, 8).astype(dtype)
    assert_decoded(written(values, photometric='miniswhite'),
                   np.rint((1 - values.astype(np.float64)) * 65535).astype(np.uint16))


def test_white_is_zero_in_some_whole_numbers():
    assert_decoded(written(RGB[..., 0], photometric='miniswhite'), 255 - RGB[..., 0])
    assert_decoded(written(FINE[..., 0], photometric='miniswhite'), 65535 - FINE[..., 0])


# Inks and other colours.

def test_inks_darken_white_each_by_its_share():
    """Red is (1 - cyan) (1 - black), and so on. Pillow computes the same."""
    share = 1 - INKS / 255
    expected = np.rint(share[..., :3] * share[..., 3:] * 255).astype(np.uint8)
    np.testing.assert_array_equal(expected, np.array(Image.fromarray(INKS, 'CMYK').convert('RGB')))
    planes, alpha = np.moveaxis(INKS, -1, 0), np.concatenate([INKS, INKS[..., :1]], axis=-1)
    for content in (by_pillow(INKS, 'CMYK'), by_pillow(INKS, 'CMYK', compression='tiff_lzw'),
                    written(INKS, photometric='separated'),
                    written(planes, photometric='separated', planarconfig='separate'),
                    written(alpha, photometric='separated', extrasamples=['unassalpha'])):
        assert_decoded(content, expected)


def test_inks_of_16_bits_keep_their_precision():
    inks = np.random.RandomState(3).randint(0, 65536, [6, 8, 4]).astype(np.uint16)
    share = 1 - inks / 65535
    decoded = tiff.decode(written(inks, photometric='separated'))
    assert decoded.dtype == np.uint16
    np.testing.assert_allclose(decoded, share[..., :3] * share[..., 3:] * 65535, atol=0.51)


@pytest.mark.parametrize('mode, colour', [('CMYK', (0, 255, 255, 0)), ('RGB', (255, 0, 0)), ('YCbCr', (76, 85, 255))])
def test_jpeg_inside_a_tiff_has_the_colours_that_it_was_made_of(mode, colour):
    file = io.BytesIO()
    Image.new(mode, (32, 16), colour).save(file, 'tiff', compression='jpeg', quality=95)
    red = tiff.decode(file.getvalue())
    assert red.shape == (16, 32, 3) and red[..., 0].min() > 250 and red[..., 1:].max() < 5


@pytest.mark.parametrize('content, why', [
    (by_pillow(RGB, 'LAB'), 'CIELAB is not read: convert it to RGB'),
    (written(RGB, photometric='icclab'), 'ICCLAB is not read: convert it to RGB'),
    (written(RGB[..., 0], photometric='cfa'), 'CFA is not read: convert it to RGB'),
    (written(RGB[..., 0] > 9, photometric='mask'), 'MASK is not read: convert it to RGB'),
    (by_pillow(RGB, 'YCbCr'), 'YCbCr is read from JPEG inside a TIFF alone: convert it to RGB'),
    (by_pillow(RGB, 'YCbCr', compression='tiff_lzw'), 'YCbCr is read from JPEG'),
    (written(np.tile(RGB, (4, 4, 1)).transpose(2, 0, 1), photometric='ycbcr', planarconfig='separate',
             compression='jpeg'), 'YCbCr is read from JPEG')])
def test_colours_that_are_not_read_are_named(content, why):
    with pytest.raises(ValueError, match=why):
        tiff.decode(content)


# Bands.

def bands(count, kind='minisblack', **how):
    return written(np.random.RandomState(0).randint(0, 256, [6, 8, count]).astype(np.uint8), photometric=kind, **how)


@pytest.mark.parametrize('content, why', [
    (bands(5, planarconfig='contig'), '5 bands; 1 or 3, with or without alpha, can be read'),
    (bands(13, planarconfig='contig'), '13 bands; 1 or 3'),
    (bands(5, 'rgb'), '5 bands; 1 or 3'),
    (written(np.zeros([5, 6, 8], np.uint16), photometric='minisblack', planarconfig='separate'), '5 bands; 1 or 3'),
    (bands(6, 'separated'), '6 bands of inks; CMYK, with or without alpha, can be read'),
    (written(INKS, photometric='separated', extratags=[(332, 'H', 1, 2, True)]), '4 bands of inks; CMYK'),
    (written(np.zeros([5, 16, 16], np.uint8), photometric='minisblack', volumetric=True, tile=(1, 16, 16)),
     'a volume of 5 slices is not read')])
def test_more_bands_than_colours_and_alpha_are_refused(content, why):
    with pytest.raises(ValueError, match=why):
        tiff.decode(content)


def test_a_small_file_of_many_bands_is_refused_before_they_are_allocated():
    """32 x 8,191 pixels of 65,535 bands are 16 GiB."""
    content = written(RGB[..., 0], {'ImageWidth': 32, 'ImageLength': 8191, 'SamplesPerPixel': 65535})
    with pytest.raises(ValueError, match='65535 bands; 1 or 3'):
        tiff.decode(content)


def test_three_bands_are_colours_and_a_fourth_is_dropped_whatever_they_are_called():
    for kind in 'minisblack', 'rgb':
        for count in 3, 4:
            content = bands(count, kind, planarconfig='contig')
            assert_decoded(content, tifffile.imread(io.BytesIO(content))[..., :3])


# Alpha.

@pytest.mark.parametrize('high, dtype', [(255, np.uint8), (65535, np.uint16)])
@pytest.mark.parametrize('kind', ['rgb', 'minisblack', 'planes'])
def test_colours_are_divided_by_the_alpha_that_they_were_multiplied_by(high, dtype, kind):
    chance = np.random.RandomState(0)
    alpha = chance.randint(1, high + 1, [6, 8, 1])
    stored = np.rint(chance.rand(6, 8, 1 if kind == 'minisblack' else 3) * alpha)
    alpha[0], stored[0] = 0, 0              # clear pixels have no colour: they come out black
    both = np.concatenate([stored, alpha], axis=-1).astype(dtype)
    how = {'photometric': 'minisblack' if kind == 'minisblack' else 'rgb', 'extrasamples': ['assocalpha']}
    content = written(np.moveaxis(both, -1, 0), planarconfig='separate', **how) if kind == 'planes' else \
        written(both, planarconfig='contig', **how)
    decoded = tiff.decode(content)
    assert decoded.dtype == dtype
    np.testing.assert_allclose(decoded, stored * high / np.maximum(alpha, 1), atol=0.51)


def test_other_alpha_changes_no_colour():
    alpha = np.concatenate([RGB, INKS[..., :1]], axis=-1)
    for what in 'unassalpha', 'unspecified':
        assert_decoded(written(alpha, photometric='rgb', extrasamples=[what]), RGB)


# Palettes.

COLOURS = np.random.RandomState(4).randint(0, 256, [3, 256]).astype(np.uint16)


@pytest.mark.parametrize('factor', [1, 256, 257])
def test_colours_of_a_palette_are_stored_in_8_bits_or_in_16(factor):
    content = written(RGB[..., 0], photometric='palette', colormap=COLOURS * np.uint16(factor))
    assert_decoded(content, np.moveaxis(COLOURS.astype(np.uint8)[:, RGB[..., 0]], 0, -1))


@pytest.mark.parametrize('bits', [1, 2, 4])
def test_a_palette_of_few_colours_is_applied(bits):
    numbers = RGB[..., 0] % 2 ** bits
    colours = COLOURS[:, :2 ** bits]
    content = written(numbers > 0 if bits == 1 else numbers, {'PhotometricInterpretation': 3}, bitspersample=bits,
                      photometric='minisblack', extratags=[(320, 'H', colours.size, (colours * 257).ravel(), True)])
    assert_decoded(content, np.moveaxis(colours.astype(np.uint8)[:, numbers], 0, -1))


# Upright.

@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('bigtiff', [False, True])
def test_the_orientation_is_that_of_its_tag(orientation, bigtiff):
    content = written(RGB, photometric='rgb', bigtiff=bigtiff, extratags=[(274, 'H', 1, orientation, True)])
    turned = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
              5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
              8: Image.Transpose.ROTATE_90}
    image = Image.fromarray(RGB)
    assert_decoded(content, np.array(image.transpose(turned[orientation]) if orientation > 1 else image))


@pytest.mark.parametrize('kind, value', [('H', 0), ('H', 9), ('I', 2 ** 31), ('d', 6.5), ('s', 'up')])
def test_an_orientation_of_no_meaning_leaves_the_picture_as_it_is(kind, value):
    assert_decoded(written(RGB, photometric='rgb', extratags=[(274, kind, 1 if kind != 's' else 0, value, True)]), RGB)


# What libvips may read in its place.

def test_what_libvips_reads_in_the_same_way_is_plain(tmp_path):
    four, two = np.concatenate([RGB, RGB[..., :1]], axis=-1), RGB[..., :2]
    kinds = {
        'rgb': written(RGB, photometric='rgb'),
        'gray.bits': written(RGB[..., 0] % 16, photometric='miniswhite', bitspersample=4),
        'alpha': written(four, photometric='rgb', extrasamples=['unassalpha']),
        'planes': written(np.moveaxis(RGB, -1, 0), photometric='rgb', planarconfig='separate'),
        'no.zstd': written(RGB, photometric='rgb', compression='zstd'),
        'no.numbers of 16 bits': written(FINE[..., 0], photometric='palette', colormap=np.zeros([3, 65536], np.uint16)),
        'no.multiplied': written(four, photometric='rgb', extrasamples=['assocalpha']),
        'no.gray planes': written(np.moveaxis(two, -1, 0), photometric='minisblack', planarconfig='separate'),
        'no.tiled planes': written(np.tile(np.moveaxis(RGB, -1, 0), (1, 4, 4)), photometric='rgb', tile=(16, 16),
                                   planarconfig='separate'),
        'no.lab': by_pillow(RGB, 'LAB'), 'no.ycbcr': by_pillow(RGB, 'YCbCr'), 'no.bands': bands(5, 'rgb'),
        'no.tiff': b'hello', 'no.pages': b'II*\0\0\0\0\0'}
    for name, content in kinds.items():
        (tmp_path / name).write_bytes(content)
    assert {name for name in kinds if tiff.is_plain(str(tmp_path / name))} == {'rgb', 'gray.bits', 'alpha', 'planes'}

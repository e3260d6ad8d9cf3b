"""Files of any channels and kinds, as they are stored."""

import io
import zipfile

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.images import samples

FIVE = np.random.RandomState(0).randint(0, 3000, [6, 8, 5]).astype(np.uint16)


def npy(array, **how):
    file = io.BytesIO()
    np.save(file, array, **how)
    return file.getvalue()


def npz(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def tif(array, **how):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **how)
    return file.getvalue()


@pytest.mark.parametrize('array', [FIVE, np.uint8(FIVE), np.int16(FIVE) - 1500, np.float32(FIVE), np.float64(FIVE),
                                   FIVE.astype('>u2'), np.asfortranarray(FIVE), FIVE[..., 0]])
def test_arrays_are_what_was_saved(array):
    for content in npy(array), npz(a=array):
        values = samples.read(content).values
        assert values.dtype == array.dtype.newbyteorder('=') and values.dtype.isnative
        np.testing.assert_array_equal(values, array.reshape(6, 8, -1))


@pytest.mark.parametrize('how', [{'planarconfig': 'contig'}, {'planarconfig': 'separate'}, {'compression': 'zlib'}])
@pytest.mark.parametrize('kind', ['uint8', 'uint16', 'int16', 'float32'])
def test_all_bands_of_a_tiff_are_read(how, kind):
    array = FIVE.astype(kind)
    stored = np.moveaxis(array, -1, 0) if how.get('planarconfig') == 'separate' else array
    found = samples.read(tif(stored, photometric='minisblack', **({'planarconfig': 'contig'} | how)))
    assert found.values.dtype == kind and found.highest == {'uint8': 255, 'uint16': 65535, 'float32': 1}.get(kind)
    np.testing.assert_array_equal(found.values, array)


def test_bands_are_turned_upright():
    tag = (274, 'H', 1, 6, True)        # to be seen after a quarter turn clockwise
    turned = samples.read(tif(FIVE, photometric='minisblack', planarconfig='contig', extratags=[tag]))
    np.testing.assert_array_equal(turned.values, np.rot90(FIVE, -1))


def test_twelve_bits_have_a_highest_value_of_their_own():
    found = samples.read(tif(FIVE[..., :3] % 4096, photometric='rgb', bitspersample=12))
    assert found.highest == 4095
    np.testing.assert_array_equal(found.values, FIVE[..., :3])


def test_pictures_keep_their_channels_and_bits():
    rgba, fine = np.ascontiguousarray(np.uint8(FIVE[..., :4])), np.ascontiguousarray(FIVE[..., :3])
    np.testing.assert_array_equal(samples.read(imagecodecs.png_encode(rgba)).values, rgba)
    assert samples.read(imagecodecs.png_encode(fine)).values.dtype == np.uint16
    file = io.BytesIO()
    Image.fromarray(rgba[..., :3]).save(file, 'webp', lossless=True)
    np.testing.assert_array_equal(samples.read(file.getvalue()).values, rgba[..., :3])


@pytest.mark.parametrize('content, message', [
    (npy(FIVE)[:-1], 'it is cut off'), (npy(np.zeros([2, 3, 4, 5])), r'an array \[2, 3, 4, 5\]'),
    (npy(np.zeros([0, 5])), r'an array \[0, 5\]'), (npy(np.array([[{}, {}]]), allow_pickle=True), 'of numbers'),
    (npy(np.zeros([2, 2], complex)), 'complex128 values'), (npz(a=FIVE, b=FIVE), '2 arrays in it')])
def test_what_holds_no_picture_is_named(content, message):
    with pytest.raises(ValueError, match=message):
        samples.read(content)


def test_a_header_that_promises_a_terabyte_takes_no_memory():
    header = np.lib.format.header_data_from_array_1_0(np.zeros([2, 2], np.uint8)) | {'shape': (10 ** 6, 10 ** 6)}
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(ValueError, match='too large: .* bytes when decoded'):
        samples.read(file.getvalue() + b'1234')


def test_an_archive_that_unpacks_to_more_than_is_read_is_refused(monkeypatch):
    monkeypatch.setattr(samples, 'MAX_BYTES', 100)
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('a.npy', bytes(1000))
    with pytest.raises(ValueError, match='1,000 bytes when unpacked, and 100 is the limit'):
        samples.read(file.getvalue())

"""Small files that would take much memory or time, and what is no file: refused by name, and at once."""

import functools
import io
import os
import struct
import time
import zlib

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

import reader
from pix2pix import devices
from pix2pix.errors import UserError
from pix2pix.images import bounds, decode, large, plain, tiff
from pix2pix.images.diagnose import ImageError
from pix2pix.images.folders import list_images
from pix2pix.images.headers import check_headers
from pix2pix.images.listing import list_images_under
from pix2pix.images.pairs import first_unreadable
from pix2pix.images.pictures import as_array, read_samples
from tests.test_diagnose import FORM
from tests.test_tiff import written

GRAY = np.zeros([8, 8], np.uint8)


def jpeg_of(scans, side=8):
    """A progressive JPEG of about so many scans of 30 bytes, that says it has so many pixels a side."""
    file = io.BytesIO()
    Image.fromarray(GRAY).save(file, 'jpeg', progressive=True)
    head, *parts = file.getvalue()[:-2].split(b'\xff\xda')
    size = head.index(b'\xff\xc2') + 5
    head = head[:size] + struct.pack('>HH', side, side) + head[size + 4:]
    return b'\xff\xda'.join([head, parts[0], *parts[1:2] * (scans - 1)]) + b'\xff\xd9'


def runs_of(side):
    """A BMP in runs of two pixels a line, and the rest of each line left out."""
    lines = b'\2\1\0\0' * side + b'\0\1'
    header = struct.pack('<IiiHHIIiiII', 40, side, side, 1, 8, 1, len(lines), 0, 0, 256, 0)
    return b'BM' + struct.pack('<IHHI', 1078 + len(lines), 0, 0, 1078) + header + bytes(1024) + lines


def tiled(**patch):
    """A TIFF of one tile of 16 x 16 pixels."""
    return written(np.zeros([16, 16, 3], np.uint8), patch, tile=(16, 16), photometric='rgb', compression='zlib')


def jpeg_in_tiff(jpeg):
    """Gray, 8 x 8 pixels, in one strip, which is this JPEG."""
    file = io.BytesIO()
    tifffile.imwrite(file, iter([jpeg]), shape=(8, 8), dtype=np.uint8, compression='jpeg', rowsperstrip=8)
    return file.getvalue()


LARGE = 'bytes when decoded, and 805,306,368 is the limit; make it smaller'


@pytest.mark.parametrize('name, content, why', [
    ('floats.tif', written(np.zeros([8, 8, 3]), {'ImageWidth': 2 ** 13, 'ImageLength': 2 ** 13}, photometric='rgb'),
     '8192 x 8192 pixels, 1,610,612,736 ' + LARGE),
    ('tile.tif', tiled(TileWidth=28672, TileLength=28672), '28672 x 28672 pixels, 4,932,501,504 ' + LARGE),
    ('strips.tif', written(np.zeros([2 ** 17 + 1, 1], np.uint8), photometric='minisblack', rowsperstrip=1),
     '131,073 strips or tiles, and 131,072 are the limit'),
    ('jpeg.tif', jpeg_in_tiff(jpeg_of(3, 9999)), 'a strip or tile of 8 x 8 pixels says that it has 9999 x 9999'),
    ('bomb.tif', jpeg_in_tiff(jpeg_of(3, 20000)), 'a strip or tile is too large: more than 1,610,612,736 '),
    ('damaged.tif', jpeg_in_tiff(b'no JPEG'), 'a strip or tile is damaged'),
    ('scans.tif', jpeg_in_tiff(jpeg_of(101)), 'more than 100 scans'),
    ('float.tif', written(np.zeros([8, 8], np.float32), compression='lerc'), 'the compression LERC is not read'),
    ('scans.jpg', jpeg_of(3000, 11584), 'more than 100 scans are not read: save it anew'),
    ('smaller.jpg', jpeg_of(12000, 2048), 'more than 100 scans'),
    ('runs.bmp', runs_of(11585), '11585 x 11585 pixels in runs, and 16,777,216 are the limit')],
    ids=lambda value: value if isinstance(value, str) and '.' in value[-5:] else '')
def test_a_small_file_that_would_take_much_is_refused_in_one_line(tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    error = str(first_unreadable([f'{tmp_path}/{name}'], FORM))
    assert error.startswith(f"'{tmp_path}/{name}': does not decode as ") and why in error and '\n' not in error


@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
@pytest.mark.parametrize('name, content', [('runs.bmp', runs_of(11585)), ('scans.jpg', jpeg_of(101)),
                                           ('large.png', None)])
def test_without_tensorflow_the_bounds_are_the_same(tmp_path, name, content):
    if not content:
        Image.new('1', (2 ** 14, 2 ** 13 + 1)).save(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match='pixels in runs|more than 100 scans|bytes when decoded'):
        plain.as_array(tmp_path / name)


def test_what_is_within_the_bounds_is_read(tmp_path):
    for name, content in [('scans.jpg', jpeg_of(100)), ('runs.bmp', runs_of(64)),
                          ('jpeg.tif', jpeg_in_tiff(jpeg_of(2)))]:
        (tmp_path / name).write_bytes(content)
        assert first_unreadable([f'{tmp_path}/{name}'], FORM) is None, name
    assert tiff.decode(tiled()).shape == (16, 16, 3)


def test_scans_are_counted_where_a_decoder_sees_them():
    """Not in a thumbnail, nor behind the end, where telephones put films."""
    jpeg = jpeg_of(3)
    thumbnail = b'\xff\xe1' + struct.pack('>H', 2 + 500) + b'\xff\xda\0\2' * 125
    bounds.check_scans(jpeg[:2] + thumbnail + jpeg[2:] + b'\xff\xda\0\2' * 200)
    with pytest.raises(ValueError, match='100 scans'):
        bounds.check_scans(jpeg[:2] + b'\xff\1' + thumbnail + jpeg_of(101)[2:])


# What is no file.

@pytest.fixture
def no_files(tmp_path):
    os.mkfifo(tmp_path / 'pipe.png')
    (tmp_path / 'zero.png').symlink_to('/dev/zero')
    Image.fromarray(GRAY).save(tmp_path / 'good.png')
    return [f'{tmp_path}/pipe.png', f'{tmp_path}/zero.png']


def test_a_pipe_or_a_device_is_refused_wherever_a_picture_is_read(no_files):
    for path in no_files:
        stored = functools.partial(read_samples, as_stored=True)
        for read in as_array, plain.as_array, list_images_under, stored, lambda path: check_headers([path], FORM):
            with pytest.raises(UserError, match='is a pipe or a device, and no file'):
                read(path)
        assert not large.is_large(path)


def test_a_folder_with_one_among_its_images_is_refused_before_it_is_read(no_files, tmp_path):
    with pytest.raises(UserError, match="(pipe|zero).png': is a pipe or a device, and no file; remove it"):
        list_images(str(tmp_path))
    for path in no_files:
        os.remove(path)
    (tmp_path / 'gone.png').symlink_to(tmp_path / 'nowhere')        # who reads it says so
    assert list_images(str(tmp_path)).images == ['gone.png', 'good.png']


# Larger ones, which are decoded into a file.

def test_a_picture_for_a_scratch_file_has_limits_of_its_own(tmp_path):
    def refused(name, *size, **how):
        Image.new('1', size).save(tmp_path / name, **how)
        with pytest.raises(ImageError) as error:
            large.Picture(str(tmp_path / name), str(tmp_path))
        return str(error.value)
    assert '131,073 pixels wide, and 131,072 is the limit; cut it' in refused('wide.png', 2 ** 17 + 1, 1)
    content = bytearray((tmp_path / 'wide.png').read_bytes())
    content[16:24] = struct.pack('>II', 2 ** 17, 2 ** 20)
    content[29:33] = struct.pack('>I', zlib.crc32(content[12:29]))
    (tmp_path / 'bomb.png').write_bytes(content)
    with pytest.raises(ImageError, match='137,438,953,472 bytes when decoded, and 68,719,476,736 is the limit'):
        large.Picture(str(tmp_path / 'bomb.png'), str(tmp_path))


def test_a_tiff_of_more_pixels_than_are_read_whole_can_become_one(tmp_path):
    (tmp_path / 'large.tif').write_bytes(written(GRAY, {'ImageWidth': 2 ** 14, 'ImageLength': 2 ** 14}))
    assert large.is_large(str(tmp_path / 'large.tif'))


# Several at a time.

def at_once(paths, limit, fail=None):
    """How many of these files are worked on at once, at most, of four that may be."""
    working, most = [], []

    def work():
        working.append(0)
        most.append(len(working))
        time.sleep(0.02)
        working.pop()
        if fail:
            raise fail
        return np.int64(0)
    with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
        in_turn = reader.large_ones_in_turn(limit)
        data = tf.data.Dataset.from_tensor_slices(paths).map(
            lambda path: in_turn([tf.io.read_file(path)], lambda: tf.numpy_function(work, [], tf.int64)), 4)
        iterator = tf.compat.v1.data.make_initializable_iterator(data.batch(len(paths)))
        sess.run(iterator.initializer)
        sess.run(iterator.get_next())
    return max(most)


@pytest.mark.skipif(devices.cores() == 1, reason='on one core all are decoded one at a time')
def test_of_large_pictures_one_is_decoded_at_a_time(tmp_path):
    paths = [f'{tmp_path}/a.{ending}' for ending in ('png', 'jpg', 'bmp', 'tif')] * 2
    for path in paths[:4]:
        Image.fromarray(GRAY).save(path)
    assert at_once(paths, 8 * 8 * 6) > 1 == at_once(paths, 8 * 8 * 6 - 1)


def test_an_error_of_a_large_picture_holds_up_no_other(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / 'a.png')
    with pytest.raises(tf.errors.OpError, match='no picture'):
        at_once([f'{tmp_path}/a.png'] * 8, 0, fail=ValueError('no picture'))


def test_the_bytes_that_a_header_declares_are_those_of_all_samples(tmp_path):
    (tmp_path / 'floats.tif').write_bytes(written(np.zeros([8, 8, 3]), photometric='rgb'))
    Image.fromarray(GRAY).save(tmp_path / 'gray.png')
    Image.fromarray(GRAY).save(tmp_path / 'gray.jpg')
    Image.fromarray(GRAY).save(tmp_path / 'gray.webp')
    (tmp_path / 'no.gif').write_bytes(b'GIF89a')
    with tf.compat.v1.Session() as sess:
        found = {path.name: int(sess.run(decode.declared_bytes(tf.constant(path.read_bytes()))))
                 for path in tmp_path.iterdir()}
    assert found == {'floats.tif': 1536, 'gray.png': 384, 'gray.jpg': 384, 'gray.webp': 384, 'no.gif': 0}


@pytest.mark.faults
@pytest.mark.parametrize('name, content', [('scans.jpg', jpeg_of(100, 11584)), ('runs.bmp', runs_of(4096))])
def test_the_slowest_that_is_read_takes_less_than_a_minute(tmp_path, name, content):
    start = time.monotonic()
    (tmp_path / name).write_bytes(content)
    first_unreadable([f'{tmp_path}/{name}'], FORM)
    took = time.monotonic() - start
    print(f'{name}: {took:.1f} s')
    assert took < 60

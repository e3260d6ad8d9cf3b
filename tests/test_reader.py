import os

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image, ImageOps

import reader
from pix2pix.images import decode
from tests.conftest import draw_pairs

RANDOM = np.random.RandomState(0)
RGB = RANDOM.randint(0, 256, [6, 8, 3]).astype(np.uint8)


def run(tensors, feed=None):
    with tf.compat.v1.Session() as sess:
        return sess.run(tensors, feed)


def decoded(path):
    return run(decode.rgb(str(path)))


def batches(folder, **options):
    """All batches of a reader as a list of (source, target)."""
    options = {'seed': 0, 'steps': 4, 'batch_size': 2, **options}
    data = reader.training_batches(str(folder), reader.list_images(str(folder)), **options)
    iterator = tf.compat.v1.data.make_initializable_iterator(data)
    pair, out = iterator.get_next(), []
    with tf.compat.v1.Session() as sess:
        sess.run(iterator.initializer)
        while True:
            try:
                out.append(sess.run(pair))
            except tf.errors.OutOfRangeError:
                return out


# Decoding: every format, 8 and 16 bits, gray, colour, alpha and palette, against the pixels that were written.

@pytest.mark.parametrize('extension', ['png', 'bmp', 'tif', 'tiff', 'webp'])
def test_lossless_formats_come_back_exact(tmp_path, extension):
    path = tmp_path / f'image.{extension}'
    iio.imwrite(path, RGB, **({'lossless': True, 'plugin': 'pillow'} if extension == 'webp' else {}))
    np.testing.assert_array_equal(decoded(path), RGB)


def test_jpeg_is_decoded_accurately(tmp_path):
    path = tmp_path / 'image.jpg'
    smooth = np.uint8(np.add.outer(np.arange(64), np.arange(64))[..., None] * [1, 0.5, 0.25])
    iio.imwrite(path, smooth, quality=95)
    assert np.abs(decoded(path) - iio.imread(path)).max() <= 1          # Pillow's decoder uses the accurate DCT too


@pytest.mark.parametrize('extension', ['png', 'tif'])
def test_sixteen_bits_keep_their_precision(tmp_path, extension):
    path, gray = tmp_path / f'image.{extension}', np.arange(48, dtype=np.uint16).reshape(6, 8) * 1367
    iio.imwrite(path, gray)
    np.testing.assert_allclose(decoded(path), np.repeat(gray[..., None], 3, -1) / 65535 * 255, rtol=1e-6, atol=1e-5)


def test_sixteen_bit_colour_tiff(tmp_path):
    image = RANDOM.randint(0, 65536, [6, 8, 3]).astype(np.uint16)
    tifffile.imwrite(tmp_path / 'a.tif', image, photometric='rgb')
    tifffile.imwrite(tmp_path / 'b.tif', np.moveaxis(image, -1, 0), photometric='rgb', planarconfig='separate')
    for name in 'a.tif', 'b.tif':
        np.testing.assert_allclose(decoded(tmp_path / name), image / 257, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize('mode', ['L', 'P', 'RGBA', 'LA', '1'])
@pytest.mark.parametrize('extension', ['png', 'tif', 'bmp'])
def test_modes(tmp_path, mode, extension):
    if (mode, extension) == ('LA', 'bmp'):
        pytest.skip('there is no such file')
    image = Image.fromarray(RGB).convert(mode)
    image.save(tmp_path / f'image.{extension}')
    np.testing.assert_allclose(decoded(tmp_path / f'image.{extension}'), np.array(image.convert('RGB')), atol=1e-4)


def test_inverted_and_float_tiff(tmp_path):
    gray = RGB[..., 0]
    tifffile.imwrite(tmp_path / 'white.tif', 255 - gray, photometric='miniswhite')
    tifffile.imwrite(tmp_path / 'float.tif', gray.astype('f') / 255)
    for name in 'white.tif', 'float.tif':
        np.testing.assert_allclose(decoded(tmp_path / name)[..., 1], gray, atol=1e-4)


# What cannot be read is named with its reason.

def hostile(folder):
    """Name -> (content, what the error says)."""
    png, odd = iio.imwrite('<bytes>', RGB, extension='.png'), iio.imwrite('<bytes>', RGB[:, :7], extension='.png')
    bomb = bytearray(png)
    bomb[16:24] = (60000).to_bytes(4, 'big') * 2
    tifffile.imwrite(folder / 'nan', np.full([4, 4], np.nan, 'f'))
    tifffile.imwrite(folder / 'integers', np.zeros([4, 4], np.int32))
    return {'empty.png': (b'', 'is empty'),
            'text.png': (b'hello, world', 'is not a PNG, JPEG, BMP, TIFF or WebP image'),
            'moving.png': (iio.imwrite('<bytes>', np.stack([RGB, RGB]), extension='.gif'), 'is not a PNG'),
            'header.png': (png[:12], 'does not decode as PNG (its header is cut off)'),
            'half.png': (png[:len(png) // 2], 'does not decode as PNG'),
            'half.jpg': (iio.imwrite('<bytes>', RGB, extension='.jpg')[:300], 'does not decode as JPEG'),
            'half.bmp': (iio.imwrite('<bytes>', RGB, extension='.bmp')[:40], 'does not decode as BMP'),
            'half.tif': (iio.imwrite('<bytes>', RGB, extension='.tif')[:40], 'does not decode as TIFF'),
            'half.webp': (iio.imwrite('<bytes>', RGB, extension='.webp')[:40], 'does not decode as WebP'),
            'odd width.png': (odd, '7 x 6 pixels; an odd width'),
            'one pixel.png': (iio.imwrite('<bytes>', RGB[:1, :1], extension='.png'), '1 x 1 pixels; an odd width'),
            'bomb\nñ.png': (bytes(bomb), 'pixels are read at most, not] [60000 60000]'),
            'nan.tif': ((folder / 'nan').read_bytes(), 'NaN or infinity'),
            'integers.tif': ((folder / 'integers').read_bytes(), 'int32 values')}


def test_hostile_files_are_named_with_their_reason(tmp_path):
    for name, (content, message) in hostile(tmp_path).items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(tf.errors.OpError):
            run(reader.whole_pair(str(path)))
        error = str(reader.explain([str(path)]))
        assert message in error and repr(str(path)) in error and '\n' not in error, error
        assert 'node' not in error and 'Traceback' not in error
    assert 'no such file' in str(reader.explain([str(tmp_path / 'gone.png')]))


def test_explain_finds_the_one(tmp_path):
    good, bad = tmp_path / 'good.png', tmp_path / 'bad.png'
    iio.imwrite(good, RGB)
    bad.write_text('no')
    assert reader.explain([str(good)] * 3) is None
    assert 'bad.png' in str(reader.explain([str(good), str(bad)]))


def test_folders(tmp_path):
    with pytest.raises(reader.ReaderError, match='cannot be listed'):
        reader.list_images(str(tmp_path / 'nowhere'))
    with pytest.raises(reader.ReaderError, match='no images in it'):
        reader.list_images(str(tmp_path))
    for name in 'b.PNG', 'a.jpeg', 'notes.txt', 'c.Tif', '._a.jpeg':
        (tmp_path / name).touch()
    assert reader.list_images(str(tmp_path)) == reader.walk(str(tmp_path)) == ['a.jpeg', 'b.PNG', 'c.Tif']


# Pairs: halves, direction, channels, range.

def test_halves_direction_and_range(tmp_path):
    image = np.zeros([4, 8, 3], np.uint8)
    image[:, 4:] = 255
    iio.imwrite(tmp_path / 'pair.png', image)
    for direction, values in ('AtoB', (-1, 1)), ('BtoA', (1, -1)):
        source, target = run(reader.whole_pair(str(tmp_path / 'pair.png'), direction, 256))
        assert source.shape == target.shape == (1, 256, 256, 3)
        extremes = [source.min(), source.max(), target.min(), target.max()]
        np.testing.assert_allclose(extremes, np.repeat(values, 2), atol=1e-6)


def test_a_pair_of_the_right_size_is_not_resampled(tmp_path):
    image = RANDOM.randint(0, 256, [256, 512, 3]).astype(np.uint8)
    iio.imwrite(tmp_path / 'pair.png', image)
    source, target = run(reader.whole_pair(str(tmp_path / 'pair.png')))
    np.testing.assert_array_equal(source[0], image[:, :256].astype('f') * np.float32(2 / 255) - 1)
    np.testing.assert_array_equal(target[0], image[:, 256:].astype('f') * np.float32(2 / 255) - 1)


def test_gray_by_luma(tmp_path):
    image = np.zeros([256, 512, 3], np.uint8)
    image[:, :256, 1] = 200
    iio.imwrite(tmp_path / 'pair.png', image)
    source, target = run(reader.whole_pair(str(tmp_path / 'pair.png'), source_channels=1))
    assert source.shape == (1, 256, 256, 1) and target.shape == (1, 256, 256, 3)
    np.testing.assert_allclose(source, 0.587 * 200 * 2 / 255 - 1, atol=1e-5)


# Order, crop and flip.

@pytest.fixture
def numbered(tmp_path):
    """Seven flat pairs whose shade is their number: source 10 i, target 10 i + 5."""
    (tmp_path / 'train').mkdir()
    for i in range(7):
        image = np.full([8, 16, 3], 10 * i, np.uint8)
        image[:, 8:] += 5
        iio.imwrite(tmp_path / 'train' / f'{i}.png', image)
    return tmp_path / 'train'


def shades(batch):
    return [int(v) for v in np.rint((batch[:, 0, 0, 0] + 1) * 127.5)]


@pytest.mark.parametrize('batch_size', [1, 2, 3, 7, 10])
def test_every_image_once_per_epoch(numbered, batch_size):
    steps = reader.steps_per(4, 7, batch_size)
    assert steps == {1: 28, 2: 14, 3: 10, 7: 4, 10: 3}[batch_size]
    out = batches(numbered, steps=steps, batch_size=batch_size)
    assert {len(source) for source, _ in out} == {batch_size}
    sources = np.concatenate([shades(source) for source, _ in out])
    targets = np.concatenate([shades(target) for _, target in out])
    np.testing.assert_array_equal(targets, sources + 5)
    epochs = [tuple(sources[7 * e:7 * e + 7]) for e in range(4)]
    assert all(sorted(epoch) == [0, 10, 20, 30, 40, 50, 60] for epoch in epochs)
    assert len(set(epochs)) == 4


def test_starting_at_step_k_gives_what_the_unbroken_run_reads(pairs):
    whole = batches(pairs / 'train', steps=9, batch_size=3)
    for k in 1, 2, 5:
        rest = batches(pairs / 'train', steps=9, batch_size=3, first_step=k)
        assert len(rest) == 9 - k
        for one, other in zip(rest, whole[k:]):
            np.testing.assert_array_equal(one, other)


def test_seed_decides(pairs):
    one, again, other = (batches(pairs / 'train', seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (np.array(one) != np.array(other)).any()


def test_paths_of_step_names_what_the_batch_holds(numbered):
    names = reader.list_images(str(numbered))
    for step, (source, _) in enumerate(batches(numbered, steps=8, batch_size=3, seed=4), 1):
        paths = reader.paths_of_step(str(numbered), names, 4, step, 3)
        assert [int(p[-5]) * 10 for p in paths] == shades(source)


def test_crop_and_flip_are_the_same_for_both_halves_and_differ_by_image(tmp_path):
    """Both halves hold the same ramp: whatever happens to one must happen to the other."""
    y, x = np.mgrid[:286, :286]
    half = np.stack([x * 0.8, y * 0.8, 0 * x], -1).astype(np.uint8)
    (tmp_path / 'train').mkdir()
    for i in range(8):
        iio.imwrite(tmp_path / 'train' / f'{i}.png', np.concatenate([half, half], axis=1))
    corners, flipped = set(), set()
    for source, target in batches(tmp_path / 'train', steps=8):
        np.testing.assert_array_equal(source, target)
        assert source.shape == (2, 256, 256, 3)
        flipped |= {bool(image[0, 0, 0] > image[0, -1, 0]) for image in source}
        corners |= {(image[0, :, 0].min(), image[:, 0, 1].min()) for image in source}
    assert flipped == {True, False} and len(corners) > 10
    for source, _ in batches(tmp_path / 'train', steps=8, flip=False):
        assert (source[:, 0, 0, 0] < source[:, 0, -1, 0]).all()


def test_no_jitter_where_load_size_is_crop_size(tmp_path):
    draw_pairs(tmp_path, train=1)
    source, _ = batches(tmp_path / 'train', steps=1, batch_size=1, load_size=256, flip=False)[0]
    np.testing.assert_array_equal(source, run(reader.whole_pair(str(tmp_path / 'train' / '0.png')))[0])


def test_unique_stems():
    assert reader.unique_stems(['a.png', 'b.jpg', 'a.jpg']) == ['a.png', 'b', 'a.jpg']
    assert reader.unique_stems(['a.jpg', 'a.png', 'a.png.png']) == ['a.jpg', 'a.png', 'a.png.png']


def test_cmyk_and_a_file_of_two_pixels(tmp_path):
    cmyk, two = str(tmp_path / 'cmyk.jpg'), str(tmp_path / 'two.png')
    Image.new('CMYK', (8, 4), (0, 255, 255, 0)).save(cmyk)      # red
    iio.imwrite(two, np.zeros([1, 2, 3], np.uint8))
    (_, red, _), (_, black, _) = reader.inspect([cmyk, two])
    assert red.shape == (4, 8, 3) and red[..., 0].min() > 200 and red[..., 1:].max() < 60
    assert black.shape == (1, 2, 3)


def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / 'a.png'
    iio.imwrite(path, np.zeros([4, 8, 3], np.uint8))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip('this user may read every file')
    assert "a.png': cannot be opened (" in str(reader.explain([str(path)]))


def corners(image):
    """The colours of the four corners, as letters."""
    names = {(255, 0, 0): 'r', (0, 255, 0): 'g', (0, 0, 255): 'b', (255, 255, 255): 'w'}
    return ''.join(names[tuple(int(v > 128) * 255 for v in image[y, x])] for y in (0, -1) for x in (0, -1))


@pytest.mark.parametrize('extension', ['jpg', 'png', 'tif', 'webp'])
def test_photos_come_out_upright_as_pillow_turns_them(tmp_path, extension):
    picture = np.zeros([16, 32, 3], np.uint8)
    picture[:8, :16, 0] = picture[:8, 16:, 1] = picture[8:, :16, 2] = 255
    picture[8:, 16:] = 255
    for orientation in range(1, 9):
        path = str(tmp_path / f'{orientation}.{extension}')
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(picture).save(path, exif=exif, quality=95)
        with Image.open(path) as image:
            expected = np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
        [(_, upright, error)] = reader.pictures([path])
        assert error is None and upright.shape == expected.shape and upright.dtype == np.uint8
        assert corners(upright) == corners(expected), orientation


def test_pictures_keep_their_bits(tmp_path):
    fine = np.random.RandomState(0).randint(0, 65536, [6, 7, 3]).astype(np.uint16)
    (tmp_path / 'fine.png').write_bytes(imagecodecs.png_encode(fine))
    tifffile.imwrite(tmp_path / 'fine.tif', fine, photometric='rgb')
    (tmp_path / 'gray.png').write_bytes(imagecodecs.png_encode(fine[..., 0].copy()))
    iio.imwrite(tmp_path / 'eight.png', (fine >> 8).astype(np.uint8))
    (tmp_path / 'bad.png').write_bytes(b'')
    names = ['fine.png', 'fine.tif', 'gray.png', 'bad.png', 'eight.png']
    found = list(reader.pictures([str(tmp_path / name) for name in names]))
    for i in 0, 1:
        np.testing.assert_array_equal(found[i][1], fine)
    np.testing.assert_array_equal(found[2][1], np.repeat(fine[..., :1], 3, axis=-1))
    assert found[3][1] is None and "bad.png': is empty" in str(found[3][2])
    np.testing.assert_array_equal(found[4][1], fine >> 8)
    assert [p.dtype for _, p, error in found if not error] == [np.uint16] * 3 + [np.uint8]


def test_walk(tmp_path):
    for name in 'b/c/2.PNG', 'a.jpg', 'b/1.tif', 'b/notes.txt', 'out/a.png':
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert reader.walk(str(tmp_path), str(tmp_path / 'out')) == ['a.jpg', 'b/1.tif', 'b/c/2.PNG']
    assert reader.walk(str(tmp_path / 'b'), str(tmp_path)) == ['1.tif', 'c/2.PNG']      # inside the output
    (tmp_path / 'b/c/round').symlink_to(tmp_path / 'b')
    (tmp_path.parent / 'elsewhere').mkdir()
    (tmp_path.parent / 'elsewhere/3.png').touch()
    (tmp_path / 'b/linked').symlink_to(tmp_path.parent / 'elsewhere')
    assert reader.walk(str(tmp_path / 'b')) == ['1.tif', 'c/2.PNG', 'linked/3.png']
    assert reader.walk(str(tmp_path) + '/')[-1] == 'out/a.png'
    assert reader.walk(str(tmp_path / 'b/notes.txt')) == ['notes.txt']
    for path, message in ('none', 'no such file or folder'), ('b/d', 'no images in it'):
        (tmp_path / 'b/d').mkdir(exist_ok=True)
        with pytest.raises(reader.ReaderError, match=message):
            reader.walk(str(tmp_path / path))

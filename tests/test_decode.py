"""Every format, 8 and 16 bits, gray, colour, alpha and palette, against the pixels that were written."""

import io
import zlib

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image, ImageOps

from pix2pix.images import decode

RGB = np.random.RandomState(0).randint(0, 256, [6, 8, 3]).astype(np.uint8)
DAMAGED = b'Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01'      # EXIF data that is cut off
FINE = np.random.RandomState(1).randint(0, 65536, [6, 8, 3]).astype(np.uint16)


def run(tensor):
    with tf.compat.v1.Session() as sess:
        return sess.run(tensor)


def decoded(path):
    return run(decode.rgb(str(path)))


def encoded(image, extension, **how):
    """A file in memory, by Pillow."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, extension, **how)
    return file.getvalue()


# 8 bits.

@pytest.mark.parametrize('extension', ['png', 'bmp', 'tif', 'tiff', 'webp'])
def test_lossless_formats_come_back_exact(tmp_path, extension):
    path = tmp_path / f'image.{extension}'
    iio.imwrite(path, RGB, **({'lossless': True, 'plugin': 'pillow'} if extension == 'webp' else {}))
    np.testing.assert_array_equal(decoded(path), RGB)


def test_of_a_moving_gif_the_first_frame_is_read(tmp_path):
    frames = [Image.fromarray(image).quantize(64) for image in (RGB, 255 - RGB)]
    frames[0].save(tmp_path / 'moving.gif', save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decoded(tmp_path / 'moving.gif'), np.array(frames[0].convert('RGB')))


@pytest.mark.parametrize('mode', ['RGB', 'RGBA', 'L'])
def test_avif_is_read_as_pillow_reads_it(tmp_path, mode):
    Image.fromarray(RGB).convert(mode).save(tmp_path / 'a.avif', quality=95, subsampling='4:4:4')
    pixels = decoded(tmp_path / 'a.avif')
    with Image.open(tmp_path / 'a.avif') as image:
        np.testing.assert_array_equal(pixels, np.array(image.convert('RGB')))
    assert np.abs(pixels - np.array(Image.fromarray(RGB).convert(mode).convert('RGB'))).mean() < 8


@pytest.mark.parametrize('bits', [10, 12])
def test_more_bits_of_an_avif_become_8(tmp_path, bits):
    values = np.linspace(0, 255, 48 * 3).reshape(6, 8, 3)
    (tmp_path / 'a.avif').write_bytes(imagecodecs.avif_encode(
        np.rint(values / 255 * (2 ** bits - 1)).astype(np.uint16), level=100, bitspersample=bits))
    np.testing.assert_allclose(decoded(tmp_path / 'a.avif'), values, atol=1)


@pytest.mark.parametrize('name, expected', [('rgb.jp2', RGB), ('gray.j2k', RGB[..., :1]), ('fine.jp2', FINE)])
def test_jpeg_2000_comes_back_exact(tmp_path, name, expected):
    (tmp_path / name).write_bytes(imagecodecs.jpeg2k_encode(
        np.ascontiguousarray(expected.squeeze()), level=0, codecformat=name[-3:]))
    wide = expected.astype(np.uint16) * 257 if expected.dtype == np.uint8 else expected
    np.testing.assert_array_equal(run(decode.rgb_uint16(str(tmp_path / name))), np.broadcast_to(wide, [6, 8, 3]))


def test_the_content_decides_on_the_format_and_not_the_name(tmp_path):
    (tmp_path / 'image.jpg').write_bytes(iio.imwrite('<bytes>', RGB, extension='.tif'))
    np.testing.assert_array_equal(decoded(tmp_path / 'image.jpg'), RGB)


def test_jpeg_is_decoded_by_the_accurate_dct(tmp_path):
    """Pillow's decoder uses it too. The default one of TensorFlow is off by up to 4 here."""
    path = tmp_path / 'image.jpg'
    y, x = np.mgrid[:64, :64] / 64
    smooth = np.uint8(127.5 + 127 * np.stack([np.sin(9 * x), np.cos(7 * y), np.sin(8 * x * y)], axis=-1))
    iio.imwrite(path, smooth, quality=95)
    assert np.abs(decoded(path) - iio.imread(path)).max() <= 1


@pytest.mark.parametrize('mode, extension', [
    (mode, extension) for mode in ('L', 'P', 'RGBA', 'LA', '1') for extension in ('png', 'tif', 'bmp', 'webp')
    if (mode, extension) != ('LA', 'bmp')])         # there is no such file
def test_gray_palette_alpha_and_two_colours_come_out_as_rgb(tmp_path, mode, extension):
    image = Image.fromarray(RGB).convert(mode)
    image.save(tmp_path / f'image.{extension}', **({'lossless': True} if extension == 'webp' else {}))
    np.testing.assert_array_equal(decoded(tmp_path / f'image.{extension}'), np.array(image.convert('RGB')))


def test_alpha_is_dropped_and_changes_no_colour(tmp_path):
    clear = np.concatenate([RGB, np.arange(48, dtype=np.uint8).reshape(6, 8, 1)], axis=-1)
    for extension, how in ('png', {}), ('tif', {}), ('webp', {'lossless': True, 'exact': True}):
        Image.fromarray(clear).save(tmp_path / f'image.{extension}', **how)
        np.testing.assert_array_equal(decoded(tmp_path / f'image.{extension}'), RGB)
    gray = np.stack([RGB[..., 0], clear[..., 3]], axis=-1)
    tifffile.imwrite(tmp_path / 'gray.tif', gray, photometric='minisblack', extrasamples=['unassalpha'])
    np.testing.assert_array_equal(decoded(tmp_path / 'gray.tif'), np.repeat(RGB[..., :1], 3, axis=-1))


def test_a_cmyk_jpeg_has_the_colours_that_it_was_made_of(tmp_path):
    Image.new('CMYK', (8, 4), (0, 255, 255, 0)).save(tmp_path / 'red.jpg')
    red = decoded(tmp_path / 'red.jpg')
    assert red.shape == (4, 8, 3) and red[..., 0].min() > 200 and red[..., 1:].max() < 60


def test_one_row_of_two_pixels_is_an_image(tmp_path):
    iio.imwrite(tmp_path / 'two.png', RGB[:1, :2])
    np.testing.assert_array_equal(decoded(tmp_path / 'two.png'), RGB[:1, :2])


# 16 bits.

@pytest.mark.parametrize('extension', ['png', 'tif'])
def test_sixteen_bit_gray_keeps_its_precision(tmp_path, extension):
    path, gray = tmp_path / f'image.{extension}', np.arange(48, dtype=np.uint16).reshape(6, 8) * 1367
    iio.imwrite(path, gray)
    np.testing.assert_allclose(decoded(path), np.repeat(gray[..., None], 3, -1) / 65535 * 255, rtol=1e-6, atol=1e-5)
    np.testing.assert_array_equal(run(decode.rgb_uint16(str(path))), np.repeat(gray[..., None], 3, -1))


def test_sixteen_bit_colour_keeps_its_precision(tmp_path):
    (tmp_path / 'a.png').write_bytes(imagecodecs.png_encode(FINE))
    tifffile.imwrite(tmp_path / 'b.tif', FINE, photometric='rgb')
    tifffile.imwrite(tmp_path / 'c.tif', np.moveaxis(FINE, -1, 0), photometric='rgb', planarconfig='separate')
    tifffile.imwrite(tmp_path / 'd.tif', FINE, photometric='rgb', byteorder='>')
    for name in 'a.png', 'b.tif', 'c.tif', 'd.tif':
        np.testing.assert_array_equal(run(decode.rgb_uint16(str(tmp_path / name))), FINE, name)
        np.testing.assert_allclose(decoded(tmp_path / name), FINE / 257, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize('extension', ['png', 'jpg', 'bmp', 'tif', 'webp'])
def test_a_value_of_8_bits_is_257_times_itself_in_16(tmp_path, extension):
    iio.imwrite(tmp_path / f'image.{extension}', np.full([8, 8, 3], 130, np.uint8))
    wide = run(decode.rgb_uint16(str(tmp_path / f'image.{extension}')))
    assert wide.dtype == np.uint16 and (wide % 257 == 0).all() and abs(int(wide.max()) - 130 * 257) <= 2 * 257


# TIFF.

@pytest.mark.parametrize('bigtiff', [False, True])
@pytest.mark.parametrize('byteorder', ['<', '>'])
def test_tiff_of_both_byte_orders_and_both_sizes(tmp_path, bigtiff, byteorder):
    tifffile.imwrite(tmp_path / 'a.tif', RGB, photometric='rgb', bigtiff=bigtiff, byteorder=byteorder)
    np.testing.assert_array_equal(decoded(tmp_path / 'a.tif'), RGB)


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_floats_of_a_tiff_are_from_0_to_1(tmp_path, dtype):
    values = np.linspace(0, 1, 48).reshape(6, 8).astype(dtype)
    tifffile.imwrite(tmp_path / 'float.tif', values)
    np.testing.assert_allclose(decoded(tmp_path / 'float.tif'), np.repeat(values[..., None] * 255, 3, -1), atol=0.3)
    wide = run(decode.rgb_uint16(str(tmp_path / 'float.tif')))
    np.testing.assert_array_equal(wide[..., 0], np.rint(values.astype('d') * 65535))


def test_white_is_zero_in_some_tiffs(tmp_path):
    gray = RGB[..., 0]
    tifffile.imwrite(tmp_path / 'white.tif', 255 - gray, photometric='miniswhite')
    tifffile.imwrite(tmp_path / 'fine.tif', 65535 - FINE[..., 0], photometric='miniswhite')
    np.testing.assert_array_equal(decoded(tmp_path / 'white.tif')[..., 1], gray)
    np.testing.assert_array_equal(run(decode.rgb_uint16(str(tmp_path / 'fine.tif')))[..., 1], FINE[..., 0])


def test_of_several_pages_the_first_is_read(tmp_path):
    tifffile.imwrite(tmp_path / 'pages.tif', np.stack([RGB, 255 - RGB, RGB // 2]), photometric='rgb')
    np.testing.assert_array_equal(decoded(tmp_path / 'pages.tif'), RGB)


# What declares more pixels than are read is refused before it is decoded.

def bombs():
    """Name -> the bytes of a small picture that says it has 60,000 x 60,000 pixels, or about 16,000 a side for WebP and
    AVIF."""
    png, jpeg = bytearray(encoded(RGB, 'png')), bytearray(encoded(RGB, 'jpeg'))
    png[16:24] = (60000).to_bytes(4, 'big') * 2
    frame = jpeg.index(b'\xff\xc0')
    jpeg[frame + 5:frame + 9] = (60000).to_bytes(2, 'big') * 2
    bmp, webp = bytearray(encoded(RGB, 'bmp')), bytearray(encoded(RGB, 'webp', lossless=True))
    bmp[18:26] = (60000).to_bytes(4, 'little') * 2
    size = webp.index(b'VP8L') + 9                  # 14 bits each of width - 1 and height - 1
    webp[size:size + 4] = (int.from_bytes(webp[size:size + 4], 'little') | 2 ** 28 - 1).to_bytes(4, 'little')
    tiff = io.BytesIO()
    tifffile.imwrite(tiff, RGB, photometric='rgb')
    tiff.seek(0)
    with tifffile.TiffFile(tiff, mode='r+') as file:
        for name in 'ImageWidth', 'ImageLength':
            file.pages[0].tags[name].overwrite(60000)
    gif, avif, jp2 = (bytearray(content) for content in (
        encoded(RGB, 'gif'), encoded(RGB, 'avif'), imagecodecs.jpeg2k_encode(RGB)))
    gif[6:10] = (60000).to_bytes(2, 'little') * 2
    size = avif.index(b'ispe') + 8
    avif[size:size + 8] = (16000).to_bytes(4, 'big') * 2
    size = jp2.index(b'\xff\x4f\xff\x51') + 8
    jp2[size:size + 8] = (60000).to_bytes(4, 'big') * 2
    return {'png': png, 'jpg': jpeg, 'bmp': bmp, 'webp': webp, 'tif': bytearray(tiff.getvalue()), 'gif': gif,
            'avif': avif, 'jp2': jp2}


@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
@pytest.mark.parametrize('extension, why', [
    *((extension, '60000 x 60000 pixels, 21,600,000,000 bytes when decoded, and 805,306,368 is the limit')
      for extension in ('png', 'jpg', 'tif', 'jp2')),
    ('webp', '16384 x 16384 pixels, 1,610,612,736 bytes'),
    ('avif', '16000 x 16000 pixels, 1,536,000,000 bytes'),
    ('gif', 'more than 1,610,612,736 bytes when decoded'),
    ('bmp', None)])
def test_a_decompression_bomb_is_refused(tmp_path, extension, why):
    path = tmp_path / f'bomb.{extension}'
    path.write_bytes(bombs()[extension])
    with pytest.raises(tf.errors.OpError, match=why):
        decoded(path)


# Upright.

def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize('extension, how', [
    ('png', {}), ('webp', {'lossless': True}), ('tif', {}), ('jpg', {'quality': 95}), ('avif', {'quality': 95})])
def test_pixels_come_out_as_they_are_meant_to_be_seen(tmp_path, extension, how):
    """As Pillow turns them: exactly, but for the loss of JPEG and AVIF."""
    smooth = np.uint8(np.mgrid[:24, :40].sum(axis=0)[..., None] * [4, 2, 1])
    seen = set()
    for orientation in range(1, 9):
        path = tmp_path / f'{orientation}.{extension}'
        Image.fromarray(smooth).save(path, exif=exif_of(orientation), **how)
        with Image.open(path) as image:
            upright = np.array(ImageOps.exif_transpose(image).convert('RGB'))
        pixels = decoded(path)
        assert pixels.shape == upright.shape
        np.testing.assert_allclose(pixels, upright, atol=2 if extension in ('jpg', 'avif') else 0)
        seen.add((pixels.shape, *(round(float(pixels[corner].sum()), -1) for corner in ((0, 0), (0, -1), (-1, 0)))))
    assert len(seen) == 8


@pytest.mark.parametrize('extension', ['jpg', 'png'])
def test_a_picture_without_exif_data_has_the_bits_of_tensorflow_s_decoder(tmp_path, extension):
    noise = np.random.RandomState(0).randint(0, 256, [33, 47, 3]).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / f'a.{extension}')
    content = tf.io.read_file(str(tmp_path / f'a.{extension}'))
    expected = tf.io.decode_png(content) if extension == 'png' else tf.io.decode_jpeg(
        content, channels=3, dct_method='INTEGER_ACCURATE')
    np.testing.assert_array_equal(decoded(tmp_path / f'a.{extension}'), run(expected))


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('extension', ['jpg', 'png', 'webp', 'avif'])
@pytest.mark.parametrize('damage', [b'\0\0\0\0', b'II*\0\xff\xff\xff\xff', b'MM\0*\0\0\0\x09'])
def test_damaged_exif_data_leaves_the_pixels_as_they_are(tmp_path, extension, damage):
    exif = exif_of(1)
    exif[0x010f] = 'maker'
    Image.fromarray(RGB).save(tmp_path / f'a.{extension}', exif=exif)
    expected = decoded(tmp_path / f'a.{extension}')
    content = (tmp_path / f'a.{extension}').read_bytes()
    at = max(content.find(b'MM\0*'), content.find(b'II*\0'))
    assert at > 0
    content = content[:at] + damage + content[at + len(damage):]
    if extension == 'png':      # else its checksum is wrong, and libpng drops the chunk
        start, end = at - 4, at + int.from_bytes(content[at - 8:at - 4], 'big')
        content = content[:end] + zlib.crc32(content[start:end]).to_bytes(4, 'big') + content[end + 4:]
    (tmp_path / f'a.{extension}').write_bytes(content)
    np.testing.assert_array_equal(decoded(tmp_path / f'a.{extension}'), expected)


# What a header says.

def test_a_file_has_8_bits_or_16(tmp_path):
    Image.fromarray(RGB).convert('1').save(tmp_path / 'one.png')
    Image.fromarray(RGB).convert('1').save(tmp_path / 'one.tif')
    Image.fromarray(RGB).save(tmp_path / 'eight.png')
    Image.fromarray(RGB).save(tmp_path / 'eight.jpg')
    Image.fromarray(RGB).save(tmp_path / 'eight.tif')
    Image.fromarray(RGB).save(tmp_path / 'eight.webp')
    Image.fromarray(RGB).save(tmp_path / 'eight.gif')
    Image.fromarray(RGB).save(tmp_path / 'eight.avif')
    (tmp_path / 'eight.jp2').write_bytes(imagecodecs.jpeg2k_encode(RGB))
    tifffile.imwrite(tmp_path / 'four.tif', RGB % 16, photometric='rgb', bitspersample=4)
    (tmp_path / 'fine.png').write_bytes(imagecodecs.png_encode(FINE))
    (tmp_path / 'fine.jp2').write_bytes(imagecodecs.jpeg2k_encode(FINE))
    tifffile.imwrite(tmp_path / 'fine.tif', FINE, photometric='rgb')
    tifffile.imwrite(tmp_path / 'ten.tif', FINE >> 6, photometric='rgb', bitspersample=10)
    tifffile.imwrite(tmp_path / 'fine.float.tif', np.zeros([4, 4], np.float32))
    assert {path.name: decode.bits(str(path)) for path in tmp_path.iterdir()} == {
        'one.png': 8, 'one.tif': 8, 'eight.png': 8, 'eight.jpg': 8, 'eight.tif': 8, 'eight.webp': 8, 'eight.gif': 8,
        'eight.avif': 8, 'eight.jp2': 8, 'four.tif': 8,
        'fine.png': 16, 'fine.jp2': 16, 'fine.tif': 16, 'ten.tif': 16, 'fine.float.tif': 16}


def test_the_bits_of_a_remote_file_are_known_too(tmp_path):
    tifffile.imwrite(tmp_path / 'fine.tif', FINE, photometric='rgb')
    for name, content in ('fine.png', imagecodecs.png_encode(FINE)), ('fine.tif', (tmp_path / 'fine.tif').read_bytes()):
        with tf.io.gfile.GFile(f'ram://bits/{name}', 'wb') as file:
            file.write(content)
        assert decode.bits(f'ram://bits/{name}') == 16


@pytest.mark.filterwarnings('error')
def test_the_orientation_of_a_file_is_known_without_decoding_it(tmp_path):
    for extension in 'jpg', 'png', 'webp', 'tif':
        Image.fromarray(RGB).save(tmp_path / f'turned.{extension}', exif=exif_of(6))
        Image.fromarray(RGB).save(tmp_path / f'plain.{extension}')
        assert decode.orientation(str(tmp_path / f'turned.{extension}')) == 6
        assert decode.orientation(str(tmp_path / f'plain.{extension}')) == 1
    Image.fromarray(RGB).save(tmp_path / 'damaged.jpg', exif=DAMAGED)
    (tmp_path / 'no picture.jpg').write_text('hello')
    for name in 'damaged.jpg', 'no picture.jpg':
        assert decode.orientation(str(tmp_path / name)) == 1

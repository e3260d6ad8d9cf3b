"""What ends a training is found by headers, in the words of who decodes; nothing is refused that can be read."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.images import headers
from pix2pix.images.diagnose import ImageError
from pix2pix.images.pairs import first_unreadable
from tests.test_diagnose import FORM, HOSTILE

RGB = np.random.RandomState(0).randint(0, 256, [5, 8, 3]).astype(np.uint8)


def turned_by(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def sound_files(folder):
    """The paths of pairs 8 pixels wide and 5 high, of each format and many kinds."""
    image, fine = Image.fromarray(RGB), RGB.astype(np.uint16) * 99
    for ending in 'png', 'jpg', 'bmp', 'tif', 'webp':
        image.save(folder / f'colour.{ending}')
        image.convert('L').save(folder / f'gray.{ending}')
        if ending != 'jpg':
            image.convert('RGBA').save(folder / f'alpha.{ending}')
    image.quantize(4).save(folder / 'palette.png')
    image.save(folder / 'progressive.jpg', progressive=True)
    image.save(folder / 'turned.jpg', exif=turned_by(3))
    image.convert('CMYK').save(folder / 'cmyk.jpg')
    (folder / 'fine.png').write_bytes(imagecodecs.png_encode(fine))
    tifffile.imwrite(folder / 'fine.tif', fine, photometric='rgb')
    return sorted(str(path) for path in folder.iterdir())


def test_of_sound_files_all_are_looked_at_and_none_is_decoded(tmp_path, monkeypatch):
    paths = sound_files(tmp_path)
    monkeypatch.setattr(headers, 'first_unreadable', lambda pairs, form: pytest.fail(f'{pairs} would be decoded'))
    assert len(paths) == 20 and headers.check_headers(paths, FORM, 60) == 20


@pytest.mark.parametrize('name', ['empty.png', 'text.png', 'header.png', 'half.png', 'half.jpg',
                                  'half.bmp', 'half.tif', 'half.webp', 'odd width.png', 'one pixel.png',
                                  'bomb\nñ.png', 'nothing.png'])
def test_what_a_header_or_an_end_tells_is_said_as_ever(tmp_path, name):
    content, message = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError) as raised:
        headers.check_headers([str(tmp_path / name)], FORM)
    assert message in str(raised.value) and str(raised.value) == str(first_unreadable([str(tmp_path / name)], FORM))


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('width', [16384, 2 ** 15])     # Pillow warns of the one, and refuses the other
def test_more_pixels_than_are_read_are_named_without_a_warning(tmp_path, width):
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, 'png')
    content = bytearray(file.getvalue())
    content[16:24] = width.to_bytes(4, 'big') * 2
    (tmp_path / 'bomb.png').write_bytes(content)
    with pytest.raises(ImageError, match='bytes when decoded, and 805,306,368 is the limit; make it smaller'):
        headers.check_headers([str(tmp_path / 'bomb.png')], FORM)


def test_the_first_of_several_is_named_also_where_it_does_not_open(tmp_path):
    paths = sound_files(tmp_path)
    (tmp_path / 'bad.png').write_bytes(b'')
    with pytest.raises(ImageError, match="gone.png': cannot be opened"):
        headers.check_headers([*paths, f'{tmp_path}/gone.png', f'{tmp_path}/bad.png'], FORM, 60)


def test_a_file_that_only_looks_wrong_is_read_and_let_pass(tmp_path):
    Image.fromarray(RGB).save(tmp_path / 'longer.jpg')
    with open(tmp_path / 'longer.jpg', 'ab') as file:
        file.write(b'what a telephone leaves behind')
    tifffile.imwrite(tmp_path / 'float.tif', np.zeros([4, 4, 3], np.float32), photometric='rgb')    # Pillow knows none
    paths = [str(tmp_path / 'longer.jpg'), str(tmp_path / 'float.tif')]
    assert all(headers.looks_wrong(path, FORM) for path in paths) and headers.check_headers(paths, FORM, 60) == 2


@pytest.mark.parametrize('ending', ['jpg', 'png', 'tif', 'webp'])
def test_the_height_of_a_file_that_lies_on_its_side_may_be_its_width(tmp_path, ending):
    for orientation in range(1, 9):
        path = str(tmp_path / f'{orientation}.{ending}')
        Image.fromarray(RGB).save(path, exif=turned_by(orientation))        # an odd height
        assert headers.looks_wrong(path, FORM) == (orientation > 4), orientation


def test_when_the_time_is_over_no_more_are_looked_at(tmp_path):
    (tmp_path / 'bad.png').write_bytes(b'')
    assert headers.check_headers([f'{tmp_path}/bad.png'], FORM, 0) == 0

import imageio.v3 as iio
import numpy as np

from pix2pix.images import arrays as images


def test_to_uint8_rounds_and_is_the_reader_s_inverse():
    values = np.arange(256)
    np.testing.assert_array_equal(images.to_uint8((values * np.float32(2 / 255) - 1).astype('f')), values)
    np.testing.assert_array_equal(images.to_uint8(np.array([-1.2, 1.2, 0.0, -0.99])), [0, 255, 128, 1])


def test_grid_places_rows_and_columns():
    flat = lambda value, channels: np.full([2, 3, channels], value, np.uint8)
    picture = images.grid([[flat(1, 3), flat(2, 1)], [flat(3, 1), flat(4, 3)]])
    assert picture.shape == (4, 6, 3)
    np.testing.assert_array_equal(picture[::2, ::3, 0], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(picture[..., 0], picture[..., 2])


def test_write_png_is_lossless_and_whole(tmp_path):
    for channels in 1, 3:
        image = np.random.RandomState(0).randint(0, 256, [5, 4, channels]).astype(np.uint8)
        path = tmp_path / 'new' / 'folder' / f'{channels}.png'
        images.write_png(str(path), image)
        np.testing.assert_array_equal(iio.imread(path).reshape(image.shape), image)
    assert sorted(p.name for p in path.parent.iterdir()) == ['1.png', '3.png']

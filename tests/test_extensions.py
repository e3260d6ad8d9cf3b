"""An image is known by its name. tests/test_folders.py has more names."""

import pytest

from pix2pix.images.extensions import EXTENSIONS, is_image


@pytest.mark.parametrize('extension', ['.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp'])
def test_these_extensions_are_those_of_images_in_either_case(extension):
    assert extension in EXTENSIONS and is_image(f'a{extension}') and is_image(f'A{extension.upper()}')


@pytest.mark.parametrize('name', ['a.txt', 'png', 'a.png.txt', '.png', '._a.png'])
def test_other_files_and_hidden_ones_are_none(name):
    assert not is_image(name)

"""A page that draws, in a browser, and the label maps, the run and the export that it is made of."""

import base64
import io
import time

import imageio.v3 as iio
import numpy as np
import pytest
from selenium.webdriver import ActionChains

from pix2pix import Generator
from pix2pix.draw import ort
from pix2pix.errors import UserError
from pix2pix.export import __main__ as export
from pix2pix.images import palette, png
from tests.browser import Page
from tests.test_generator import make_run

WALL, WINDOW, DOOR = '#0030ff', '#0080fe', '#ae0001'
LEVELS = 2      # of 255, the bound of weights of float16; those of int8 are beyond theirs in so small a network
STATE = 'return document.body.dataset.state'


class DrawingPage(Page):
    """Opened, and ready to draw."""

    def __init__(self, browser, path, fragment='', within=60, state='ready'):
        super().__init__(browser, path, fragment)
        self.wait(state, within)

    def wait(self, state='ready', within=60):
        """Until nothing is being drawn any more."""
        end = time.monotonic() + within
        while self.js(STATE) != state:
            assert time.monotonic() < end, (self.js(STATE), self.text('status'), self.text('error'))
            time.sleep(0.02)

    def until(self, condition, within=20):
        """Until an expression of JavaScript holds."""
        end = time.monotonic() + within
        while not self.js(f'return {condition}'):
            assert time.monotonic() < end, condition
            time.sleep(0.02)

    def text(self, name):
        return self.js('return document.getElementById(arguments[0]).textContent', name)

    def click(self, name):
        self.js('document.getElementById(arguments[0]).click()', name)
        self.wait()

    def take(self, tool):
        self.browser.find_element('css selector', f'[data-tool={tool}]').click()

    def choose(self, code):
        self.browser.find_element('css selector', f'[data-colour="{code}"]').click()

    def canvas(self, name):
        """The pixels of 'drawing' or 'picture', uint8 [H, W, 3]."""
        address = self.js('return document.getElementById(arguments[0]).toDataURL()', name)
        return iio.imread(io.BytesIO(base64.b64decode(address.partition(',')[2])))[..., :3]

    def drag(self, *points):
        """A stroke of the mouse through places (x, y) of the drawing."""
        canvas = self.browser.find_element('id', 'drawing')
        width, height = self.canvas('drawing').shape[1::-1]
        box = canvas.size
        at = [(round((x + 0.5) * box['width'] / width - box['width'] / 2),
               round((y + 0.5) * box['height'] / height - box['height'] / 2)) for x, y in points]
        chain = ActionChains(self.browser, duration=20).move_to_element_with_offset(canvas, *at[0]).click_and_hold()
        for place in at[1:]:
            chain.move_to_element_with_offset(canvas, *place)
        chain.release().perform()
        self.wait()


def near(picture, expected, levels):
    """Whether no value is further off than so many levels of 255."""
    return np.abs(picture.astype(int) - expected).max() <= levels


def rgb(code):
    return palette.rgb(code)


def label_map(door=True):
    """A wall with a window and, it may be, a door."""
    labels = np.full([256, 256, 3], rgb(WALL), np.uint8)
    labels[40:120, 60:140] = rgb(WINDOW)
    if door:
        labels[160:256, 100:140] = rgb(DOOR)
    return labels


def draw_labels(folder):
    """Pairs of a gray "photo" on the left and labels on the right, two of them held out."""
    for split, number in ('train', 2), ('val', 2):
        (folder / split).mkdir(parents=True)
        for i in range(number):
            photo = np.full([256, 256, 3], 100 + 50 * i, np.uint8)
            png.write(str(folder / split / f'{i}.png'), np.concatenate([photo, label_map(door=i == 0)], axis=1))


def make_page(tmp_path, *args, pairs=True, **options):
    """An exported page of a tiny untrained run: (the path of what was written, the run's folder)."""
    try:
        ort.parts()
    except UserError as error:
        pytest.skip(f'onnxruntime-web cannot be had: {error}')
    if pairs:
        draw_labels(tmp_path / 'pairs')
    folder = str(tmp_path / 'pairs') if pairs else ''
    run = make_run(tmp_path / 'labels', direction='BtoA', folder=folder, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        given = ['--checkpoint', run + '/model-5', '--to', 'page', '--weights', 'float16', *args]
        assert export.main(export.parse(given)) == 0
    [path] = (tmp_path / 'samples/labels/export').glob('page*')
    return path, run


def expected(made, drawing):
    return Generator(made[1], dropout=False)(drawing)

"""A page that draws, in a browser: what the tests of both engines do with it."""

import base64
import io
import time

import imageio.v3 as iio
import numpy as np
from selenium.webdriver import ActionChains

from tests.browser import Page

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

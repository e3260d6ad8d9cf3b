"""A real browser, and a page in it. Without a browser these tests are skipped, and say so."""

import json
import shutil

import imageio.v3 as iio
import pytest


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    webdriver = pytest.importorskip('selenium.webdriver')
    binary, driver = shutil.which('chromium') or shutil.which('google-chrome'), shutil.which('chromedriver')
    if not binary or not driver:
        pytest.skip('no browser: apt-get install chromium chromium-driver')
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in ('headless', 'no-sandbox', 'disable-gpu', 'disable-dev-shm-usage', 'disable-background-networking',
                 'disable-component-update', 'disable-sync', 'no-first-run', 'window-size=1200,900',
                 'host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'):
        options.add_argument(f'--{flag}')
    downloads = tmp_path_factory.mktemp('downloads')
    options.add_experimental_option('prefs', {'download.default_directory': str(downloads),
                                              'profile.default_content_setting_values.automatic_downloads': 1})
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as browser:
        browser.downloads = downloads
        yield browser


class Page:
    """A page in the browser, and what was asked of the network and said on the console since it was opened."""

    def __init__(self, browser, path, fragment=''):
        self.browser = browser
        browser.get('about:blank')
        self.requests()
        browser.get_log('browser')
        browser.get((path if isinstance(path, str) else path.as_uri()) + fragment)

    def requests(self):
        messages = [json.loads(entry['message'])['message'] for entry in self.browser.get_log('performance')]
        return [m['params']['request']['url'] for m in messages if m['method'] == 'Network.requestWillBeSent']

    def js(self, script, *args):
        return self.browser.execute_script(script, *args)

    def set(self, name, value, event):
        self.js('const e = document.getElementById(arguments[0]); e.value = arguments[1];'
                'e.dispatchEvent(new Event(arguments[2]))', name, value, event)

    def key(self, keys):
        self.browser.switch_to.active_element.send_keys(keys)

    def pixels(self):
        return iio.imread(self.browser.get_screenshot_as_png())[..., :3]

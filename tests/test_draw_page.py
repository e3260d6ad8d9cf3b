"""The page with the model in it or beside it, in a browser: what it asks for, and what it says where it cannot draw."""

import functools
import http.server
import json
import threading

import numpy as np
import pytest

from pix2pix import Generator
from pix2pix.draw import ort
from pix2pix.errors import UserError
from tests.drawing import DOOR, LEVELS, WALL, WINDOW, DrawingPage, expected, label_map, make_page, near, rgb


@pytest.fixture(scope='module')
def made(tmp_path_factory, browser):
    return make_page(tmp_path_factory.mktemp('page'))


@pytest.fixture
def page(browser, made):
    return DrawingPage(browser, made[0])


def test_from_the_disk_it_asks_nothing_of_a_network_and_complains_of_nothing(page, browser):
    addresses = [address for address in page.requests() if not address.startswith(('data:', 'blob:'))]
    assert [address.partition('#')[0] for address in addresses] == [page.js('return location.href').partition('#')[0]]
    assert [line for line in browser.get_log('browser') if line['level'] == 'SEVERE'] == []
    assert page.text('error') == '' and page.text('status').startswith('ready: drawn in this page')
    assert page.text('time').endswith(' ms')


@pytest.mark.parametrize('junk', ['AAAAAAAAAAAA', '!no base64!!'])
def test_a_damaged_model_is_named(browser, made, tmp_path, junk):
    text = made[0].read_text()
    start = text.index('id="model">') + len('id="model">') + 2000
    (tmp_path / 'damaged.html').write_text(text[:start] + junk + text[start + 12:])
    page = DrawingPage(browser, tmp_path / 'damaged.html', state='failed')
    assert 'the model in this page is damaged' in page.text('error') and page.text('status') == 'nothing can be drawn'


def test_a_page_that_was_cut_off_is_named(browser, made, tmp_path):
    text = made[0].read_text()
    (tmp_path / 'cut.html').write_text(text[:len(text) * 2 // 3])
    page = DrawingPage(browser, tmp_path / 'cut.html', state='failed')
    assert page.text('error') == 'this page was cut off: copy it again'


def test_too_little_memory_is_said_in_words(page):
    for message in 'std::bad_alloc', '12345678', 'Out of memory', 'Array buffer allocation failed':
        assert page.js('return inWords(arguments[0])', message).startswith('there is not enough memory')


def test_a_model_that_draws_something_else_here_is_not_used(browser, made, tmp_path):
    text = made[0].read_text()
    config = text[text.index('id="config">') + len('id="config">'):].partition('</script>')[0]
    other = json.loads(config)
    other['trial']['expected'][3] += 50
    (tmp_path / 'other.html').write_text(text.replace(config, json.dumps(other)))
    page = DrawingPage(browser, tmp_path / 'other.html', state='failed')
    assert 'the model draws something else in this browser' in page.text('error')


def test_a_browser_without_webassembly_is_told(browser, made):
    script = browser.execute_cdp_cmd('Page.addScriptToEvaluateOnNewDocument', {'source': 'delete window.WebAssembly'})
    try:
        page = DrawingPage(browser, made[0], state='failed')
        assert 'no WebAssembly' in page.text('error')
    finally:
        browser.execute_cdp_cmd('Page.removeScriptToEvaluateOnNewDocument', script)


@pytest.mark.faults
def test_beside_a_web_server_the_model_lies_beside_the_page(browser, tmp_path):
    path, run = make_page(tmp_path, '--folder', '--dropout')
    page = DrawingPage(browser, path / 'index.html', state='failed')
    assert page.text('error') == 'this page lies in a folder for a web server: open it from one'
    assert {file.name for file in path.iterdir()} == {'index.html', 'model.bin', 'engine.bin', 'library.bin'}
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=path)
    handler.log_message = lambda *args: None
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = DrawingPage(browser, f'http://127.0.0.1:{server.server_address[1]}/index.html')
        assert near(page.canvas('picture'), Generator(run)(page.canvas('drawing')), LEVELS)      # with its dropout
        server.shutdown()


def test_another_package_in_the_place_of_onnxruntime_web_is_not_used(tmp_path):
    (tmp_path / 'package.tgz').write_bytes(b'another')
    with pytest.raises(UserError, match='is not onnxruntime-web 1.30.0: its SHA-512 is another. Delete it'):
        ort.parts(tmp_path / 'package.tgz')


@pytest.mark.faults
def test_labels_of_a_rectangle_are_channels_in_the_page_too(browser, tmp_path):
    """The sources of the pairs are squares, which the training resizes, to the nearest pixel."""
    made = make_page(tmp_path, crop_size=[128, 256], depth=7, labels=[WALL, WINDOW, DOOR])
    page = DrawingPage(browser, made[0])
    drawn = label_map()[1::2]
    np.testing.assert_array_equal(page.canvas('drawing'), drawn)
    assert near(page.canvas('picture'), expected(made, drawn), LEVELS)
    page.take('rectangle')
    page.choose(DOOR)
    page.drag((200, 20), (240, 90))
    before, drawn = drawn, page.canvas('drawing')
    assert (before[22:89, 202:239] != rgb(DOOR)).any(-1).all() and (drawn[22:89, 202:239] == rgb(DOOR)).all()
    assert near(page.canvas('picture'), expected(made, drawn), LEVELS)

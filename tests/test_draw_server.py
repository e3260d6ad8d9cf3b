"""The server behind the page: what it draws, whom it refuses, and a page of its own in a browser."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import types
import urllib.error
import urllib.request

import imageio.v3 as iio
import numpy as np
import pytest
from starlette.exceptions import HTTPException

from pix2pix import Generator
from pix2pix.draw import server
from pix2pix.draw.painter import Painter
from pix2pix.draw.server import Artist, decoded, in_words
from pix2pix.errors import UserError
from pix2pix.images import png
from pix2pix.run.folder import Run
from tests.drawing import DOOR, DrawingPage, draw_labels, label_map, near, rgb
from tests.scripts import ROOT
from tests.test_generator import make_run

ENVIRONMENT = {**os.environ, 'PYTHONPATH': ROOT}


@pytest.fixture(scope='module')
def served(tmp_path_factory):
    """(the address of a server, its run, its process)"""
    folder = tmp_path_factory.mktemp('served')
    draw_labels(folder / 'pairs')
    (folder / 'checkpoints').mkdir()
    run = make_run(folder / 'checkpoints/labels', direction='BtoA', folder=str(folder / 'pairs'))
    process = subprocess.Popen([sys.executable, '-m', 'pix2pix.draw', '--name', 'labels', '--no_browser'], cwd=folder,
                               env=ENVIRONMENT, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    address = re.search(r'draw at (http://127\.0\.0\.1:\d+/) with checkpoint 5 of labels', line)
    assert address, line + process.stderr.read()
    yield address[1], run, process
    process.kill()
    process.communicate()


def ask(address, body=None, **headers):
    """(status, headers, body) of an answer."""
    request = urllib.request.Request(address, body, {name.replace('_', '-'): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def drawn(address, picture=None, **headers):
    picture = label_map() if picture is None else picture
    return ask(address + 'draw', png.encode(picture), **{'Content_Type': 'image/png', **headers})


def test_it_draws_what_the_generator_draws(served):
    address, run, _ = served
    status, headers, body = drawn(address)
    assert status == 200 and headers['X-Step'] == '5'
    assert near(iio.imread(body), Generator(run, dropout=False)(label_map()), 1)
    assert json.loads(ask(address + 'about')[2]) == {'step': 5}


def test_a_foreign_page_is_refused(served):
    address, *_ = served
    assert drawn(address, Origin='http://evil.example')[0] == 403
    assert drawn(address, Origin=address.rstrip('/'))[0] == 200
    assert ask(address, Host='evil.example')[0] == 400         # a name that leads here, of somebody else's
    assert ask(address, Host='localhost:1')[0] == 200
    assert ask(address)[1]['Cross-Origin-Resource-Policy'] == 'same-origin'


def test_what_is_no_drawing_is_refused_and_it_goes_on(served):
    address, *_ = served
    noise = np.random.RandomState(0).bytes(3000)
    assert ask(address + 'draw', b'nonsense', Content_Type='image/png')[0] == 415
    assert ask(address + 'draw', png.encode(label_map()), Content_Type='text/plain')[0] == 415
    assert ask(address + 'draw', png.encode(label_map())[:200] + noise, Content_Type='image/png')[0] == 400
    status, _, words = drawn(address, np.zeros([256, 512, 3], np.uint8))
    assert status == 400 and words == b'a drawing has 256 x 256 pixels here, not 512 x 256'
    assert drawn(address, np.zeros([256, 256, 3], np.uint16))[0] == 415
    assert ask(address + 'none')[0] == 404 and ask(address + 'draw')[0] == 405
    assert drawn(address)[0] == 200


def test_a_hundred_megabytes_are_not_read(served):
    address, *_ = served
    host, port = address.removeprefix('http://').rstrip('/').split(':')
    head = f'POST /draw HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: image/png\r\n'
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(f'{head}Content-Length: 100000000\r\n\r\n'.encode())       # and none of them
        assert connection.recv(1000).startswith(b'HTTP/1.1 413 ')
    with socket.create_connection((host, int(port)), timeout=20) as connection:         # of no length that is told
        connection.sendall(f'{head}Transfer-Encoding: chunked\r\n\r\n'.encode())
        piece = b'40000\r\n' + bytes(0x40000) + b'\r\n'
        connection.sendall(2 * piece)
        assert connection.recv(1000).startswith(b'HTTP/1.1 413 ')
    assert drawn(address)[0] == 200


def test_a_drawing_is_decoded_to_rgb():
    picture = label_map()
    for given, expected in (picture, picture), (picture[..., 0], np.repeat(picture[..., :1], 3, axis=-1)), (
            np.concatenate([picture, picture[..., :1]], axis=-1), picture):
        np.testing.assert_array_equal(decoded(png.encode(given), (256, 256)), expected)


def test_of_each_page_only_the_newest_request_is_drawn():
    answers, drawn = asked([('a', 1), ('a', 2), ('b', 3), ('a', 4), ('b', 5)])
    assert answers == [(1, 0), None, None, (4, 0), (5, 0)]
    assert drawn == [1, 4, 5]       # in the order in which the newest came


def asked(requests):
    """What is answered to each (page, picture), all asked while the first is drawn, and what was drawn, in order."""
    drawn, all_have_asked = [], threading.Event()

    def draw(picture):
        all_have_asked.wait(30)
        drawn.append(picture)
        return picture, 0

    async def ask():
        artist, tasks = Artist(draw), []
        for page, picture in requests:
            tasks.append(asyncio.create_task(artist(page, picture)))
            await asyncio.sleep(0.02)
        all_have_asked.set()
        return await asyncio.gather(*tasks, return_exceptions=True)
    return asyncio.run(ask()), drawn


def test_more_pages_than_can_wait_are_refused_and_one_that_waits_is_not(monkeypatch):
    monkeypatch.setattr(server, 'MOST_WAITING', 2)
    (*others, refused, newer), _ = asked([('a', 1), ('b', 2), ('c', 3), ('d', 4), ('c', 5)])
    assert [*others, newer] == [(1, 0), (2, 0), None, (5, 0)]
    assert isinstance(refused, HTTPException) and refused.status_code == 503


def test_a_request_that_takes_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(server, 'SECONDS', 0.05)

    async def stream():
        yield b'begun'
        await asyncio.sleep(5)
    with pytest.raises(HTTPException) as late:
        asyncio.run(asyncio.wait_for(server.body(types.SimpleNamespace(headers={}, stream=stream), 100), 2))
    assert late.value.status_code == 408


def test_an_error_of_one_drawing_is_told_to_who_asked_and_the_next_is_drawn():
    def draw(picture):
        if picture == 1:
            raise ValueError('broken')
        return picture, 0

    async def ask_for_both():
        artist = Artist(draw)
        return await asyncio.gather(artist('a', 1), artist('b', 2), return_exceptions=True)
    first, second = asyncio.run(ask_for_both())
    assert str(first) == 'broken' and second == (2, 0)


def test_two_pages_at_once_and_a_model_that_is_renewed(served, browser, tmp_path):
    address, run, _ = served
    page = DrawingPage(browser, address)
    assert page.text('status') == 'ready: drawn by the server, step 5'
    assert near(page.canvas('picture'), Generator(run, dropout=False)(label_map()), 1)
    browser.switch_to.new_window('tab')
    other = DrawingPage(browser, address, '#example=2')
    other.take('rectangle')
    other.choose(DOOR)
    other.drag((10, 10), (200, 30))
    assert (other.canvas('drawing')[12:29, 12:199] == rgb(DOOR)).all()
    assert near(other.canvas('picture'), Generator(run, dropout=False)(other.canvas('drawing')), 1)
    browser.close()
    browser.switch_to.window(browser.window_handles[0])

    # The training goes on: step 7.
    make_run(tmp_path / 'newer', seed=2)
    for suffix in '.data-00000-of-00001', '.index', '.sums':
        if (tmp_path / f'newer/model-5{suffix}').exists():
            shutil.copy(tmp_path / f'newer/model-5{suffix}', f'{run}/model-7{suffix}')
    end = time.monotonic() + 30
    while 'the model was renewed: step 7' not in page.text('status'):
        assert time.monotonic() < end, page.text('status')
        time.sleep(0.1)
    before = page.canvas('picture')
    page.js('redraw()')
    page.wait()
    assert page.text('status') == 'ready: drawn by the server, step 7'
    assert not near(page.canvas('picture'), before, 9)
    assert near(page.canvas('picture'), Generator(run, dropout=False)(page.canvas('drawing')), 1)


def test_a_damaged_newest_checkpoint_is_tried_once_and_the_one_before_draws_on(tmp_path, capfd):
    run = make_run(tmp_path / 'tiny')
    painter = Painter(Run(run))
    for end in 'data-00000-of-00001', 'index', 'sums':
        shutil.copy(f'{run}/model-5.{end}', f'{run}/model-9.{end}')
    with open(f'{run}/model-9.data-00000-of-00001', 'r+b') as file:
        file.truncate(1000)
    assert painter.newest() == 5 and 'model-9' in capfd.readouterr().out
    session = painter.session
    assert painter.newest() == 5 and capfd.readouterr().out == '' and painter.session is session


def test_an_error_is_a_line_for_who_asked_and_on_the_terminal(capsys):
    for error, line in [(RuntimeError('no memory'), 'RuntimeError: no memory'), (UserError('gone'), 'gone')]:
        with pytest.raises(HTTPException) as answer, in_words():
            raise error
        assert (answer.value.status_code, answer.value.detail) == (500, line)
        assert capsys.readouterr().err == f'nothing was drawn: {line}\n'
    with pytest.raises(HTTPException, match='403'), in_words():
        raise HTTPException(403)
    assert capsys.readouterr().err == ''


def test_ctrl_c_ends_it_without_a_word(served):
    *_, process = served
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130 and err == '' and out == ''


def test_a_port_that_is_taken_is_named(tmp_path):
    (tmp_path / 'checkpoints').mkdir()
    make_run(tmp_path / 'checkpoints/tiny')
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        process = subprocess.run([sys.executable, '-m', 'pix2pix.draw', '--name', 'tiny', '--no_browser', '--port',
                                  str(port)], cwd=tmp_path, env=ENVIRONMENT, text=True,
                                 capture_output=True, timeout=120)
    assert process.returncode == 1
    assert process.stderr == (f'pix2pix.draw: 127.0.0.1 port {port} cannot be listened on (Address already in use). '
                              'Give another --port or --host\n')


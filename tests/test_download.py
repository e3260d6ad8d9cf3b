"""Downloads from an HTTP server on loopback that misbehaves as it is told."""

import contextlib
import fcntl
import hashlib
import http.server
import os
import socket
import threading

import pytest

from datasets import archive
from datasets.catalogue import CATALOGUE, Dataset
from datasets.download import download, main, parse, size_of
from pix2pix import files
from pix2pix.download import TooSlow, cached, fetch, fetch_once, within
from pix2pix.errors import UserError
from tests.test_archive import FILES, tar_of

CONTENT = tar_of(FILES)     # not compressed, so that it is the same every time


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` at any address but those with 'missing' in it, which are not there.

    cuts      how many bytes of it each of the next answers has before it breaks off
    statuses  of the next answers, instead of content
    validator, ranges, length   whether it sends an ETag, goes on where it is asked to, and says how long it is
    raw       what the next answers are instead, byte for byte
    before    is called before each answer
    requests  the ranges that it was asked for, None for all
    """

    def __init__(self, content):
        super().__init__(('127.0.0.1', 0), Handler)
        self.content, self.cuts, self.statuses, self.requests, self.raw = content, [], [], [], []
        self.ranges = self.length = self.validator = True
        self.before = lambda: None
        self.url = f'http://127.0.0.1:{self.server_port}'


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, asked = self.server, self.headers.get('Range')
        server.requests.append(asked)
        server.before()
        if server.raw:
            self.wfile.write(server.raw.pop(0))
            self.close_connection = True
            return None
        if 'missing' in self.path or server.statuses:
            return self.send_error(404 if 'missing' in self.path else server.statuses.pop(0))
        tag, start = f'"{hashlib.md5(server.content).hexdigest()}"', 0
        if server.ranges and asked and self.headers.get('If-Range') == tag:
            start = int(asked.removeprefix('bytes=').rstrip('-'))
        self.send_response(206 if start else 200)
        if server.length:
            self.send_header('Content-Length', str(len(server.content) - start))
        if server.validator:
            self.send_header('ETag', tag)
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else len(server.content)
        self.wfile.write(server.content[start:start + cut])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = Server(CONTENT)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


# pix2pix.download: one file.

def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_whole_and_nothing_else_is_left(server, tmp_path):
    fetch(f'{server.url}/it', str(tmp_path / 'it'))
    assert (tmp_path / 'it').read_bytes() == CONTENT and names_in(tmp_path) == ['it'] and server.requests == [None]


def test_what_breaks_off_goes_on_where_it_broke_off(server, tmp_path):
    server.cuts = [100_000, 50_000]
    fetch(f'{server.url}/it', str(tmp_path / 'it'))
    assert server.requests == [None, 'bytes=100000-', 'bytes=150000-']
    assert (tmp_path / 'it').read_bytes() == CONTENT and names_in(tmp_path) == ['it']


def test_what_breaks_off_three_times_is_an_error_and_a_later_call_goes_on(server, tmp_path):
    server.cuts = [50_000, 30_000, 20_000]
    with pytest.raises(OSError, match=f'broke off after 100,000 of {len(CONTENT):,} bytes'):
        fetch(f'{server.url}/it', str(tmp_path / 'it'))
    assert len(server.requests) == 3 and not (tmp_path / 'it').exists()
    fetch(f'{server.url}/it', str(tmp_path / 'it'))
    assert server.requests[3:] == ['bytes=100000-'] and (tmp_path / 'it').read_bytes() == CONTENT


@pytest.mark.parametrize('lacks', ['ranges', 'validator'])
def test_a_server_that_cannot_go_on_starts_again(server, tmp_path, lacks):
    setattr(server, lacks, False)
    server.cuts = [100_000]
    fetch(f'{server.url}/it', str(tmp_path / 'it'))
    assert (tmp_path / 'it').read_bytes() == CONTENT and len(server.requests) == 2


def test_a_file_that_has_changed_meanwhile_is_not_glued(server, tmp_path):
    server.cuts = [50_000] * 3
    with pytest.raises(OSError):
        fetch(f'{server.url}/it', str(tmp_path / 'it'))
    server.content = new = CONTENT.replace(b'one', b'new')
    fetch(f'{server.url}/it', str(tmp_path / 'it'))
    assert (tmp_path / 'it').read_bytes() == new


def test_a_part_of_another_address_is_not_carried_on_with(server, tmp_path):
    server.cuts = [50_000] * 3
    with pytest.raises(OSError):
        fetch(f'{server.url}/one', str(tmp_path / 'it'))
    fetch(f'{server.url}/other', str(tmp_path / 'it'))
    assert server.requests[3:] == [None] and (tmp_path / 'it').read_bytes() == CONTENT


def test_a_part_that_is_longer_than_the_file_is_thrown_away(server, tmp_path):
    """416: the server has nothing from there on."""
    server.cuts = [50_000] * 3
    with pytest.raises(OSError):
        fetch(f'{server.url}/it', str(tmp_path / 'it'))
    server.statuses = [416]
    fetch(f'{server.url}/it', str(tmp_path / 'it'))
    assert server.requests[3:] == ['bytes=150000-', None] and (tmp_path / 'it').read_bytes() == CONTENT


def test_a_server_in_trouble_is_asked_three_times_and_one_that_refuses_once(server, tmp_path):
    server.statuses = [503, 500]
    fetch(f'{server.url}/it', str(tmp_path / 'it'))
    assert len(server.requests) == 3 and (tmp_path / 'it').read_bytes() == CONTENT
    for statuses, code, asked in ([503] * 4, 503, 3), ([403], 403, 1), ([404], 404, 1):
        server.statuses, server.requests = list(statuses), []
        with pytest.raises(OSError, match=f'HTTP Error {code}'):
            fetch(f'{server.url}/it', str(tmp_path / 'other'))
        assert len(server.requests) == asked
    assert names_in(tmp_path) == ['it']


def test_a_server_that_does_not_say_how_long_the_file_is(server, tmp_path):
    server.length = False
    fetch(f'{server.url}/it', str(tmp_path / 'it'))
    assert (tmp_path / 'it').read_bytes() == CONTENT


@pytest.mark.parametrize('tag', [b'', b'\xff\xfe', b'no line end', b'\n', b'URL\n"a\r"'])
def test_a_part_whose_tag_is_damaged_is_fetched_afresh(server, tmp_path, tag):
    (tmp_path / 'it.part').write_bytes(b'half')
    (tmp_path / 'it.part.tag').write_bytes(tag.replace(b'URL', f'{server.url}/it'.encode()))
    fetch(f'{server.url}/it', str(tmp_path / 'it'))
    assert server.requests == [None] and (tmp_path / 'it').read_bytes() == CONTENT and names_in(tmp_path) == ['it']


OK = b'HTTP/1.1 200 OK\r\n'


@pytest.mark.parametrize('raw', [
    OK + b'Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n', OK + b'Transfer-Encoding: chunked\r\n\r\nzz\r\n',
    OK + b'x: y\r\n' * 1000 + b'\r\n', b'\x1b]0;pwned\x07 garbage\r\n\r\n',
    b'HTTP/1.1 302 Found\r\nLocation: http://[\x1b\r\n\r\n', b'HTTP/1.1 404 \x1b]0;pwned\x07\x9b2J\r\n\r\n'],
    ids=['negative-chunk', 'no-number', 'headers', 'no-status', 'no-address', 'control-characters'])
def test_a_senseless_answer_is_an_error_of_one_line_that_a_terminal_does_not_obey(server, tmp_path, raw):
    server.raw = [raw] * 3
    with pytest.raises(OSError) as caught:
        fetch(f'{server.url}/it', str(tmp_path / 'it'))
    assert str(caught.value).isprintable() and not (tmp_path / 'it').exists()


def test_a_length_that_is_no_number_counts_as_none(server, tmp_path):
    server.raw = [OK + b'Content-Length: abc\r\n\r\n' + CONTENT]
    fetch(f'{server.url}/it', str(tmp_path / 'it'))
    assert (tmp_path / 'it').read_bytes() == CONTENT


@pytest.mark.parametrize('length', [True, False])
def test_more_than_a_file_may_have_is_refused_and_leaves_nothing(server, tmp_path, length):
    server.length = length
    with pytest.raises(OSError, match='more than the 100,000 bytes'):
        fetch(f'{server.url}/it', str(tmp_path / 'it'), limit=100_000)
    assert not names_in(tmp_path) and len(server.requests) == 1


def test_a_server_that_says_nothing_has_so_much_time_and_no_more(tmp_path):
    with socket.create_server(('127.0.0.1', 0)) as silent, pytest.raises(TooSlow, match='longer than 0 seconds'), \
            within(0.2):
        fetch_once(f'http://127.0.0.1:{silent.getsockname()[1]}/it', str(tmp_path / 'it'), 100)
    with within(0.01):
        pass
    threading.Event().wait(0.05)        # its alarm was switched off


# datasets.download: a data set.

@pytest.fixture
def tiny(server, monkeypatch, tmp_path):
    """The server has a data set of the catalogue, tiny: the form of its address."""
    monkeypatch.setitem(CATALOGUE, 'tiny', Dataset('AtoB', {'train': 2, 'val': 1}, 1, 'a test', size=len(CONTENT)))
    monkeypatch.setattr(archive, 'LISTS', str(tmp_path))     # where lists of digests lie
    return server.url + '/{name}.tar.gz'


def assert_whole(root):
    for name, content in FILES.items():
        assert (root / name).read_bytes() == content
    assert names_in(root) == ['tiny']


def test_a_data_set_is_fetched_unpacked_and_not_fetched_again(server, tiny, tmp_path):
    for _ in range(2):
        assert download('tiny', str(tmp_path / 'new'), [tiny]) == str(tmp_path / 'new/tiny')
        assert_whole(tmp_path / 'new')
    assert server.requests == [None]


def test_of_two_that_want_it_at_once_one_fetches_and_the_other_waits(server, tiny, tmp_path, monkeypatch, capsys):
    """The server answers the first when the second says that it waits."""
    answering, waits, said = threading.Event(), threading.Event(), []
    monkeypatch.setattr(files, 'print', lambda line, flush: (said.append(line), waits.set()), raising=False)
    server.before = lambda: (answering.set(), waits.wait(20))
    threads = [threading.Thread(target=download, args=['tiny', str(tmp_path / 'new'), [tiny]]) for _ in range(2)]
    threads[0].start()
    assert answering.wait(20)
    threads[1].start()
    for thread in threads:
        thread.join(50)
    assert server.requests == [None] and said == [f'waiting for another process, which fills {tmp_path}/new']
    assert_whole(tmp_path / 'new')
    assert f'{tmp_path}/new/tiny is there already' in capsys.readouterr().out


def test_a_data_set_that_broke_off_goes_on_in_the_next_run(server, tiny, tmp_path):
    server.cuts = [50_000, 30_000, 20_000]
    with pytest.raises(UserError, match='tiny could not be downloaded, .* broke off after 100,000 of'):
        download('tiny', str(tmp_path), [tiny])
    assert not (tmp_path / 'tiny').exists()
    download('tiny', str(tmp_path), [tiny])
    assert server.requests[-1] == 'bytes=100000-'
    assert_whole(tmp_path)


def test_404_on_every_address_names_them_all(server, tiny, tmp_path):
    missing = [f'{server.url}/missing/{{name}}.tar.gz', f'{server.url}/missing/too/{{name}}.tar.gz']
    with pytest.raises(UserError) as caught:
        download('tiny', str(tmp_path), missing)
    for address in missing:
        assert address.format(name='tiny') + ': HTTP Error 404' in str(caught.value)
    assert '\n' not in str(caught.value) and not list(tmp_path.iterdir())


def test_the_second_address_serves_where_the_first_is_dead(server, tiny, tmp_path):
    download('tiny', str(tmp_path), ['http://127.0.0.1:9/{name}.tar.gz', server.url + '/missing/{name}', tiny])
    assert_whole(tmp_path)


def test_a_page_instead_of_the_archive_does_not_look_done_and_the_next_address_is_tried(server, tiny, tmp_path):
    server.content = b'<html>a login page</html>'
    with pytest.raises(UserError, match=f'25 bytes, and tiny has {len(CONTENT):,} or more') as caught:
        download('tiny', str(tmp_path), [tiny])
    assert '\n' not in str(caught.value) and not list(tmp_path.iterdir())
    other = Server(CONTENT)
    threading.Thread(target=other.serve_forever, args=[0.01], daemon=True).start()
    download('tiny', str(tmp_path), [tiny, other.url + '/{name}.tar.gz'])
    other.shutdown()
    other.server_close()
    assert_whole(tmp_path)


def test_content_that_is_not_as_its_digest_says_does_not_look_done(tiny, tmp_path):
    digests = {name.removeprefix('tiny/'): hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    digests['train/2.jpg'] = '0' * 64
    (tmp_path / 'tiny.sha256').write_text(''.join(f'{digest}  {name}\n' for name, digest in digests.items()))
    with pytest.raises(UserError, match='1 files missing.* train/2.jpg'):
        download('tiny', str(tmp_path), [tiny])
    assert names_in(tmp_path) == ['tiny.sha256']


def test_names_that_are_unknown_drawn_or_no_longer_handed_out(tmp_path):
    for name in 'nope', 'demo':
        with pytest.raises(UserError, match=f'{name}: not one of facades'):
            download(name, str(tmp_path))
    with pytest.raises(UserError, match='cityscapes-dataset.com'):
        download('cityscapes', str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_the_command_prints_the_folder(tmp_path, capsys):
    os.makedirs(tmp_path / 'maps')
    main(parse(['maps', '--root', str(tmp_path)]))
    assert capsys.readouterr().out.splitlines()[-1] == f'{tmp_path}/maps'


def test_a_download_may_take_as_long_as_its_size_allows(monkeypatch):
    seconds = []
    monkeypatch.setattr('pix2pix.download.within', lambda most: seconds.append(most) or contextlib.nullcontext())
    monkeypatch.setattr('pix2pix.download.fetch_once', lambda *_: None)
    fetch('http://x', 'x', limit=1_000_000)
    assert seconds == [600 + 10]


def test_a_file_is_fetched_into_the_cache_by_one_process_at_a_time(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))

    def fetched(address, path):
        other = os.open(os.path.dirname(path), os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)
        open(path, 'w').close()
    assert cached('https://x/it.tgz', 'or', fetch=fetched) == str(tmp_path / 'pix2pix/it.tgz')


def test_an_archive_of_unknown_size_is_within_a_quarter_of_what_the_catalogue_says(monkeypatch):
    monkeypatch.setitem(CATALOGUE, 'tiny', Dataset('AtoB', {'train': 2}, 100, 'a test'))
    assert size_of('tiny') == (75_000_000, 125_000_000) and size_of('facades') == (30_168_306, 30_168_306)

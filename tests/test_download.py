"""Downloads from an HTTP server on loopback that misbehaves as it is told."""

import hashlib
import http.server
import io
import tarfile
import threading

import pytest

from datasets import archive
from datasets.catalogue import CATALOGUE, Dataset, DatasetError
from datasets.download import download

FILES = {'tiny/train/1.jpg': b'one' * 50_000, 'tiny/train/2.jpg': b'two' * 40_000, 'tiny/val/1.jpg': b'three' * 1000}


def tar_of(files, *members):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode='w') as tar:       # not compressed, so that it can be cut off in its middle
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for member in members:
            tar.addfile(member)
    return data.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` at /tiny.tar.gz; `cuts` are the lengths after which successive answers break off."""

    def __init__(self, content):
        super().__init__(('127.0.0.1', 0), Handler)
        self.content, self.cuts, self.ranges, self.requests = content, [], True, []
        self.address = f'http://127.0.0.1:{self.server_port}/{{name}}.tar.gz'
        self.missing = f'http://127.0.0.1:{self.server_port}/missing/{{name}}.tar.gz'


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.headers.get('Range'))
        if 'missing' in self.path:
            return self.send_error(404)
        content, start = self.server.content, 0
        tag = hashlib.md5(content).hexdigest()
        if self.server.ranges and self.headers.get('Range') and self.headers.get('If-Range') == tag:
            start = int(self.headers['Range'].removeprefix('bytes=').rstrip('-'))
        self.send_response(206 if start else 200)
        self.send_header('Content-Length', str(len(content) - start))
        self.send_header('ETag', tag)
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.server.cuts else len(content)
        self.wfile.write(content[start:start + cut])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setitem(CATALOGUE, 'tiny', Dataset('AtoB', {'train': 2, 'val': 1}, 1, 'a test'))
    monkeypatch.setattr(archive, 'ROOT', str(tmp_path))
    server = Server(tar_of(FILES))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def assert_whole(root):
    for name, content in FILES.items():
        assert (root / name).read_bytes() == content
    assert sorted(p.name for p in root.iterdir() if p.suffix != '.sha256') == ['tiny']


def assert_nothing(root):
    assert not [p for p in root.rglob('*') if p.is_file() and p.suffix != '.sha256']


def test_whole_file(server, tmp_path):
    assert download('tiny', str(tmp_path), [server.address]) == str(tmp_path / 'tiny')
    assert_whole(tmp_path)
    assert download('tiny', str(tmp_path), [server.address]) and len(server.requests) == 1      # not again


def test_cut_off_midway_goes_on_where_it_broke_off(server, tmp_path):
    server.cuts = [100_000]
    download('tiny', str(tmp_path), [server.address])
    assert server.requests == [None, 'bytes=100000-']
    assert_whole(tmp_path)


def test_cut_off_for_good_goes_on_in_the_next_run(server, tmp_path):
    server.cuts = [50_000, 30_000, 20_000]
    with pytest.raises(DatasetError, match='broke off after 100,000 of'):
        download('tiny', str(tmp_path), [server.address])
    assert not (tmp_path / 'tiny').exists()
    download('tiny', str(tmp_path), [server.address])
    assert server.requests[-1] == 'bytes=100000-'
    assert_whole(tmp_path)


def test_a_server_without_ranges_starts_again(server, tmp_path):
    server.cuts, server.ranges = [100_000], False
    download('tiny', str(tmp_path), [server.address])
    assert_whole(tmp_path)


def test_a_file_that_changed_meanwhile_is_not_glued(server, tmp_path):
    server.cuts = [50_000] * 3
    with pytest.raises(DatasetError):
        download('tiny', str(tmp_path), [server.address])
    server.content = tar_of({**FILES, 'tiny/train/1.jpg': b'new' * 50_000})
    download('tiny', str(tmp_path), [server.address])
    assert (tmp_path / 'tiny/train/1.jpg').read_bytes() == b'new' * 50_000


def test_404_on_every_address_names_them_all(server, tmp_path):
    with pytest.raises(DatasetError, match='404.*; http.*404'):
        download('tiny', str(tmp_path), [server.missing, server.missing])
    assert_nothing(tmp_path)


def test_the_second_address_where_the_first_is_dead(server, tmp_path):
    download('tiny', str(tmp_path), ['http://127.0.0.1:9/{name}.tar.gz', server.missing, server.address])
    assert_whole(tmp_path)


def test_wrong_content_does_not_look_done(server, tmp_path):
    digests = {name.removeprefix('tiny/'): hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    digests['train/2.jpg'] = '0' * 64
    (tmp_path / 'tiny.sha256').write_text(''.join(f'{digest}  {name}\n' for name, digest in digests.items()))
    with pytest.raises(DatasetError, match='1 files missing.* train/2.jpg'):
        download('tiny', str(tmp_path), [server.address])
    assert not (tmp_path / 'tiny').exists() and not (tmp_path / 'tiny.tar.gz').exists()
    (tmp_path / 'tiny.sha256').unlink()
    server.content = b'<html>a login page</html>'
    with pytest.raises(DatasetError, match='cannot be unpacked'):
        download('tiny', str(tmp_path), [server.address])
    assert not (tmp_path / 'tiny').exists()


def member(name, kind, link=''):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize('evil', [
    member('tiny/../../escaped', tarfile.REGTYPE), member('../escaped', tarfile.REGTYPE),
    member('/tmp/escaped-pix2pix', tarfile.REGTYPE), member('tiny/train/link', tarfile.SYMTYPE, '/etc/passwd'),
    member('tiny/train/link', tarfile.LNKTYPE, 'tiny/train/1.jpg'), member('tiny/train/dev', tarfile.CHRTYPE),
    member('tiny/train/pipe', tarfile.FIFOTYPE), member('other/train/1.jpg', tarfile.REGTYPE)],
    ids=lambda m: f'{m.name}-{m.type.decode()}')
def test_hostile_archives_are_refused(server, tmp_path, evil):
    server.content, root = tar_of(FILES, evil), tmp_path / 'deep' / 'root'
    with pytest.raises(DatasetError, match='refused'):
        download('tiny', str(root), [server.address])
    assert not (root / 'tiny').exists()
    assert not [p for p in tmp_path.rglob('*') if 'escaped' in p.name or p.is_symlink()]


def test_a_bomb_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, 'MAX_BYTES', 200_000)
    with pytest.raises(DatasetError, match='unpacks to more than'):
        download('tiny', str(tmp_path), [server.address])
    assert not (tmp_path / 'tiny').exists()


def test_unknown_and_gone_names(tmp_path):
    with pytest.raises(DatasetError, match='nope: not one of facades'):
        download('nope', str(tmp_path))
    with pytest.raises(DatasetError, match='cityscapes-dataset.com'):
        download('cityscapes', str(tmp_path))


def test_the_real_list_of_facades_matches_real_files():
    with open(f'{CATALOGUE_FOLDER}/facades.sha256') as file:
        names = [line.split()[1] for line in file]
    splits = [sum(n.startswith(s + '/') for n in names) for s in ('train', 'val', 'test')]
    assert len(set(names)) == 606 and splits == [400, 100, 106]


CATALOGUE_FOLDER = __file__.replace('tests/test_download.py', 'datasets')

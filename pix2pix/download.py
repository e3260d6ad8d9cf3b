"""Downloads that go on where they broke off."""

import http.client
import os
import urllib.error
import urllib.request

from tqdm import tqdm

from pix2pix.errors import UserError

ATTEMPTS = 3        # each goes on where the one before broke off
TIMEOUT = 30        # seconds without a byte


def fetch(url, path):
    """Download to `path`, by way of path.part, which a later call carries on with. OSError or HTTPException."""
    for attempt in range(ATTEMPTS):
        try:
            return fetch_once(url, path)
        except urllib.error.HTTPError as error:
            if error.code == 416:           # the part is longer than the file: it is of another one
                os.remove(path + '.part')
            elif error.code < 500 or attempt == ATTEMPTS - 1:
                raise
        except (OSError, http.client.HTTPException):
            if attempt == ATTEMPTS - 1:
                raise
    raise OSError('the server refuses to go on')


def fetch_once(url, path):
    """One request for what is missing. The part's .tag holds what tells a changed file from the one begun."""
    part, tag = path + '.part', path + '.part.tag'
    done = os.path.getsize(part) if os.path.exists(part) and os.path.exists(tag) else 0
    request = urllib.request.Request(url)
    if done:
        with open(tag) as file:
            begun, validator = file.read().split('\n', 1)
        if begun == url and validator:
            request.add_header('Range', f'bytes={done}-')
            request.add_header('If-Range', validator)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        resumed = answer.status == 206
        done = done if resumed else 0
        size = answer.headers.get('Content-Length')
        total = done + int(size) if size else None
        with open(tag, 'w') as file:
            file.write(f'{url}\n{answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""}')
        with open(part, 'ab' if resumed else 'wb') as file, \
                tqdm(desc=os.path.basename(path), total=total, initial=done, unit='B', unit_scale=True,
                     disable=None) as bar:
            while block := answer.read(1 << 16):
                file.write(block)
                bar.update(len(block))
    if total is not None and os.path.getsize(part) != total:
        raise OSError(f'broke off after {os.path.getsize(part):,} of {total:,} bytes')
    os.replace(part, path)
    os.remove(tag)


def cached(url, otherwise, *, fetch=fetch):
    """The path of a file in the cache, downloaded where it is missing. UserError says what to do otherwise."""
    folder = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'pix2pix')
    path = os.path.join(folder, os.path.basename(url))
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        try:
            fetch(url, path)
        except (OSError, http.client.HTTPException) as error:
            raise UserError(f'{url} could not be downloaded ({error}); put it at {path} by hand, {otherwise}') from None
    return path

"""Downloads that go on where they broke off."""

import contextlib
import http.client
import os
import signal
import threading
import urllib.error
import urllib.request

from tqdm import tqdm

from pix2pix.errors import UserError, printable
from pix2pix.files import alone_in

ATTEMPTS = 3            # each goes on where the one before broke off
TIMEOUT = 30            # seconds without a byte
LIMIT = 2 ** 30         # bytes of a file, where the caller names no other limit
SLOWEST = 100_000       # bytes a second at which the limit comes in before the time is over


class Refused(OSError):
    """What another attempt would not change."""


class TooSlow(Exception):
    """The time is over. It is no OSError, of which another attempt would be made."""


def fetch(url, path, limit=LIMIT):
    """Download to `path`, by way of path.part, which a later call carries on with. OSError says why not, in one line.

    A file of more bytes than the limit is refused, and so is one that takes longer than the limit would at SLOWEST.
    """
    try:
        with within(600 + limit / SLOWEST):
            return fetch_in_attempts(url, path, limit)
    except (OSError, http.client.HTTPException, ValueError, TooSlow) as error:
        raise OSError(printable(str(error))) from None      # it may hold what the server said


@contextlib.contextmanager
def within(seconds):
    """A context in which TooSlow is raised after so many seconds, whatever is waited for: in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number, frame):
        raise TooSlow(f'took longer than {seconds:,.0f} seconds')
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fetch_in_attempts(url, path, limit):
    for attempt in range(ATTEMPTS):
        try:
            return fetch_once(url, path, limit)
        except urllib.error.HTTPError as error:
            if error.code == 416:           # the part is longer than the file: it is of another one
                os.remove(path + '.part')
            elif error.code < 500 or attempt == ATTEMPTS - 1:
                raise
        except Refused:
            raise
        except (OSError, http.client.HTTPException, ValueError):        # ValueError: a senseless answer
            if attempt == ATTEMPTS - 1:
                raise
    raise OSError('the server refuses to go on')


def fetch_once(url, path, limit):
    """One request for what is missing. The part's .tag holds what tells a changed file from the one begun."""
    part, tag = path + '.part', path + '.part.tag'
    done = os.path.getsize(part) if os.path.exists(part) and os.path.exists(tag) else 0
    request = urllib.request.Request(url)
    if done:
        with open(tag, errors='replace') as file:       # a kill or a power cut may have damaged it
            begun, _, validator = file.read().partition('\n')
        if begun == url and validator.isprintable() and validator:
            request.add_header('Range', f'bytes={done}-')
            request.add_header('If-Range', validator)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        resumed = answer.status == 206
        done = done if resumed else 0
        total = None if answer.length is None else done + answer.length     # None too where it is no number
        with open(tag, 'w') as file:
            file.write(f'{url}\n{answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""}')
        with open(part, 'ab' if resumed else 'wb') as file, \
                tqdm(desc=os.path.basename(path), total=total, initial=done, unit='B', unit_scale=True,
                     disable=None) as bar:
            while (total or done) <= limit and (block := answer.read1(1 << 16)):
                file.write(block)
                done += len(block)
                bar.update(len(block))
    if (total or done) > limit:
        os.remove(part)
        os.remove(tag)
        raise Refused(f'more than the {limit:,} bytes that it may have')
    if total is not None and done != total:
        raise OSError(f'broke off after {done:,} of {total:,} bytes')
    os.replace(part, path)
    os.remove(tag)


def cached(url, otherwise, *, fetch=fetch):
    """The path of a file in the cache, downloaded where it is missing. UserError says what to do otherwise."""
    folder = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'pix2pix')
    path = os.path.join(folder, os.path.basename(url))
    if os.path.exists(path):
        return path
    with alone_in(folder):
        try:
            if not os.path.exists(path):
                fetch(url, path)
        except OSError as error:
            raise UserError(f'{url} could not be downloaded ({error}); put it at {path} by hand, {otherwise}') from None
    return path

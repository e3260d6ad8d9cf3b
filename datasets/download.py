"""Download a data set of the catalogue: python -m datasets.download facades"""

import argparse
import http.client
import os
import sys
import urllib.error
import urllib.request

from tqdm import tqdm

from datasets.archive import unpack
from datasets.catalogue import ADDRESSES, CATALOGUE, ROOT, DatasetError

ATTEMPTS = 3        # on each address; each goes on where the one before broke off
TIMEOUT = 30        # seconds without a byte


def download(name, root=ROOT, addresses=ADDRESSES):
    """Fetch, verify and unpack a data set into root/NAME; returns the folder."""
    if name not in CATALOGUE or not CATALOGUE[name].megabytes:
        raise DatasetError(f'{name}: not one of {" ".join(n for n, row in CATALOGUE.items() if row.megabytes)}')
    if CATALOGUE[name].elsewhere:
        raise DatasetError(f'{name} is not handed out for download any more: {CATALOGUE[name].elsewhere}')
    folder, archive = os.path.join(root, name), os.path.join(root, name + '.tar.gz')
    if os.path.isdir(folder):
        print(f'{folder} is there already; delete it to download it again')
        return folder
    os.makedirs(root, exist_ok=True)
    failures = []
    for url in (address.format(name=name) for address in addresses):
        try:
            fetch(url, archive)
            unpack(archive, name, root)
            return folder
        except (OSError, http.client.HTTPException, DatasetError) as error:
            failures.append(f'{url}: {" ".join(str(error).split())}')
        finally:
            if os.path.exists(archive):     # used up, or wrong: the next try starts afresh
                os.remove(archive)
    raise DatasetError(f'{name} could not be downloaded, try again later or put its train/ and val/ into {folder} '
                       f'by hand; {"; ".join(failures)}')


def fetch(url, archive):
    """Download to `archive`, by way of archive.part, which a later call carries on with."""
    for attempt in range(ATTEMPTS):
        try:
            return fetch_once(url, archive)
        except urllib.error.HTTPError as error:
            if error.code == 416:           # the part is longer than the file: it is of another one
                os.remove(archive + '.part')
            elif error.code < 500 or attempt == ATTEMPTS - 1:
                raise
        except (OSError, http.client.HTTPException):
            if attempt == ATTEMPTS - 1:
                raise
    raise OSError('the server refuses to go on')


def fetch_once(url, archive):
    """One request for what is missing. The part's .tag holds what tells a changed file from the one begun."""
    part, tag = archive + '.part', archive + '.part.tag'
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
        name = os.path.basename(archive)
        with open(part, 'ab' if resumed else 'wb') as file, \
                tqdm(desc=name, total=total, initial=done, unit='B', unit_scale=True, disable=None) as bar:
            while block := answer.read(1 << 16):
                file.write(block)
                bar.update(len(block))
    if total is not None and os.path.getsize(part) != total:
        raise OSError(f'broke off after {os.path.getsize(part):,} of {total:,} bytes')
    os.replace(part, archive)
    os.remove(tag)


def main(args=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('name', help='one of ' + ' '.join(CATALOGUE))
    parser.add_argument('--root', default=ROOT, help='folder that NAME goes into (default: %(default)s)')
    opts = parser.parse_args(args)
    print(download(opts.name, opts.root))


if __name__ == '__main__':
    try:
        main()
    except (DatasetError, OSError) as error:
        sys.exit(f'datasets.download: {error}')

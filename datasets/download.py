"""Download a data set of the catalogue: python -m datasets.download facades"""

import os

from datasets.catalogue import ADDRESSES, CATALOGUE, ROOT
from pix2pix import script
from pix2pix.flags import Parser


def parse(args=None):
    parser = Parser(__doc__, prog='python -m datasets.download')
    parser.add_argument('name', help='one of ' + ' '.join(name for name in CATALOGUE if CATALOGUE[name].megabytes))
    parser.add_argument('--root', default=ROOT, help='folder that NAME goes into (default: %(default)s)')
    return parser.parse_args(args)


OPTS = script.begin(parse) if __name__ == '__main__' else None     # before other packages are looked for

from datasets.archive import unpack
from pix2pix.download import fetch
from pix2pix.errors import UserError, printable
from pix2pix.files import alone_in


def size_of(name):
    """The bytes that the archive of a data set has, at least and at most."""
    row = CATALOGUE[name]
    return (row.size, row.size) if row.size else (row.megabytes * 750_000, row.megabytes * 1_250_000)


def check_size(archive, name):
    """UserError where it has less; fetching it ends at what is more."""
    if os.path.getsize(archive) < size_of(name)[0]:
        raise UserError(f'{archive}: {os.path.getsize(archive):,} bytes, and {name} has {size_of(name)[0]:,} or more')


def download(name, root=ROOT, addresses=ADDRESSES):
    """Fetch, verify and unpack a data set into root/NAME; returns the folder. One process at a time does so."""
    if name not in CATALOGUE or not CATALOGUE[name].megabytes:
        raise UserError(f'{name}: not one of {" ".join(n for n, row in CATALOGUE.items() if row.megabytes)}')
    if CATALOGUE[name].elsewhere:
        raise UserError(f'{name} is not handed out for download any more: {CATALOGUE[name].elsewhere}')
    folder = os.path.join(root, name)
    with alone_in(root):
        if os.path.isdir(folder):
            print(f'{folder} is there already; delete it to download it again')
        else:
            download_to(folder, name, root, addresses)
    return folder


def download_to(folder, name, root, addresses):
    archive, failures = folder + '.tar.gz', []
    for url in (address.format(name=name) for address in addresses):
        try:
            fetch(url, archive, limit=size_of(name)[1])
            check_size(archive, name)
            return unpack(archive, name, root)
        except (OSError, UserError) as error:
            failures.append(f'{url}: {printable(str(error))}')
        finally:
            if os.path.exists(archive):     # used up, or wrong: the next try starts afresh
                os.remove(archive)
    raise UserError(f'{name} could not be downloaded, try again later or put its train/ and val/ into {folder} '
                       f'by hand; {"; ".join(failures)}')


def main(opts):
    print(download(opts.name, opts.root))


if __name__ == '__main__':
    script.end(main, OPTS)

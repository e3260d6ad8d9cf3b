"""A downloaded archive -> a folder of pairs, verified; nothing half-done ever carries the folder's name."""

import hashlib
import lzma
import os
import shutil
import tarfile
import zlib

from tqdm import tqdm

from datasets.catalogue import CATALOGUE
from pix2pix.errors import UserError, printable

LISTS = os.path.dirname(os.path.abspath(__file__))      # of SHA-256, NAME.sha256
ENOUGH = 0.9                    # share of the catalogue's counts, which nobody has counted again since
MAX_DEPTH = 16                  # folders in each other
MAX_BYTES = 64 * 2 ** 30        # unpacked: more is a bomb, the largest set here is about 15 GB


class Member(tarfile.TarInfo):
    """A header of a tar. tarfile would take a negative size for a way back, and read on in a circle."""

    def _block(self, count):
        if count < 0:
            raise tarfile.ReadError('a negative size')
        return super()._block(count)


def unpack(archive, name, root):
    """Extract NAME's archive to root/NAME, checking every member before and every file after."""
    folder, partial = os.path.join(root, name), os.path.join(root, name + '.partial')
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with tarfile.open(archive, tarinfo=Member) as tar:
            extract(tar, archive, name, partial)
            while rest := tar.fileobj.read(1 << 20):        # so that the checksum at its end is looked at too
                if rest.strip(b'\0'):
                    raise tarfile.ReadError('there is more behind its end: it is damaged in its middle')
        verify(partial, name)
        os.replace(partial, folder)
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError) as error:
        raise UserError(f'{archive}: cannot be unpacked ({" ".join(str(error).split())})') from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def extract(tar, archive, name, partial):
    """Write the regular files under NAME/ of a tar; any other kind of member or path is refused."""
    total, most = 0, 2 * sum(CATALOGUE[name].splits.values()) + MAX_DEPTH
    for i, member in enumerate(tqdm(tar, f'unpacking {name}', unit='file', leave=False, disable=None)):
        parts = member.name.removeprefix('./').rstrip('/').split('/')
        if member.name.startswith('/') or '..' in parts or not (member.isfile() or member.isdir()):
            raise UserError(f'{archive}: refused, it holds {member.name!r}, which is not a plain file in its folder')
        if i >= most or len(parts) > MAX_DEPTH:
            raise UserError(f'{archive}: refused, it holds more than {most:,} files, or {MAX_DEPTH} folders in each '
                            'other')
        total += member.size
        if total > MAX_BYTES:
            raise UserError(f'{archive}: refused, it unpacks to more than {MAX_BYTES >> 30} GiB')
        if member.isdir():
            continue
        if parts[0] != name or len(parts) < 2:
            raise UserError(f'{archive}: refused, {member.name!r} is not in {name}/')
        path = os.path.join(partial, *parts[1:])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with tar.extractfile(member) as source, open(path, 'wb') as file:
            shutil.copyfileobj(source, file)


def verify(folder, name):
    """Compare with the SHA-256 list where there is one, else with the catalogue's counts."""
    found = {os.path.relpath(os.path.join(where, file), folder).replace(os.sep, '/')
             for where, _, files in os.walk(folder) for file in files}
    path = os.path.join(LISTS, name + '.sha256')
    if os.path.exists(path):
        with open(path) as file:
            wanted = {line.split(maxsplit=1)[1].strip(): line.split()[0] for line in file}
        bad = sorted(wanted.keys() ^ found) + sorted(f for f in found & wanted.keys() if digest(folder, f) != wanted[f])
        if bad:
            raise UserError(f'{name}: {len(bad)} files missing, unknown or of other content than its SHA-256 list '
                               f'says, among them {printable(", ".join(bad[:3]))}')
        return
    for split, count in CATALOGUE[name].splits.items():
        there = sum(file.startswith(split + '/') for file in found)
        if not there:
            raise UserError(f'{name}: no {split}/ in the archive')
        if there < ENOUGH * count:
            raise UserError(f'{name}: {there} files in {split}/, the catalogue says {count}')
        if there != count:
            print(f'{name}: {there} files in {split}/, the catalogue says {count}')


def digest(folder, name):
    with open(os.path.join(folder, name), 'rb') as file:
        return hashlib.sha256(file.read()).hexdigest()

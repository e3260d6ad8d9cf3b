"""An archive becomes a folder that is whole and verified, or nothing that carries its name."""

import hashlib
import io
import tarfile
import zlib

import pytest

from datasets import archive
from datasets.catalogue import CATALOGUE, Dataset
from pix2pix.errors import UserError

FILES = {'tiny/train/1.jpg': b'one' * 50_000, 'tiny/train/2.jpg': b'two' * 40_000, 'tiny/val/1.jpg': b'three' * 1000}


def tar_of(files, *members, mode='w'):
    """A tar in memory: files by name, then members that have no content."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for info in members:
            tar.addfile(info)
    return data.getvalue()


def member(name, kind=tarfile.REGTYPE, link='', size=0):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder for data sets and their SHA-256 lists, and a row of the catalogue: tiny, two pairs and one."""
    monkeypatch.setitem(CATALOGUE, 'tiny', Dataset('AtoB', {'train': 2, 'val': 1}, 1, 'a test'))
    root = tmp_path / 'deep/root'
    root.mkdir(parents=True)
    monkeypatch.setattr(archive, 'LISTS', str(root))
    return root


def unpack(root, content):
    (root / 'tiny.tar.gz').write_bytes(content)
    archive.unpack(str(root / 'tiny.tar.gz'), 'tiny', str(root))


def assert_refused(root, content, message):
    with pytest.raises(UserError, match=message):
        unpack(root, content)
    assert [path.name for path in root.iterdir() if path.suffix != '.sha256'] == ['tiny.tar.gz']


def list_digests(root, **wrong):
    """Write the SHA-256 list of FILES, with what is `wrong` in it: the first letters of a digest by name."""
    digests = {name.removeprefix('tiny/'): hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    digests.update(wrong)
    (root / 'tiny.sha256').write_text(''.join(f'{digest}  {name}\n' for name, digest in digests.items()))


@pytest.mark.parametrize('mode', ['w', 'w:gz', 'w:xz'])
def test_the_files_of_an_archive_come_out_as_they_went_in(root, mode, capsys):
    unpack(root, tar_of(FILES, mode=mode))
    found = {str(path.relative_to(root)): path.read_bytes() for path in (root / 'tiny').rglob('*') if path.is_file()}
    assert found == FILES and not (root / 'tiny.partial').exists()
    assert 'catalogue' not in capsys.readouterr().out


def test_folders_and_a_leading_dot_are_as_tar_writes_them(root):
    unpack(root, tar_of({'./' + name: content for name, content in FILES.items()},
                        member('./tiny/', tarfile.DIRTYPE), member('./tiny/train/', tarfile.DIRTYPE)))
    assert (root / 'tiny/train/1.jpg').read_bytes() == FILES['tiny/train/1.jpg']


def test_what_an_earlier_attempt_has_left_does_not_come_along(root):
    (root / 'tiny.partial/train').mkdir(parents=True)
    (root / 'tiny.partial/train/junk.jpg').write_text('half')
    unpack(root, tar_of(FILES))
    assert sorted(path.name for path in (root / 'tiny/train').iterdir()) == ['1.jpg', '2.jpg']


@pytest.mark.parametrize('evil', [
    member('tiny/../../escaped'), member('../escaped'), member('/tmp/escaped-pix2pix'),
    member('tiny/train/link', tarfile.SYMTYPE, '/etc/passwd'),
    member('tiny/train/link', tarfile.LNKTYPE, 'tiny/train/1.jpg'), member('tiny/train/dev', tarfile.CHRTYPE),
    member('tiny/train/pipe', tarfile.FIFOTYPE), member('other/train/1.jpg'), member('tiny')],
    ids=lambda m: f'{m.name}-{m.type.decode()}')
def test_a_member_that_is_no_plain_file_in_its_folder_is_refused(root, tmp_path, evil):
    assert_refused(root, tar_of(FILES, evil), 'refused')
    assert not [path for path in tmp_path.rglob('*') if 'escaped' in path.name or path.is_symlink()]


@pytest.mark.parametrize('kind', [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize('size', [-512, -2 ** 40])
def test_a_negative_size_is_no_way_back(root, kind, size):
    bad = member('tiny/train/3.jpg', kind).tobuf(tarfile.GNU_FORMAT)
    bad = bad[:124] + (256 ** 12 + size).to_bytes(12, 'big') + bad[136:148] + b' ' * 8 + bad[156:]
    bad = bad[:148] + b'%06o\0 ' % sum(bad) + bad[156:]
    whole = tar_of(FILES).rstrip(b'\0')
    assert_refused(root, whole + bytes(-len(whole) % 512) + bad + tar_of(FILES), 'a negative size')


def test_folders_that_lie_too_deep_in_each_other_are_refused(root):
    deep = {'tiny/' + 'a/' * 3000 + '1.jpg': b'deep'}
    assert_refused(root, tar_of({**FILES, **deep}), 'or 16 folders in each other')


def test_more_files_than_the_catalogue_has_by_far_are_refused(root):
    assert_refused(root, tar_of({**FILES, **{f'tiny/train/{i}.jpg': b'' for i in range(50)}}), 'more than 22 files')


def test_a_header_that_is_damaged_does_not_end_the_archive_without_a_word(root):
    content = bytearray(tar_of({**FILES, 'tiny/val/2.jpg': b'last'}))
    at = content.index(b'tiny/val/1.jpg')
    content[at + 100] ^= 1
    assert_refused(root, bytes(content), 'damaged in its middle')


def test_names_that_a_terminal_would_obey_are_written_out(root):
    list_digests(root)
    assert_refused(root, tar_of({**FILES, 'tiny/\x1b]0;pwned\x07.jpg': b''}), r'among them \\x1b\]0;pwned\\x07.jpg')


def test_without_a_list_far_fewer_pairs_are_refused(root):
    assert_refused(root, tar_of({name: content for name, content in FILES.items() if '2' not in name}),
                   'tiny: 1 files in train/, the catalogue says 2')


def test_what_unpacks_to_more_than_64_gib_is_refused_before_it_is_unpacked(root):
    """Members that say so. There is no content behind the last one, which would be cut off if it were read."""
    assert_refused(root, tar_of(FILES, member('tiny/train/3.jpg', size=2 ** 36)), 'unpacks to more than 64 GiB')


def test_what_is_no_archive_or_breaks_off_cannot_be_unpacked(root):
    packed = tar_of(FILES, mode='w:gz')
    for content in b'<html>a login page</html>', b'', tar_of(FILES)[:200_000], packed[:len(packed) // 2]:
        assert_refused(root, content, 'tiny.tar.gz: cannot be unpacked')


def test_an_archive_that_is_damaged_in_its_middle_cannot_be_unpacked(root):
    """Whole blocks, and then one of a type that there is not."""
    stream = zlib.compressobj(wbits=31)
    whole = stream.compress(tar_of(FILES)[:200_000]) + stream.flush(zlib.Z_FULL_FLUSH)
    assert_refused(root, whole + b'\7' * 100, 'tiny.tar.gz: cannot be unpacked')


def test_with_a_list_of_digests_every_file_is_compared(root):
    list_digests(root)
    unpack(root, tar_of(FILES))
    assert (root / 'tiny/val/1.jpg').exists()


def test_a_file_of_other_content_than_its_digest_is_named(root):
    list_digests(root, **{'train/2.jpg': '0' * 64})
    assert_refused(root, tar_of(FILES), 'tiny: 1 files missing, unknown or of other content .* train/2.jpg')


def test_a_file_that_is_missing_or_unknown_is_named(root):
    list_digests(root, **{'train/3.jpg': '0' * 64})
    assert_refused(root, tar_of(FILES), '1 files .* train/3.jpg')
    list_digests(root)
    assert_refused(root, tar_of({**FILES, 'tiny/new.jpg': b'new'}), '1 files .* new.jpg')


def test_without_a_list_an_archive_that_lacks_a_split_is_refused(root):
    assert_refused(root, tar_of({name: content for name, content in FILES.items() if 'val' not in name}),
                   'tiny: no val/ in the archive')


def test_without_a_list_another_number_of_pairs_is_said(root, capsys):
    unpack(root, tar_of({**FILES, 'tiny/train/3.jpg': b'more'}))
    assert 'tiny: 3 files in train/, the catalogue says 2' in capsys.readouterr().out
    assert (root / 'tiny/train/3.jpg').exists()

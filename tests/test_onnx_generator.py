"""Generator('model.onnx') beside the generator that the file was made of; the same pictures as test_generator.py's."""

import pathlib
import subprocess
import sys
import venv

import imagecodecs
import numpy as np
import onnx
import pytest
from PIL import Image

import pix2pix
from pix2pix.errors import UserError
from pix2pix.export import to_onnx
from pix2pix.images import pictures, plain
from tests.scripts import ROOT
from tests.test_generator import make_run, noise


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp('runs') / 'tiny')


@pytest.fixture(scope='module')
def path(run, tmp_path_factory):
    generator = pix2pix.Generator(run, dropout=False)
    return to_onnx.write(str(tmp_path_factory.mktemp('exported')), generator, 'float32')


def near(drawn, expected):
    assert drawn.shape == expected.shape and drawn.dtype == expected.dtype
    levels = np.abs(drawn.astype(int) - expected) / (np.iinfo(drawn.dtype).max / 255)
    return levels.max() <= 1 and np.mean(levels >= 1) < 0.01


def test_it_draws_pictures_of_any_size_and_type_as_the_run_does(run, path):
    trained, exported = pix2pix.Generator(run, dropout=False, tile=512), pix2pix.Generator(path, tile=512)
    given = [noise(256, 256), noise(100, 300), noise(1, 1), noise(700, 40), noise(257, 255, dtype=np.uint16),
             noise(30, 40, 1)[..., 0]]
    drawn = list(exported.map(iter(given)))
    assert len(drawn) == 6 and all(near(output, trained(picture)) for output, picture in zip(drawn, given))
    for output, picture in zip(drawn, given):
        np.testing.assert_array_equal(output, exported(picture))
    np.testing.assert_array_equal(np.concatenate(list(exported.bands(given[3]))), drawn[3])


def test_gray_in_and_out(tmp_path):
    gray = pix2pix.Generator(make_run(tmp_path / 'gray', source_channels=1, target_channels=1), dropout=False)
    exported = pix2pix.Generator(pathlib.Path(to_onnx.write(str(tmp_path), gray, 'float32')))
    assert exported(noise(20, 30)).shape == (20, 30) and near(exported(noise(20, 30)), gray(noise(20, 30)))


def test_a_pil_image_of_four_bands_has_all_of_them(tmp_path):
    bands = pix2pix.Generator(make_run(tmp_path / 'bands', source_channels=4, source_range=[0, 255], labels=[],
                                       target_range=[0, 255], source_dtype='uint8', target_dtype='uint8',
                                       target_ending='.png'), dropout=False)
    exported, rgba = pix2pix.Generator(to_onnx.write(str(tmp_path), bands, 'float32')), noise(20, 30, 4)
    assert near(exported(Image.fromarray(rgba)), bands(rgba)) and near(exported(rgba), bands(rgba))


def test_what_cannot_be_loaded_is_named(path, tmp_path):
    (tmp_path / 'bad.onnx').write_bytes(b'no model')
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / 'other.onnx')
    for name, message in ('none', 'no such file'), ('bad', 'damaged, or no ONNX file'), ('other', 'of another program'):
        with pytest.raises(UserError, match=message):
            pix2pix.Generator(tmp_path / f'{name}.onnx')
    with pytest.raises(UserError, match='tile 300 is not a multiple of 256'):
        pix2pix.Generator(path, tile=300)
    for about in '[]', '{}', '{"multiple": 0, "statistics": "batch", "dropout": false, "size": null}':
        model.metadata_props.add(key='pix2pix', value=about)
        onnx.save(model, tmp_path / 'old.onnx')
        del model.metadata_props[:]
        with pytest.raises(UserError, match='old.onnx is of another version, or damaged: .* Export the run again'):
            pix2pix.Generator(tmp_path / 'old.onnx')


@pytest.mark.parametrize('picture', [None, np.zeros([4, 4, 3], np.float32), np.zeros([4, 4, 2], np.uint8)])
def test_what_is_no_picture_is_an_error(path, picture):
    with pytest.raises(ValueError, match='uint8 or uint16'):
        pix2pix.Generator(path)(picture)


def test_files_are_read_as_they_are_with_tensorflow(tmp_path):
    """With palette, alpha, 16 bits, EXIF data, gray."""
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(noise(40, 70))
    stored.quantize(64).save(tmp_path / 'palette.png', exif=exif)
    stored.save(tmp_path / 'turned.png', exif=exif)
    stored.save(tmp_path / 'plain.bmp')
    stored.save(tmp_path / 'plain.webp', lossless=True)
    stored.convert('L').save(tmp_path / 'gray.tif')
    stored.convert('LA').save(tmp_path / 'gray-alpha.png')
    for name, shape in ('fine', (40, 70, 3)), ('alpha', (40, 70, 4)), ('fine-gray', (40, 70)):
        picture = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape) * 7
        (tmp_path / f'{name}.png').write_bytes(imagecodecs.png_encode(picture))
    names = sorted(tmp_path.iterdir())
    assert len(names) == 9
    for name in names:
        ours, theirs = plain.as_array(name), pictures.as_array(name)
        assert ours.dtype == theirs.dtype, name
        np.testing.assert_array_equal(ours, theirs, err_msg=str(name))


@pytest.mark.parametrize('content', [b'', b'no picture', b'\x89PNG\r\n\x1a\n' + bytes(40)])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    (tmp_path / 'bad.png').write_bytes(content)
    for name in 'bad.png', 'none.png':
        with pytest.raises(UserError, match=f'{name}. cannot be read'):
            plain.as_array(tmp_path / name)


def test_it_needs_no_more_than_requirements_run_says(path, tmp_path):
    """Every other package that is installed here cannot be imported."""
    packages = set(pathlib.Path(ROOT, 'requirements-run.txt').read_text().split('\n')) - {''}
    assert {'numpy', 'onnxruntime', 'imagecodecs', 'pillow'} == {line for line in packages if line[0] != '#'}
    Image.fromarray(noise(40, 70)).save(tmp_path / 'labels.png')
    code = f'''
import sys
import venv
for name in "tensorflow scipy imageio tifffile jinja2 tqdm grpc pyvips onnx keras h5py".split():
    sys.modules[name] = None
sys.path.insert(0, {ROOT!r})
from pix2pix import Generator
photo = Generator({path!r})({str(tmp_path / "labels.png")!r})
assert photo.shape == (40, 70, 3)
'''
    subprocess.run([sys.executable, '-c', code], check=True, cwd='/')


@pytest.mark.faults
def test_an_environment_of_requirements_run_alone_draws_and_is_small(run, path, tmp_path):
    """Without TensorFlow, under 300 MB."""
    venv.create(tmp_path / 'venv', with_pip=True)
    python = tmp_path / 'venv/bin/python'
    install = ['-m', 'pip', 'install', '-q', '--no-compile', '-r', f'{ROOT}/requirements-run.txt']
    subprocess.run([python, *install], check=True)
    packages = next((tmp_path / 'venv/lib').glob('python*/site-packages'))
    ours = [file for file in packages.rglob('*') if file.is_file() and file.relative_to(packages).parts[0][:3] != 'pip']
    size = sum(file.stat().st_size for file in ours)
    print(f'{size / 1e6:.0f} MB')
    assert size < 300e6 and not (packages / 'tensorflow').exists()
    Image.fromarray(noise(40, 70)).save(tmp_path / 'labels.png')
    code = 'import sys, numpy; sys.path.insert(0, sys.argv[1]); from pix2pix import Generator; ' \
           'numpy.save("photo.npy", Generator(sys.argv[2])("labels.png"))'
    subprocess.run([python, '-c', code, ROOT, path], check=True, cwd=tmp_path)
    assert near(np.load(tmp_path / 'photo.npy'), pix2pix.Generator(run, dropout=False)(noise(40, 70)))

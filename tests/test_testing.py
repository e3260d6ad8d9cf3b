"""test.py, on a run of train.py, each a process of its own."""

import json
import shutil
import types

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

import test
from pix2pix import Generator
from pix2pix.errors import UserError
from pix2pix.images.diagnose import ImageError
from pix2pix.images.form import PairFormat
from pix2pix.images.view import View
from pix2pix.inference import drawing
from pix2pix.metrics import fid, perceptual
from pix2pix.sizes import Size
from tests.conftest import draw_pairs
from tests.scripts import TINY, run


def test_testing_a_run(trained):
    cwd = trained
    output = run(cwd, 'test.py', '--name', 'tiny')
    assert 'checkpoint 7 of checkpoints/tiny; batch statistics, dropout on; averaged weights\n' \
           '3 images of pairs/val\n' in output.replace(str(cwd) + '/', '')
    results = cwd / 'samples/tiny/test'
    assert sorted(p.name for p in (results / 'output').iterdir()) == ['0.png', '1.png', '2.png']
    compare, single = iio.imread(results / 'compare/1.png'), iio.imread(results / 'output/1.png')
    assert compare.shape == (256, 768, 3) and single.shape == (256, 256, 3)
    np.testing.assert_array_equal(compare[:, 256:512], single)

    # The sample grid of the last epoch was made the same way.
    np.testing.assert_array_equal(iio.imread(cwd / 'samples/tiny/epoch-0003.png')[256:], compare)

    # One image alone gives the same file, and each switch another one.
    first = (results / 'output/0.png').read_bytes()
    run(cwd, 'test.py', '--checkpoint', 'checkpoints/tiny/model-7', '--limit', '1', '--output', 'alone')
    assert [p.name for p in (cwd / 'alone/output').iterdir()] == ['0.png']
    assert (cwd / 'alone/output/0.png').read_bytes() == first
    for again in False, True:
        output = run(cwd, 'test.py', '--name', 'tiny', '--limit', '1', '--output', 'other', '--no_dropout')
        assert ('other has results already; those of the same name are replaced' in output) == again
        assert (cwd / 'other/output/0.png').read_bytes() != first
    page = (cwd / 'samples/tiny/index.html').read_text()
    shutil.copytree(cwd / 'checkpoints/tiny', cwd / 'checkpoints/twin')
    assert 'model-3 is of twin, not of --name tiny: leave one out' in \
        run(cwd, 'test.py', '--name', 'tiny', '--checkpoint', 'checkpoints/twin/model-3', status=1)
    assert (cwd / 'samples/tiny/index.html').read_text() == page


def test_validation_is_what_test_py_measures(unbroken, trained):
    """The metrics of the last validation, of metrics.json, of the terminal, and worked out from the PNGs."""
    cwd, output = trained, unbroken[1]
    metrics = [json.loads(line) for line in (cwd / 'checkpoints/tiny/metrics.jsonl').read_text().splitlines()]
    assert [m['step'] for m in metrics if 'val_l1' in m] == [3, 5, 7] and metrics[-1]['val_count'] == 3
    assert {name for name in metrics[-1] if 'val_' in name} == {'val_count', 'val_l1', 'val_psnr', 'val_ssim'}
    terminal = run(cwd, 'test.py', '--name', 'tiny', '--output', 'measured')
    results = json.loads((cwd / 'measured/metrics.json').read_text())
    assert results['count'] == 3 and list(results['images']) == ['0', '1', '2'] and '3 images' in terminal
    triples = [np.split(iio.imread(cwd / f'measured/compare/{i}.png').astype(float), 3, axis=1) for i in range(3)]
    by_hand = [np.abs(out - target).mean() / 127.5 for _, out, target in triples]
    for i in range(3):
        assert results['images'][str(i)]['l1'] == pytest.approx(by_hand[i], rel=1e-5)
    for name in 'l1', 'psnr', 'ssim':
        assert results[name] == pytest.approx(metrics[-1][f'val_{name}'], rel=1e-6)
    assert f'l1        {np.mean(by_hand):.4f}' in terminal and '\x1b' not in terminal
    assert f'validation after step 7: 3 images  l1 {np.mean(by_hand):.4f}' in output
    page = (cwd / 'measured/index.html').read_text()
    assert 'open measured/index.html' in terminal and f'L1 {results["l1"]:.4f}' in page
    assert '../samples/tiny/epoch-0003.png' in page and '"compare/2.png"' in page


@pytest.mark.faults
def test_the_output_of_a_pair_of_16_bits_has_16_and_its_metrics_are_those_of_8(trained):
    """The same values are drawn from both kinds of files, so that only the depth of output/ may differ."""
    cwd, path = trained, trained / 'pairs/val/1.png'
    run(cwd, 'test.py', '--name', 'tiny', '--output', 'eight')
    path.write_bytes(imagecodecs.png_encode(iio.imread(path).astype(np.uint16) * 257))
    run(cwd, 'test.py', '--name', 'tiny', '--output', 'fine')
    fine, eight = ([imagecodecs.png_decode((cwd / folder / f'output/{i}.png').read_bytes()) for i in range(3)]
                   for folder in ('fine', 'eight'))
    assert [output.dtype for output in fine] == [np.uint8, np.uint16, np.uint8]
    assert fine[1].shape == (256, 256, 3) and (fine[1] % 257).any() and np.abs(fine[1] / 257 - eight[1]).max() <= 0.51
    metrics = [json.loads((cwd / folder / 'metrics.json').read_text())['images'] for folder in ('fine', 'eight')]
    assert metrics[0] == metrics[1]
    for i in range(3):
        assert (cwd / f'fine/compare/{i}.png').read_bytes() == (cwd / f'eight/compare/{i}.png').read_bytes()


@pytest.mark.faults
def test_the_best_checkpoint_stays_and_can_be_picked(tmp_path):
    """SSIM on smooth targets falls as the tiny network learns, so that the best is an early one."""
    draw_pairs(tmp_path / 'pairs', train=4, val=2)
    args = ['--dataset', 'pairs', '--epochs', '6', *TINY, '--keep', '1', '--learning_rate', '0.01']
    run(tmp_path, 'train.py', *args, '--keep_best', 'ssim')
    lines = [json.loads(line) for line in (tmp_path / 'checkpoints/tiny/metrics.jsonl').read_text().splitlines()]
    best = max((line for line in lines if 'val_ssim' in line), key=lambda line: line['val_ssim'])['step']
    kept = sorted(int(p.stem.removeprefix('model-')) for p in (tmp_path / 'checkpoints/tiny').glob('*.index'))
    assert kept == sorted({best, 8}), (best, kept)
    output = run(tmp_path, 'test.py', '--name', 'tiny', '--best', 'ssim')
    assert f'checkpoint model-{best} of checkpoints/tiny' in output
    results = json.loads((tmp_path / 'samples/tiny/test/metrics.json').read_text())
    assert results['ssim'] == pytest.approx(max(line.get('val_ssim', -1) for line in lines), rel=1e-6)


GRADIENT = np.add.outer(np.arange(70), np.arange(300)).astype(np.uint8)


@pytest.fixture
def photos(trained):
    """A gray picture, one of 16 bits in a sub-folder, and a turned photo below that."""
    folder = trained / 'my photos'
    (folder / 'deep/er').mkdir(parents=True)
    iio.imwrite(folder / 'gray.png', GRADIENT)
    (folder / 'deep/fine ü.png').write_bytes(imagecodecs.png_encode(np.uint16(GRADIENT)[..., None].repeat(3, -1) * 257))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GRADIENT).save(folder / 'deep/er/turned.jpg', exif=exif)
    return folder


def draw(cwd, *args, source='my photos', status=0):
    return run(cwd, 'test.py', '--name', 'tiny', '--input', source, '--tile', '256', '--output', *args, status=status)


def test_pictures_keep_their_size_depth_place_and_come_out_upright(trained, photos):
    assert '3 pictures in drawn' in draw(trained, 'drawn')
    drawn = {str(p.relative_to(trained / 'drawn')): imagecodecs.png_decode(p.read_bytes())
             for p in (trained / 'drawn').rglob('*.*')}
    assert {name: (image.shape, image.dtype.itemsize) for name, image in drawn.items()} == {
        'gray.png': ((70, 300, 3), 1), 'deep/fine ü.png': ((70, 300, 3), 2), 'deep/er/turned.png': ((300, 70, 3), 1)}
    # From Python, and one file alone: the same picture.
    tiny = Generator(trained / 'checkpoints/tiny', tile=256)
    np.testing.assert_array_equal(tiny(GRADIENT), drawn['gray.png'])
    for name in 'gray.png', 'deep/fine ü.png', 'deep/er/turned.jpg':
        np.testing.assert_array_equal(tiny(photos / name), drawn[name.replace('.jpg', '.png')])
    draw(trained, 'one', source='my photos/gray.png')
    np.testing.assert_array_equal(iio.imread(trained / 'one/gray.png'), drawn['gray.png'])


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_drawn(trained, photos):
    (photos / 'broken.jpg').write_bytes(b'\xff\xd8\xff, but no more')
    (photos / 'caf\udce9.png').write_bytes((photos / 'gray.png').read_bytes())     # a name of Latin-1
    for name in 'clip.heic', 'deep/volume.npy', 'deep/.hidden.txt':
        (photos / name).touch()
    output = draw(trained, 'drawn', status=1)
    assert "test.py: 'my photos/broken.jpg': does not decode as JPEG" in output and 'Traceback' not in output
    assert r"test.py: 'my photos/caf\udce9.png': the name is not valid UTF-8; rename the file" in output
    assert '3 pictures in drawn\n2 files passed over (.heic .npy)\n' in output


def test_outputs_are_replaced_only_when_asked(trained, photos):
    draw(trained, 'drawn')
    (trained / 'drawn/gray.png').write_text('mine')
    assert '3 were there already, such as drawn/deep/er/turned.png, and were left alone' in \
        draw(trained, 'drawn', status=1)
    assert (trained / 'drawn/gray.png').read_text() == 'mine'
    assert '3 pictures' in draw(trained, 'drawn', '--overwrite')
    assert iio.imread(trained / 'drawn/gray.png').shape == (70, 300, 3)


@pytest.mark.faults
def test_a_picture_that_is_not_held_in_memory_is_the_same_as_from_python(trained, photos):
    wide = np.resize(np.arange(0, 255, 0.1), [510, 33000]).astype(np.uint8)
    whole = imagecodecs.png_encode(wide, level=1)
    (photos / 'wide.png').write_bytes(whole)
    (photos / 'cut.png').write_bytes(whole[:-1000])
    output = run(trained, 'test.py', '--name', 'tiny', '--input', 'my photos', '--output', 'drawn', status=1)
    assert 'my photos/cut.png: does not decode into a file in drawn' in output and '4 pictures in drawn' in output
    assert not (trained / 'drawn/cut.png').exists() and not list((trained / 'drawn').glob('.*'))
    drawn = Generator(str(trained / 'checkpoints/tiny'))(wide)
    np.testing.assert_array_equal(drawn, iio.imread(trained / 'drawn/wide.png'))


def test_an_output_that_cannot_be_written_is_named_and_no_two_have_one_name(trained):
    (trained / 'my photos').mkdir()
    for name in 'a.png', 'a.jpg', 'a.png.png', 'gray.png':
        iio.imwrite(trained / 'my photos' / name, GRADIENT)
    (trained / 'named/a.jpg.png').mkdir(parents=True)
    output = draw(trained, 'named', '--overwrite', status=1)
    assert 'named/a.jpg.png could not be written' in output and '3 pictures in named' in output
    assert sorted(p.name for p in (trained / 'named').iterdir() if p.is_file()) == [
        'a.png.png', 'a.png.png.png', 'gray.png.png']


def test_a_picture_is_never_replaced_by_its_own_output(trained, photos, monkeypatch):
    monkeypatch.chdir(trained)
    before = (photos / 'gray.png').read_bytes()
    for source, output, *more in (['my photos', 'my photos/'], ['my photos/gray.png', 'my photos', '--overwrite'],
                                  ['my photos', 'my photos/gray.png']):
        with pytest.raises(UserError, match='give a'):
            test.main(test.parse(['--name', 'tiny', '--input', source, '--output', output, *more]))
    assert (photos / 'gray.png').read_bytes() == before


def test_a_run_is_not_replaced_by_results(trained):
    before = (trained / 'checkpoints/tiny/options.json').read_bytes()
    said = run(trained, 'test.py', '--name', 'tiny', '--output', 'checkpoints/tiny', status=1)
    assert said.endswith('give another --output\n') and 'Traceback' not in said
    assert (trained / 'checkpoints/tiny/options.json').read_bytes() == before


def test_a_large_picture_with_a_colour_that_is_no_label_is_named(monkeypatch):
    def bands(picture):
        raise ValueError('its colour #123456 at 1, 2 is none of the 2 labels')
        yield
    monkeypatch.setattr(test, 'working_size', lambda generator, size: size)
    monkeypatch.setattr(test.png, 'write_bands', lambda path, height, bands: list(bands))
    with pytest.raises(ImageError, match="map.png: its colour #123456 at 1, 2"):
        test.draw_large(types.SimpleNamespace(bands=bands), 'map.png', np.zeros([4, 4, 3]), 'out.png')


def test_fid_on_request(trained, tmp_path):
    cwd = trained
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, None, None, 3], name='ExpandDims')
        tf.nn.avg_pool(tf.image.resize_bilinear(x, [1, 1]), 1, 1, 'VALID', name='pool_3')
        (tmp_path / 'graph.pb').write_bytes(graph.as_graph_def().SerializeToString())
    (cwd / 'pairs/val/notes.txt').touch()
    output = run(cwd, 'test.py', '--name', 'tiny', '--output', 'fid', '--fid', '--inception', f'{tmp_path}/graph.pb')
    assert '3 images of pairs/val\n1 file passed over (.txt)\n' in output.replace(str(cwd) + '/', '')
    results = json.loads((cwd / 'fid/metrics.json').read_text())
    assert f'FID {results["fid"]:.2f}  KID {results["kid"]:.5f}  of 3 images; under 2,000 they say little' in output
    features = [[np.float64(part[0, 0]) for part in np.split(iio.imread(cwd / f'fid/compare/{i}.png'), 3, axis=1)[1:]]
                for i in range(3)]
    assert results['fid'] == pytest.approx(fid.distances(features)['fid'])
    assert 'FID' in (cwd / 'fid/index.html').read_text()


def test_the_perceptual_distance_on_request(trained):
    """Of each image and of all, on the terminal, in the file and on the page, as worked out from the PNGs."""
    cwd, means = trained, []
    output = run(cwd, 'test.py', '--name', 'tiny', '--output', 'eye', '--perceptual')
    results = json.loads((cwd / 'eye/metrics.json').read_text())
    compare = perceptual.Comparison(View(), means)
    for i in range(3):
        _, drawn, target = np.split(iio.imread(cwd / f'eye/compare/{i}.png'), 3, axis=1)
        assert results['images'][str(i)] == pytest.approx(compare(drawn, target), rel=1e-4)
    assert results['perceptual'] == pytest.approx(np.mean([results['images'][i]['perceptual'] for i in '012']))
    assert results['frechet_squeezenet'] == pytest.approx(fid.frechet(*np.stack(means, 1)), rel=1e-3)
    eye, crowd = f'{results["perceptual"]:.4f}', f'Frechet distance (SqueezeNet) {results["frechet_squeezenet"]:.1f}'
    assert f'\nperceptual      {eye}' in output and f'{crowd}  of 3 images\n' in output and 'FID' not in output
    page = (cwd / 'eye/index.html').read_text()
    assert f'<span>perceptual {eye}</span>' in page and crowd in page and 'FID' not in page


def test_a_picture_that_does_not_fit_the_run_is_named_and_the_others_go_on():
    """One that train.py would not have read, for its channels, its values or its labels."""
    form = PairFormat('AtoB', Size(32, 32), 2, 3)._replace(source_range=(0, 3000), target_range=(0, 1))
    network = types.SimpleNamespace(form=form)
    network.as_source = lambda picture: drawing.as_source(network, picture)
    assert test.misfit(network, 'a.tif', np.zeros([4, 4, 2], np.uint16)) is None
    wide, high = np.zeros([4, 4, 5], np.uint16), np.full([4, 4, 2], 3001, np.uint16)
    for picture, why in (wide, 'give '), (high, 'values from'):
        with pytest.raises(ImageError, match=f"'a.tif': .*{why}"):
            raise test.misfit(network, 'a.tif', picture)
    network.form = PairFormat('AtoB', Size(32, 32), 2, 3)._replace(labels=['#000000', '#ffffff'])
    with pytest.raises(ImageError, match="'a.png': its colour #808080"):
        raise test.misfit(network, 'a.png', np.full([4, 4, 3], 128, np.uint8))

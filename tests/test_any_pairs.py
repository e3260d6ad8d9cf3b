"""Rectangles, bands, floats and labels, from the training to the files that test.py writes. All but one take long."""

import json
import shutil

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
import tifffile

from pix2pix import Generator
from pix2pix.images import palette
from tests.conftest import draw_pairs
from tests.scripts import run

TINY = '--base_filters 1 --batch_size 2 --epochs 1 --samples 1 --name tiny'.split()
NOISE = np.random.RandomState(0)


def two_folders(folder, a, b):
    """Two training pairs and one held out; a(path) and b(path) write the files without their ending."""
    for split, count in ('train', 2), ('val', 1):
        for side, write in ('A', a), ('B', b):
            (folder / 'pairs' / (split + side)).mkdir(parents=True)
            for i in range(count):
                write(str(folder / 'pairs' / (split + side) / f'{i}'))
    return ['--dataset', 'pairs', *TINY]


def write_bands(path):
    tifffile.imwrite(path + '.tif', NOISE.randint(0, 3000, [40, 96, 5]).astype(np.uint16), photometric='minisblack',
                     planarconfig='contig')


def write_rgb(path):
    iio.imwrite(path + '.png', NOISE.randint(0, 256, [40, 96, 3]).astype(np.uint8))


def write_floats(path):
    np.save(path + '.npy', NOISE.uniform(0, 80, [40, 96]).astype(np.float32))


def test_five_bands_of_a_rectangle_become_floats(tmp_path):
    args = two_folders(tmp_path, write_bands, write_floats) + '--preprocess fit --crop_size 32x64 --depth 5 ' \
        '--source_channels 5 --target_channels 1 --range 0 3000 --target_range 0 80 --bands 5 1 2'.split()
    output = run(tmp_path, 'train.py', *args)
    assert '2 pairs in pairs; AtoB' in output.replace(f'{tmp_path}/', '') and \
        'pairs of 96 x 40 pixels are resized to cover 71 x 35 and cropped at random to 64 x 32' in output
    output = run(tmp_path, 'test.py', '--name', 'tiny')
    drawn = np.load(tmp_path / 'samples/tiny/test/output/valA/0.npy')
    assert drawn.shape == (40, 96, 1) and drawn.dtype == np.float32 and 0 <= drawn.min() < drawn.max() <= 80
    shown, source = iio.imread(tmp_path / 'samples/tiny/test/compare/valA/0.png'), \
        tifffile.imread(tmp_path / 'pairs/valA/0.tif')
    assert shown.shape == (40, 3 * 96, 3)
    np.testing.assert_allclose(shown[:, :96], source[..., [4, 0, 1]] * (255 / 3000), atol=0.51)

    # Pictures without a target come out at their own size too, from files and from arrays, and are said how.
    output = run(tmp_path, 'test.py', '--name', 'tiny', '--input', 'pairs/valA', '--output', 'out')
    assert 'drawn at the scale of the training, where 96 x 40 became 77 x 32' in output
    np.testing.assert_allclose(np.load(tmp_path / 'out/0.npy'), drawn[..., 0], rtol=1e-5)
    model = Generator(tmp_path / 'checkpoints/tiny')
    np.testing.assert_allclose(model(source), drawn[..., 0], rtol=1e-5)
    assert (Generator(tmp_path / 'checkpoints/tiny', native=True)(source) != drawn[..., 0]).any()
    for wrong, message in (source[..., :4], r'uint16 \[40, 96, 4\]: give .*, \[H, W, 5\]'), \
            (source + 9000, 'the range is 0 to 3,000'):
        with pytest.raises(ValueError, match=message):
            model(wrong)


@pytest.mark.faults
def test_floats_become_five_bands_of_16_bits(tmp_path):
    args = two_folders(tmp_path, write_bands, write_floats) + '--direction BtoA --preprocess none --depth 5 ' \
        '--source_channels 1 --target_channels 5 --range 0 80 --target_range 0 3000'.split()
    assert 'pairs of 96 x 40 pixels are padded to 96 x 64' in run(tmp_path, 'train.py', *args)
    run(tmp_path, 'test.py', '--name', 'tiny')
    drawn = tifffile.imread(tmp_path / 'samples/tiny/test/output/valA/0.tif')
    assert drawn.shape == (40, 96, 5) and drawn.dtype == np.uint16 and drawn.max() <= 3000
    assert iio.imread(tmp_path / 'samples/tiny/epoch-0001.png').shape == (64, 3 * 96, 3)


@pytest.mark.faults
def test_rectangles_are_tested_at_their_own_size(tmp_path):
    for split, count in ('train', 2), ('val', 1):
        (tmp_path / 'pairs' / split).mkdir(parents=True)
        for i in range(count):
            iio.imwrite(tmp_path / f'pairs/{split}/{i}.png', NOISE.randint(0, 256, [50, 200, 3]).astype(np.uint8))
    args = ['--dataset', 'pairs', *TINY, '--crop_size', '32x64', '--depth', '5', '--batch_size', '1']
    assert 'pairs of 100 x 50 pixels are resized to 71 x 35 and cropped at random to 64 x 32' in \
        run(tmp_path, 'train.py', *args)
    run(tmp_path, 'test.py', '--name', 'tiny')
    assert iio.imread(tmp_path / 'samples/tiny/test/output/0.png').shape == (50, 100, 3)
    assert 'load_size is 71, but the run was started with 35x71' in run(
        tmp_path, 'train.py', *args, '--crop_size', '64', status=1)


@pytest.mark.faults
def test_labels_are_kept_with_the_run_and_drawn_from(tmp_path):
    colours = np.uint8([[250, 10, 10], [20, 200, 40], [0, 0, 222]])
    for split, count in ('train', 2), ('val', 1):
        (tmp_path / 'pairs' / split).mkdir(parents=True)
        for i in range(count):
            labels = colours[np.kron(NOISE.randint(0, 3, [4, 8]), np.ones([16, 16], int))]
            photo = NOISE.randint(0, 256, [64, 128, 3]).astype(np.uint8)
            iio.imwrite(tmp_path / f'pairs/{split}/{i}.png', np.concatenate([labels, photo], axis=1))
    (tmp_path / 'pairs/palette.json').write_text(json.dumps({'wall': '#fa0a0a'}))
    args = ['--dataset', 'pairs', *TINY, '--crop_size', '64x128', '--depth', '6', '--labels', 'auto']
    assert 'a channel for each of 3 labels: #' in run(tmp_path, 'train.py', *args)
    options = json.loads((tmp_path / 'checkpoints/tiny/options.json').read_text())
    assert sorted(options['labels']) == ['#0000de', '#14c828', '#fa0a0a'] and options['source_channels'] == 3
    kept = json.loads((tmp_path / 'checkpoints/tiny/palette.json').read_text())
    assert [colour['code'] for colour in kept] == options['labels']
    assert [colour['name'] for colour in kept if colour['code'] == '#fa0a0a'] == ['wall']
    run(tmp_path, 'test.py', '--name', 'tiny')
    pair = iio.imread(tmp_path / 'pairs/val/0.png')
    shown = iio.imread(tmp_path / 'samples/tiny/test/compare/0.png')
    np.testing.assert_array_equal(shown[:, :128], pair[:, :128])

    # A label map of RGB goes in, and each label is another channel: 1 where it is, -1 elsewhere.
    model = Generator(tmp_path / 'checkpoints/tiny')
    np.testing.assert_array_equal(model(pair[:, :128]), iio.imread(tmp_path / 'samples/tiny/test/output/0.png'))
    source = model.as_source(pair[:, :128])
    assert source.shape == (64, 128, 3) and set(np.unique(source)) == {-1, 1}
    codes = np.uint8([palette.rgb(code) for code in options['labels']])
    np.testing.assert_array_equal(codes[source.argmax(-1)], pair[:, :128])

    # The same command carries on: the labels are those that the run has.
    assert 'done: 2 steps' in run(tmp_path, 'train.py', *args, '--epochs', '2')
    (tmp_path / 'two.json').write_text(json.dumps({'a': '#fa0a0a', 'b': '#14c828'}))
    assert 'its colour #0000de' in run(tmp_path, 'train.py', *args, '--name', 'two', '--labels', 'two.json', status=1)


@pytest.mark.faults
def test_a_data_set_that_has_grown_is_accepted_from_a_step_on_and_resumed_to_the_bit(tmp_path):
    def weights(folder):
        reader = tf.train.load_checkpoint(str(folder / 'checkpoints/tiny/model-9'))
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    args = ['--dataset', 'pairs', *TINY, '--crop_size', '32', '--depth', '5', '--keep', '9']
    for name in 'whole', 'parts':
        (tmp_path / name).mkdir()
        draw_pairs(tmp_path / name / 'pairs', train=4, val=1)
        run(tmp_path / name, 'train.py', *args, '--epochs', '2')                                  # four steps
        shutil.copy(tmp_path / name / 'pairs/val/0.png', tmp_path / name / 'pairs/train/new.png')
        assert 'the data set has changed' in run(tmp_path / name, 'train.py', *args, '--epochs', '4', status=1)
    assert 'the data set was another one up to step 4, of 4 pairs' in \
        run(tmp_path / 'whole', 'train.py', *args, '--epochs', '4', '--accept_new_data')
    run(tmp_path / 'parts', 'train.py', *args, '--epochs', '3', '--accept_new_data')
    assert '9 steps, 7 of them done' in run(tmp_path / 'parts', 'train.py', *args, '--epochs', '4')
    one, other = weights(tmp_path / 'whole'), weights(tmp_path / 'parts')
    assert one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)

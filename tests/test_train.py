"""The whole story with networks of base width 1, each run a process of its own as a user starts it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

import test
import train
from pix2pix import Generator, fid
from pix2pix.run import RunError
from tests.conftest import draw_pairs

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TINY = '--base_filters 1 --batch_size 3 --log_every 1 --samples 2 --save_every 1 --validate_every 1 --name tiny'.split()


def start(cwd, script, *args):
    """The script as a process in its own folder, with nothing on the terminal but what it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith('TF_')}
    return subprocess.Popen([sys.executable, os.path.join(ROOT, script), *args], cwd=cwd, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def run(cwd, script, *args, status=0):
    process = start(cwd, script, *args)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == status, output
    return output


def variables(cwd):
    """All variables and optimiser slots of the newest checkpoint, and its step."""
    step = max(int(p.stem.removeprefix('model-')) for p in (cwd / 'checkpoints/tiny').glob('*.index'))
    reader = tf.train.load_checkpoint(str(cwd / f'checkpoints/tiny/model-{step}'))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}, step


def assert_same_run(one, other):
    """The same variables, slots, step, samples and metrics, to the bit."""
    (a, step), (b, again) = variables(one), variables(other)
    assert step == again and a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    metrics = [(cwd / 'checkpoints/tiny/metrics.jsonl').read_bytes() for cwd in (one, other)]
    assert metrics[0] == metrics[1]
    samples = [sorted((cwd / 'samples/tiny').glob('*.png')) for cwd in (one, other)]
    assert [p.name for p in samples[0]] == [p.name for p in samples[1]]
    assert all(p.read_bytes() == q.read_bytes() for p, q in zip(*samples))


@pytest.fixture(scope='module')
def unbroken(tmp_path_factory):
    """Seven pairs in batches of three for three epochs: seven steps at once."""
    cwd = tmp_path_factory.mktemp('unbroken')
    draw_pairs(cwd / 'pairs', train=7, val=3)
    output = run(cwd, 'train.py', '--dataset', 'pairs', '--epochs', '3', *TINY, '--keep_best', 'ssim')
    return cwd, output


def test_a_run_leaves_what_it_says(unbroken):
    cwd, output = unbroken
    lines = output.splitlines()
    assert len(lines) == 11, output         # device, steps, three epochs and validations, three lines on what to open
    assert lines[0].startswith(('CPU: ', 'GPU: ')) and '7 pairs in pairs/train' in lines[0]
    assert lines[1] == 'tiny: 7 steps, 0 of them done'
    assert lines[2].startswith('epoch 1  step 3/7  d_loss ') and ' images/s  0:0' in lines[2]
    assert 'open samples/tiny/index.html' in output and 'python test.py --name tiny' in output
    metrics = [json.loads(line) for line in (cwd / 'checkpoints/tiny/metrics.jsonl').read_text().splitlines()]
    assert [m['step'] for m in metrics] == [1, 2, 3, 4, 5, 6, 7]
    assert all({'epoch', 'd_loss', 'g_loss_gan', 'g_loss_l1'} < m.keys() for m in metrics)
    assert metrics[3]['epoch'] == pytest.approx(12 / 7)
    assert sorted(p.name for p in (cwd / 'samples/tiny').iterdir()) == [
        *(f'epoch-000{e}.png' for e in (1, 2, 3)), 'index.html']
    grid = iio.imread(cwd / 'samples/tiny/epoch-0003.png')
    assert grid.shape == (2 * 256, 3 * 256, 3)
    # Source and target of the first validation pair, resized as ever; the output lies between them.
    pair = iio.imread(cwd / 'pairs/val/0.png')
    assert np.abs(grid[128, 128].astype(int) - pair[16, 16]).max() < 20
    assert np.abs(grid[128, 640].astype(int) - pair[16, 48]).max() < 20
    options = json.loads((cwd / 'checkpoints/tiny/options.json').read_text())
    assert options['base_filters'] == 1 and options['layers'] == 'paper' and options['images'] == 7


@pytest.mark.parametrize('k', [1, 2])
def test_stopped_after_some_epochs_and_carried_on(unbroken, tmp_path, k):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', str(k), *TINY, '--keep_best', 'ssim')
    # A run that ends at k epochs ends with a sample and a step that may lie inside the longer run's epochs.
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '3', *TINY, '--keep_best', 'ssim')
    assert f'7 steps, {-(-7 * k // 3)} of them done' in output
    assert 'changed since the run was started: --epochs 3' in output
    assert_same_run(tmp_path, unbroken[0])


@pytest.mark.parametrize('precision', ['float32', 'bfloat16'])
def test_two_runs_with_one_seed(tmp_path, precision):
    for folder, more in ('one', []), ('other', ['--deterministic']):
        draw_pairs(tmp_path / folder / 'pairs', train=4, val=1)
        run(tmp_path / folder, 'train.py', '--dataset', 'pairs', *TINY, '--epochs', '1', '--precision', precision,
            *more)
    assert_same_run(tmp_path / 'one', tmp_path / 'other')


@pytest.mark.parametrize('number, status', [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_the_run_carries_on(tmp_path, unbroken, number, status):
    draw_pairs(tmp_path / 'pairs', train=7, val=3)
    process = start(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '3', *TINY, '--keep_best', 'ssim')
    metrics = tmp_path / 'checkpoints/tiny/metrics.jsonl'
    while not (metrics.exists() and metrics.read_text().count('\n') >= 1):
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(number)
    output = process.communicate(timeout=100)[0]
    if process.returncode:          # else it was done before the signal came
        assert process.returncode == status
        assert f'stopped by {signal.Signals(number).name} after step ' in output
        assert 'the same command carries on' in output
    run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '3', *TINY, '--keep_best', 'ssim')
    assert_same_run(tmp_path, unbroken[0])


def test_testing_a_run(unbroken):
    cwd, _ = unbroken
    output = run(cwd, 'test.py', '--name', 'tiny')
    assert 'checkpoint 7 of checkpoints/tiny; batch statistics, dropout on\n3 images of pairs/val\n' in \
        output.replace(str(cwd) + '/', '')
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
    for switch in ['--no_dropout'], ['--statistics', 'moving'], ['--checkpoint', 'checkpoints/tiny/model-3']:
        again = (cwd / 'other').exists()
        output = run(cwd, 'test.py', '--name', 'tiny', '--limit', '1', '--output', 'other', *switch)
        assert ('other has results already; those of the same name are replaced' in output) == again
        assert (cwd / 'other/output/0.png').read_bytes() != first, switch
    page = (cwd / 'samples/tiny/index.html').read_text()
    shutil.copytree(cwd / 'checkpoints/tiny', cwd / 'checkpoints/twin')
    assert 'model-3 is of twin, not of --name tiny: leave one out' in \
        run(cwd, 'test.py', '--name', 'tiny', '--checkpoint', 'checkpoints/twin/model-3', status=1)
    assert (cwd / 'samples/tiny/index.html').read_text() == page
    shutil.rmtree(cwd / 'checkpoints/twin')


def test_validation_is_what_test_py_measures(unbroken, tmp_path):
    """The metrics of the last validation, of metrics.json, of the terminal, and worked out from the PNGs."""
    cwd, output = unbroken
    metrics = [json.loads(line) for line in (cwd / 'checkpoints/tiny/metrics.jsonl').read_text().splitlines()]
    assert [m['step'] for m in metrics if 'val_l1' in m] == [3, 5, 7] and metrics[-1]['val_count'] == 3
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
    with open(tmp_path / 'checkpoints/tiny/metrics.jsonl', 'a') as file:
        file.write('{"step": 99, "val_ssim": 1, "epoch": 99}\n')
    output = run(tmp_path, 'test.py', '--name', 'tiny', '--best', 'ssim', '--output', 'left')
    assert f'was after step 99, whose checkpoint is gone; of those left it is that of {best};' in output
    (tmp_path / 'checkpoints/tiny/metrics.jsonl').unlink()
    assert 'none of its checkpoints was validated' in run(tmp_path, 'test.py', '--name', 'tiny', '--best', 'l1',
                                                         status=1)


def test_any_picture(unbroken):
    """A folder with sub-folders, odd sizes, 16 bits, a rotated photo and a broken file; twice."""
    cwd, _ = unbroken
    photos = cwd / 'my photos'
    (photos / 'deep/er').mkdir(parents=True)
    gradient = np.add.outer(np.arange(70), np.arange(300)).astype(np.uint8)
    iio.imwrite(photos / 'gray.png', gradient)
    (photos / 'deep/fine ü.png').write_bytes(imagecodecs.png_encode(np.uint16(gradient)[..., None].repeat(3, -1) * 257))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(gradient).save(photos / 'deep/er/turned.jpg', exif=exif)
    (photos / 'broken.jpg').write_bytes(b'\xff\xd8\xff, but no more')
    args = ['--name', 'tiny', '--input', 'my photos', '--output', 'drawn', '--tile', '256']
    output = run(cwd, 'test.py', *args, status=1)
    assert "test.py: 'my photos/broken.jpg': does not decode as JPEG" in output and 'Traceback' not in output
    assert '3 pictures in drawn' in output
    shapes = {str(p.relative_to(cwd / 'drawn')): imagecodecs.png_decode(p.read_bytes()) for p in
              (cwd / 'drawn').rglob('*.*')}
    assert {name: (image.shape, image.dtype.itemsize) for name, image in shapes.items()} == {
        'gray.png': ((70, 300, 3), 1), 'deep/fine ü.png': ((70, 300, 3), 2), 'deep/er/turned.png': ((300, 70, 3), 1)}
    before = (cwd / 'drawn/gray.png').stat().st_mtime_ns
    output = run(cwd, 'test.py', *args, status=1)
    assert '3 were there already, such as drawn/deep/er/turned.png, and were left alone' in output
    assert (cwd / 'drawn/gray.png').stat().st_mtime_ns == before
    (photos / 'broken.jpg').unlink()
    assert '3 pictures' in run(cwd, 'test.py', *args, '--overwrite')
    assert (cwd / 'drawn/gray.png').stat().st_mtime_ns > before
    # From Python, and one file alone: the same picture.
    np.testing.assert_array_equal(Generator(str(cwd / 'checkpoints/tiny'), tile=256)(gradient), shapes['gray.png'])
    run(cwd, 'test.py', '--name', 'tiny', '--input', 'my photos/gray.png', '--output', 'one', '--tile', '256')
    np.testing.assert_array_equal(iio.imread(cwd / 'one/gray.png'), shapes['gray.png'])

    args = '--name', 'tiny', '--input', 'my photos', '--output', 'one/gray.png'
    assert 'gray.png is a file' in run(cwd, 'test.py', *args, status=1)

    # One that is not held in memory: the same picture as from Python; and one of these that is cut off.
    wide = np.resize(np.arange(0, 255, 0.1), [510, 33000]).astype(np.uint8)
    (photos / 'wide.png').write_bytes(imagecodecs.png_encode(wide, level=1))
    (photos / 'cut.png').write_bytes((photos / 'wide.png').read_bytes()[:-1000])
    output = run(cwd, 'test.py', '--name', 'tiny', '--input', 'my photos', '--output', 'drawn', status=1)
    assert 'my photos/cut.png: does not decode into a file in drawn' in output and '1 pictures in drawn' in output
    assert not (cwd / 'drawn/cut.png').exists() and not list((cwd / 'drawn').glob('.*'))
    np.testing.assert_array_equal(Generator(str(cwd / 'checkpoints/tiny'))(wide), iio.imread(cwd / 'drawn/wide.png'))

    # One that cannot be written is named and the others go on; no two outputs have one name.
    shutil.rmtree(photos)
    for name in 'a.png', 'a.jpg', 'a.png.png', 'gray.png':
        photos.mkdir(exist_ok=True)
        iio.imwrite(photos / name, gradient)
    (cwd / 'named/a.jpg.png').mkdir(parents=True)
    output = run(cwd, 'test.py', '--name', 'tiny', '--input', 'my photos', '--output', 'named', '--overwrite', status=1)
    assert 'named/a.jpg.png could not be written' in output and '3 pictures in named' in output
    assert sorted(p.name for p in (cwd / 'named').iterdir() if p.is_file()) == ['a.png.png', 'a.png.png.png',
                                                                               'gray.png.png']
    # A picture is never replaced by its own output.
    before = (photos / 'gray.png').read_bytes()
    for args in ['--input', 'my photos', '--output', 'my photos/'], ['--input', 'my photos/gray.png', '--output',
                                                                    'my photos', '--overwrite']:
        assert 'give another' in run(cwd, 'test.py', '--name', 'tiny', *args, status=1)
    assert (photos / 'gray.png').read_bytes() == before


def test_fid_on_request(unbroken, tmp_path):
    cwd, _ = unbroken
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, None, None, 3], name='ExpandDims')
        tf.nn.avg_pool(tf.image.resize_bilinear(x, [1, 1]), 1, 1, 'VALID', name='pool_3')
        (tmp_path / 'graph.pb').write_bytes(graph.as_graph_def().SerializeToString())
    output = run(cwd, 'test.py', '--name', 'tiny', '--output', 'fid', '--fid', '--inception', f'{tmp_path}/graph.pb')
    results = json.loads((cwd / 'fid/metrics.json').read_text())
    assert f'FID {results["fid"]:.2f}  KID {results["kid"]:.5f}  of 3 images; under 2,000 they say little' in output
    features = [[np.float64(part[0, 0]) for part in np.split(iio.imread(cwd / f'fid/compare/{i}.png'), 3, axis=1)[1:]]
                for i in range(3)]
    assert results['fid'] == pytest.approx(fid.distances(features)['fid'])
    assert 'FID' in (cwd / 'fid/index.html').read_text()


@pytest.mark.parametrize('args, message', [
    ([], 'give --name RUN'), (['--name', 'x', '--input', 'y'], '--input needs a FILE'),
    (['--name', 'x', '--input', 'y', '--output', 'z', '--fid'], '--fid is for pairs'),
    (['--checkpoint', 'x', '--best', 'l1'], '--best picks the checkpoint'),
    (['--name', 'x'], 'checkpoints/x/options.json: no such file'),
    (['--name', 'x', '--input', 'y', '--output', 'z', '--tile', '0'], 'argument --tile'),
    (['--name', 'x', '--tile', '256'], '--tile goes with --input'),
    (['--name', 'x', '--input', '', '--output', 'y'], '--input needs'),
    (['--name', 'x', '--inception', 'y'], '--inception goes with --fid'),
    (['--name', 'x', '--best', 'l1'], 'options.json: no such file'),
    (['--name', 'x', '--input', 'y', '--output', 'z', '--tile', '100'], 'multiple of 256')])
def test_mistakes_at_test_time_are_named(args, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((SystemExit, Exception)) as raised:
        test.main(test.parse(args))
    assert message in capsys.readouterr().err + str(raised.value)


def test_a_signal_while_the_page_is_written_loses_nothing(tmp_path, monkeypatch):
    """It comes after it was decided not to save: the next step answers it, and what is said to be saved is there."""
    draw_pairs(tmp_path / 'pairs', train=7, val=1)
    monkeypatch.chdir(tmp_path)
    calls, write = [], train.report.write

    def interrupted(*args, **kwargs):
        write(*args, **kwargs)
        calls.append(args)
        if len(calls) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
    monkeypatch.setattr(train.report, 'write', interrupted)
    with pytest.raises(SystemExit, match='143'):
        train.main(train.parse(['--dataset', 'pairs', '--epochs', '9', *TINY, '--save_every', '9']))
    assert variables(tmp_path)[1] == 4          # the page is of step 3


def test_a_fault_of_the_page_is_said_and_the_training_goes_on(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=4, val=1)
    (tmp_path / 'samples/tiny/test').mkdir(parents=True)
    (tmp_path / 'samples/tiny/test/metrics.json').write_text('junk')
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY)
    assert 'the page was not written: samples/tiny/test/metrics.json: not as test.py writes it' in output
    # Finished, its samples gone, and called again: nothing to do, and a page all the same.
    shutil.rmtree(tmp_path / 'samples')
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY)
    assert 'done: 2 steps' in output and (tmp_path / 'samples/tiny/index.html').exists()


def test_an_error_of_the_program_itself_ends_it(unbroken, tmp_path):
    """A session left open by an exception would be waited for without end."""
    script = tmp_path / 'fails.py'
    script.write_text('import sys\nsys.path.insert(0, sys.argv.pop(1))\nimport test\n'
                      'def fail(*args): raise ZeroDivisionError\ntest.images.grid = fail\n'
                      'test.main(test.parse(["--name", "tiny", "--output", "fails"]))\n')
    process = subprocess.run([sys.executable, script, ROOT], cwd=unbroken[0], capture_output=True, text=True,
                             timeout=60)
    assert 'ZeroDivisionError' in process.stderr


def test_changed_options_stop_the_run(unbroken, monkeypatch):
    cwd, _ = unbroken
    monkeypatch.chdir(cwd)
    before = (cwd / 'checkpoints/tiny/options.json').read_text()
    for option, value in ('--base_filters', '2'), ('--direction', 'BtoA'), ('--seed', '1'), ('--layers', 'writeup'):
        with pytest.raises(RunError, match=f'{option} is {value} but the run was started with'):
            train.main(train.parse(['--dataset', 'pairs', '--epochs', '9', *TINY, option, value]))
    assert (cwd / 'checkpoints/tiny/options.json').read_text() == before and variables(cwd)[1] == 7


def test_the_writeup_trains_and_tests(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=4, val=1)
    run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY, '--layers', 'writeup')
    assert 'moving statistics' in run(tmp_path, 'test.py', '--name', 'tiny')
    output = run(tmp_path, 'test.py', '--name', 'tiny', '--statistics', 'batch', status=1)
    assert '--statistics batch: the layers of the write-up' in output


def test_gray_and_larger_crops(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=2)
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY, '--batch_size', '1',
                 '--crop_size', '512', '--source_channels', '1', '--target_channels', '1')
    assert 'done' in output and iio.imread(tmp_path / 'samples/tiny/epoch-0001.png').shape == (1024, 1536, 3)


def test_a_broken_image_ends_the_run_with_its_name(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=2, val=1)
    (tmp_path / 'pairs/train/1.png').write_bytes(b'\x89PNG\r\n\x1a\n, but no more')
    output = run(tmp_path, 'train.py', '--dataset', 'pairs', '--epochs', '1', *TINY, status=1)
    assert "train.py: 'pairs/train/1.png': does not decode as PNG" in output.splitlines()[-1]
    assert 'Traceback' not in output and 'node' not in output


def test_a_loss_that_is_not_finite_ends_the_run_and_shows_the_batch(tmp_path):
    draw_pairs(tmp_path / 'pairs', train=2, val=1)
    args = ['--dataset', 'pairs', *TINY, '--batch_size', '2']
    run(tmp_path, 'train.py', *args, '--epochs', '1')
    output = run(tmp_path, 'train.py', *args, '--epochs', '9', '--learning_rate', '1e30', status=1)
    assert 'changed since the run was started: --epochs 9, --learning_rate 1e+30' in output
    last = output.splitlines()[-1]
    assert last.startswith('train.py: ')
    assert ' is nan at step 2; its batch is in samples/tiny/not-finite-step-2.png' in last
    assert iio.imread(tmp_path / 'samples/tiny/not-finite-step-2.png').shape == (512, 512, 3)
    assert variables(tmp_path)[1] == 1


@pytest.mark.parametrize('args, message', [
    (['--dataset', 'nowhere'], 'nowhere: no such folder'),
    (['--dataset', 'x', '--crop_size', '300'], 'must be a multiple of 256'),
    (['--dataset', 'x', '--load_size', '200'], '--load_size 200 is less than --crop_size 256'),
    (['--dataset', 'x', '--layers', 'writeup', '--batch_size', '1'], 'batch-normalises the 1x1 bottleneck'),
    (['--dataset', 'x', '--epochs', '0'], "invalid"),
    (['--dataset', 'x', '--name', '../up'], 'a plain name'),
    (['--dataset', 'x', '--keep_prob', '0'], 'invalid')])
def test_mistakes_are_named(args, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((SystemExit, Exception)) as raised:
        train.main(train.parse(args))
    assert message in capsys.readouterr().err + str(raised.value)


def test_the_catalogue_s_row_sets_defaults_that_flags_override():
    parse = lambda *args: train.parse(['--dataset', *args])
    assert parse('facades').direction == 'BtoA' and parse('facades').epochs == 200
    assert parse('demo').epochs < 200 and parse('demo', '--epochs', '7').epochs == 7
    assert parse('/data/mine/').name == 'mine' and parse('x').direction == 'AtoB'
    assert parse('x', '--crop_size', '512').load_size == 572

"""python -m pix2pix.export: what a file draws in its own runtime, and what becomes of one that draws something else."""

import json
import os
import subprocess
import sys
import types

import imageio.v3 as iio
import numpy as np
import onnx
import onnxruntime
import pytest

from pix2pix import Generator
from pix2pix.errors import UserError
from pix2pix.export import __main__ as export
from pix2pix.export import parity, readme, to_onnx, to_pytorch, to_savedmodel
from pix2pix.images import png
from pix2pix.images.form import PairFormat
from pix2pix.model.architecture import Architecture
from pix2pix.pytorch import __main__ as importer
from pix2pix.pytorch import names, pth
from pix2pix.sizes import Size
from tests import reference
from tests.test_generator import make_run, noise
from tests.test_pytorch import INSTANCE, INSTANCE_D, INSTANCE_G, KNOWN, D, G, source

RANDOM = np.random.RandomState(5)


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs')
    return {'paper': make_run(folder / 'paper'), 'writeup': make_run(folder / 'writeup', layers='writeup',
                                                                     source_channels=1, base_filters=2)}


def scattered(generator):
    """The generator with norms and biases off 1 and 0, so that none goes unnoticed."""
    with generator.graph.as_default():
        for v in generator.graph.get_collection('variables'):
            if v.op.name.startswith('generator/') and not v.op.name.endswith('/w'):
                start = 1.0 if v.op.name.endswith(('scale', 'variance')) else 0.0
                v.load(start + RANDOM.uniform(-0.3, 0.3, v.shape), generator.sess)
    return generator


def session_of(generator, weights='float32'):
    model = to_onnx.model_of(generator.architecture, generator.weights(), generator.statistics, weights)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])


def draw(session, sources):
    return session.run(None, {'source': np.float32(sources)})[0]


def images(count, height=256, width=256, channels=3):
    return RANDOM.uniform(-1, 1, [count, height, width, channels]).astype('f')


@pytest.mark.parametrize('layers, statistics', [('paper', 'batch'), ('paper', 'moving'), ('writeup', 'moving')])
def test_onnx_draws_what_the_generator_draws(runs, layers, statistics):
    """Of any size, and each picture of a batch as if it were alone."""
    generator = scattered(Generator(runs[layers], dropout=False, statistics=statistics))
    session = session_of(generator)
    for shape in (1, 256, 256), (2, 256, 512):
        sources = images(*shape, generator.architecture.source_channels)
        expected, drawn = generator.forward(sources), draw(session, sources)
        assert drawn.shape == expected.shape and expected.std() > 0.1
        np.testing.assert_allclose(drawn, expected, atol=2e-4)      # such weights make ten times of each rounding
    np.testing.assert_allclose(drawn[1:], draw(session, sources[1:]), atol=1e-5)


def test_onnx_against_float64(runs):
    generator = scattered(Generator(runs['paper'], dropout=False))
    [source] = images(1)
    weights = {name: np.float64(value) for name, value in generator.weights().items()}
    expected = reference.generator(source[None].astype(float), weights, 'paper')
    np.testing.assert_allclose(draw(session_of(generator), source[None]), expected, atol=5e-5)


@pytest.mark.parametrize('statistics', ['batch', 'moving'])
def test_onnx_draws_what_pytorch_draws(statistics):
    """Of the weights and the values in tests/port, which PyTorch made."""
    variables = names.imported(pth.read(G), names.generator_places(), G)
    model = to_onnx.model_of(Architecture('port', 1, 0.5, 3, 1), variables, statistics)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    np.testing.assert_allclose(draw(session, source())[0, ::4, ::4, 0], KNOWN[statistics], atol=1e-5)


@pytest.mark.parametrize('weights, kind, close', [('float16', onnx.TensorProto.FLOAT16, 0.001),
                                                  ('int8', onnx.TensorProto.INT8, 0.01)])
def test_weights_of_fewer_bits_are_nearly_those(runs, weights, kind, close):
    generator = Generator(runs['paper'], dropout=False)
    model = to_onnx.model_of(generator.architecture, generator.weights(), 'batch', weights)
    small = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type == kind}
    assert len(small) == 16 and all(tensor.dims[2:] == [4, 4] for tensor in small.values())
    sources = images(1)
    assert 0 < np.abs(draw(session_of(generator, weights), sources) - generator.forward(sources)).mean() < close


def test_the_differences_are_those_of_values_made_by_hand():
    a = np.float32([-1, 0, 0.5, 1]).reshape(1, 2, 2, 1)
    b = np.float32([-1, 0.004, 0.5, 0.98]).reshape(1, 2, 2, 1)     # levels: 0 127.5 191.25 255, 0 128.01 191.25 252.45
    difference = parity.Difference.of([a], [b], 7)
    assert (difference.levels, difference.differ, difference.milliseconds) == (3, 0.25, 7)
    np.testing.assert_allclose([difference.largest, difference.mean], [0.02, 0.006], rtol=1e-4)
    assert parity.Difference.of([a], [a * np.nan], 7).levels == 255
    with pytest.raises(ValueError, match='shapes'):
        parity.Difference.of([a], [b[:, :1]], 7)


def run_export(path, folder, monkeypatch, *args):
    monkeypatch.chdir(folder)
    return export.main(export.parse(['--checkpoint', path + '/model-5', *args]))


def test_a_file_is_checked_kept_and_described(runs, tmp_path, monkeypatch, capsys):
    assert run_export(runs['paper'], tmp_path, monkeypatch, '--to', 'onnx') == 0
    printed, folder = capsys.readouterr().out, tmp_path / 'samples/paper/export'
    assert {path.name for path in folder.iterdir()} == {'model.onnx', 'model.json', 'README.md'}
    about = json.loads((folder / 'model.json').read_text())['files']['model.onnx']
    assert 0 < about['difference']['largest'] < 1e-4 and about['difference']['milliseconds'] > 0
    assert about['compared_on'] == 'drawn pictures' and not about['dropout']
    assert 'dropout off' in printed and 'model.onnx' in printed
    readme = (folder / 'README.md').read_text()
    assert 'onnxruntime.InferenceSession(' in readme and '[N, H, W, 3] (RGB)' in readme
    assert len((folder / 'README.md').read_text().splitlines()) <= 12


def test_a_file_that_draws_something_else_is_not_kept(runs, tmp_path, monkeypatch, capsys):
    """Here because a weight is lost on the way; what was there before stays."""
    folder = tmp_path / 'samples/paper/export'
    folder.mkdir(parents=True)
    (folder / 'model.onnx').write_text('of yesterday')
    whole = to_onnx.model_of
    monkeypatch.setattr(to_onnx, 'model_of', lambda architecture, variables, *args, **how: whole(
        architecture, {**variables, 'generator/up7/w': 0 * variables['generator/up7/w']}, *args, **how))
    assert run_export(runs['paper'], tmp_path, monkeypatch, '--to', 'onnx') == 1
    assert 'onnx with weights of float32 is not kept: it draws other pictures' in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [('model.onnx', 'of yesterday')]


def test_a_runtime_that_is_not_installed_is_named(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(parity, 'is_there', lambda package: False)
    assert run_export(runs['paper'], tmp_path, monkeypatch, '--to', 'onnx') == 0
    said = capsys.readouterr()
    assert 'pip install -r requirements-export.txt' in said.err and 'not checked' in said.out
    assert 'not checked' in (tmp_path / 'samples/paper/export/model.json').read_text()


def test_the_averages_of_the_weights_are_exported_unless_told_otherwise(tmp_path):
    path, source = make_run(tmp_path / 'averaged', ema=0.9), images(1)
    averaged, raw = (Generator(path, dropout=False, raw=raw) for raw in (False, True))
    assert averaged.weights().keys() == raw.weights().keys()
    for generator in averaged, raw:
        np.testing.assert_allclose(draw(session_of(generator), source), generator.forward(source), atol=1e-5)
    assert np.abs(averaged.forward(source) - raw.forward(source)).max() > 0.1
    for generator in averaged, raw:
        to_pytorch.write(str(tmp_path), generator, 'float32')
        weight = pth.read(str(tmp_path / 'latest_net_G.pth'))['model.model.0.weight']
        np.testing.assert_array_equal(weight, generator.weights()['generator/down1/w'].transpose(3, 2, 0, 1))


def test_instance_norm_is_each_picture_s_own_in_a_batch_too(tmp_path, monkeypatch, capsys):
    generator = scattered(Generator(make_run(tmp_path / 'instance', norm='instance'), dropout=False))
    sources = images(2)
    np.testing.assert_allclose(draw(session_of(generator), sources), generator.forward(sources), atol=2e-4)
    assert run_export(str(tmp_path / 'instance'), tmp_path, monkeypatch, '--to', 'pytorch') == 1
    assert 'the instance norm of the PyTorch port has no scale' in capsys.readouterr().err


def test_the_port_s_instance_norm_goes_out_as_it_came_in(tmp_path, monkeypatch):
    """Equal to the bit, both networks; ONNX draws what PyTorch drew. Its biases stay, and its norm has none of ours."""
    monkeypatch.chdir(tmp_path)
    importer.main(importer.parse([INSTANCE_G, '--discriminator', INSTANCE_D, '--direction', 'BtoA', '--name', 'new']))
    generator = Generator('checkpoints/new', dropout=False)
    to_pytorch.write(str(tmp_path), generator, 'float32')
    for path, network in (INSTANCE_G, 'G'), (INSTANCE_D, 'D'):
        there, back = pth.read(path), pth.read(str(tmp_path / f'latest_net_{network}.pth'))
        assert there.keys() == back.keys()
        for name in there:
            np.testing.assert_array_equal(back[name], there[name])
    np.testing.assert_allclose(draw(session_of(generator), source())[0, ::4, ::4, 0], INSTANCE['drawing'], atol=1e-5)


@pytest.mark.parametrize('layers', ['paper', 'writeup'])
def test_the_masks_of_dropout_are_exported_with_a_size(runs, layers, tmp_path):
    """Those that the generator has for pictures of this size: where they are missing, the pictures are others."""
    generator = Generator(runs[layers], seed=3)
    sources = images(2, 256, 512, generator.architecture.source_channels)
    path = to_onnx.write(str(tmp_path), generator, 'float32', (256, 512))
    assert os.path.basename(path) == 'model-dropout.onnx'
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    np.testing.assert_allclose(draw(session, sources), generator.forward(sources), atol=1e-3)
    assert np.abs(draw(session, sources) - Generator(runs[layers], seed=4).forward(sources)).max() > 0.01
    exported = Generator(path)
    assert exported.dropout
    with pytest.raises(ValueError, match='exported with dropout, and so for pictures of 512 x 256 alone, not of 256 x'):
        exported(noise(256, 256, sources.shape[-1]))


@pytest.mark.faults
def test_dropout_goes_into_the_formats_of_tensorflow_too(runs, tmp_path, monkeypatch, capsys):
    assert run_export(runs['paper'], tmp_path, monkeypatch, '--to', 'savedmodel', 'tflite', '--dropout') == 0
    files = json.loads((tmp_path / 'samples/paper/export/model.json').read_text())['files']
    assert files.keys() == {'savedmodel-dropout', 'model-dropout.tflite'}
    assert all(about['dropout'] and about['size'] == [256, 256] for about in files.values())
    assert 'and fixed masks of dropout' in (tmp_path / 'samples/paper/export/README.md').read_text()


def test_validation_pictures_are_the_sources_of_the_pairs_held_out(runs, pairs):
    sources = lambda folder, direction: parity.validation_sources(types.SimpleNamespace(
        options={'folder': folder}, form=PairFormat(direction, Size(256, 256), 3, 3)))
    a, b = (sources(str(pairs), direction) for direction in ('AtoB', 'BtoA'))
    assert len(a) == 3 and a[0].shape == (256, 256, 3) and (a[0] != b[0]).any() and -1 <= a[0].min() < a[0].max() <= 1
    assert sources(str(pairs) + '/none', 'AtoB') == []
    assert parity.fitted(np.float32(noise(32, 300)), 256, 256).shape == (256, 256, 3)
    ramp = np.float32(np.arange(6)).reshape(1, 6, 1)
    assert parity.fitted(ramp, 1, 2).ravel().tolist() == [2, 3]            # the middle
    assert parity.fitted(ramp, 2, 8)[..., 0].tolist() == 2 * [[0, 1, 2, 3, 4, 5, 0, 1]]


@pytest.mark.parametrize('args, message', [(['--to', 'onnx'], 'give --name RUN or --checkpoint PATH'),
                                           (['--name', 'a', '--to', 'onyx'], "invalid choice: 'onyx'"),
                                           (['--checkpoint', 'a', '--best', 'l1', '--to', 'onnx'], '--best picks the'),
                                           (['--name', 'a', '--to', 'page', '--dropout', '--size', '256'],
                                            '--size is not for --to page'),
                                           (['--name', 'a', '--to', 'page', 'onnx', '--weights', 'int8', 'float32'],
                                            '--to page has no weights of float32, only of int8, float16'),
                                           (['--name', 'a', '--to', 'pytorch', '--dropout'], 'masks of its own')])
def test_mistakes_are_named(args, message, capsys):
    with pytest.raises(SystemExit):
        export.parse(args)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('target, package', [('onnx', 'onnx'), ('page', 'onnx'), ('page', 'onnxruntime')])
def test_a_package_that_is_not_there_is_named_with_what_installs_it(target, package, monkeypatch, capsys):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None if name == package else name)
    with pytest.raises(SystemExit):
        export.parse(['--name', 'a', '--to', target])
    assert f'--to {target} needs the package {package}: pip install -r requirements-export.txt' in \
        ' '.join(capsys.readouterr().err.split())


def test_a_run_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match='no such file. Is the run name right'):
        export.main(export.parse(['--name', 'none', '--to', 'onnx']))


# The other formats.

@pytest.mark.faults
def test_a_savedmodel_draws_pictures_and_png_files_without_this_package(runs, tmp_path, monkeypatch):
    """In a fresh process, and each picture of a batch as if it were alone: the check does both."""
    assert run_export(runs['paper'], tmp_path, monkeypatch, '--to', 'savedmodel') == 0
    folder = tmp_path / 'samples/paper/export'
    about = json.loads((folder / 'model.json').read_text())['files']['savedmodel']
    assert 0 < about['difference']['largest'] < 1e-4
    generator = Generator(runs['paper'], dropout=False)
    pictures = [noise(256, 256), noise(100, 300), noise(1, 7), noise(300, 31)]
    for i, picture in enumerate(pictures):
        png.write(f'{i}.png', picture)
    code = 'import sys, tensorflow as tf; model = tf.saved_model.load(sys.argv[1]); ' \
           'given = tf.constant([open(f"{i}.png", "rb").read() for i in range(4)]); ' \
           'drawn = model.signatures["png"](png=given)["picture"].numpy(); ' \
           '[open(f"drawn{i}.png", "wb").write(content) for i, content in enumerate(drawn)]'
    subprocess.run([sys.executable, '-I', '-c', code, str(folder / 'savedmodel')], check=True, capture_output=True)
    for i, picture in enumerate(pictures):
        difference = np.abs(iio.imread(f'drawn{i}.png').astype(int) - generator(picture))
        assert difference.max() <= 1 and np.mean(difference > 0) < 0.01


def test_tflite_of_each_kind_of_weights(runs, tmp_path, monkeypatch):
    pytest.importorskip('ai_edge_litert')
    assert run_export(runs['paper'], tmp_path, monkeypatch, '--to', 'tflite', '--weights', 'float32', 'float16',
                      '--size', '256x512') == 0
    files = json.loads((tmp_path / 'samples/paper/export/model.json').read_text())['files']
    assert list(files) == ['model.tflite', 'model-float16.tflite']
    assert all(about['size'] == [256, 512] and about['difference']['largest'] > 0 for about in files.values())


def test_what_we_write_is_the_port_s_file_again(tmp_path, monkeypatch):
    """Names, order, shapes and types of its state dicts, and the values but for those that we do not keep."""
    monkeypatch.chdir(tmp_path)
    assert importer.main(importer.parse([G, '--discriminator', D, '--direction', 'BtoA', '--name', 'new'])) == 0
    to_pytorch.write(str(tmp_path), Generator('checkpoints/new', dropout=False), 'float32')
    for path in G, D:
        before, after = pth.read(path), pth.read(str(tmp_path / os.path.basename(path)))
        made_up = (names.BATCHES,) + (('running_mean', 'running_var') if path == D else ())
        assert before.keys() == after.keys()
        for name in before:
            assert before[name].dtype == after[name].dtype and before[name].shape == after[name].shape, name
            if not name.endswith(made_up):
                np.testing.assert_array_equal(before[name], after[name])


def test_the_write_up_has_no_place_in_the_port(runs, tmp_path, monkeypatch, capsys):
    assert run_export(runs['writeup'], tmp_path, monkeypatch, '--to', 'pytorch') == 1
    assert 'the PyTorch port has no network with the layers of the write-up' in capsys.readouterr().err


@pytest.mark.parametrize('limits, dtype, to, back', [
    (None, None, '`values / 127.5 - 1`', '`(picture + 1) * 127.5`, rounded'),
    ((0, 3000), 'uint8', '`values / 127.5 - 1`', '`(picture + 1) * 127.5`, rounded'),        # of 8 bits in any case
    ((0, 3000), 'uint16', '`2 * (values - 0) / 3000 - 1`', '`(picture + 1) / 2 * 3000 + 0`'),
    (None, 'uint16', '`2 * (values - 0) / 65535 - 1`', '`(picture + 1) / 2 * 65535 + 0`'),
    (None, 'float32', '`2 * (values - 0) / 1 - 1`', '`(picture + 1) / 2 * 1 + 0`'),
    ((-5, 20), 'float32', '`2 * (values - -5) / 25 - 1`', '`(picture + 1) / 2 * 25 + -5`')])
def test_the_readme_scales_values_as_the_training_did(limits, dtype, to, back):
    assert readme.to_unit(limits, dtype) == to and readme.from_unit(limits, dtype) == back


@pytest.mark.parametrize('changed, has_png', [({}, True), ({'labels': ['#000000', '#ffffff']}, False),
                                              ({'source_channels': 5}, False), ({'dropout': True}, False)])
def test_png_files_are_drawn_from_where_a_savedmodel_can(changed, has_png):
    dropout = changed.pop('dropout', False)
    form = PairFormat('AtoB', Size(256, 256), 3, 3)._replace(**changed)
    signature = to_savedmodel.has_png(types.SimpleNamespace(form=form, dropout=dropout))
    text = readme.text({'savedmodel': {
        'target': 'savedmodel', 'run': 'a', 'checkpoint': 1, 'statistics': 'batch', 'dropout': dropout, 'multiple': 256,
        'png': signature, 'difference': 'not checked', **form._asdict()}})
    assert signature == has_png == ("model.signatures['png']" in text) and "model.signatures['serving_default']" in text

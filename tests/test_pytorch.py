"""python -m pix2pix.pytorch. tests/port is what PyTorch 2.13 wrote of the port's networks, written out in
tests/port/make.py, of width 1, 3 channels in and 1 out: their weights, and in known.npz what they draw of one picture,
at every fourth pixel, without dropout. The files of instance* are of those with instance norm."""

import json
import os
import pathlib
import pickle
import shutil
import zipfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix import Generator
from pix2pix.errors import UserError
from pix2pix.export import to_pytorch
from pix2pix.model.architecture import Architecture
from pix2pix.model.networks import discriminator, generator
from pix2pix.pytorch import __main__ as importer
from pix2pix.pytorch import names, pth
from pix2pix.run.folder import Run

PORT = pathlib.Path(__file__).parent / 'port'
G, D, LEGACY = (str(PORT / f'{name}.pth') for name in ('latest_net_G', 'latest_net_D', 'legacy_net_G'))
KNOWN = np.load(PORT / 'known.npz')
INSTANCE_G, INSTANCE_D = (str(PORT / f'instance_net_{network}.pth') for network in 'GD')
INSTANCE = np.load(PORT / 'instance.npz')


def run_import(folder, monkeypatch, *args):
    monkeypatch.chdir(folder)
    return importer.main(importer.parse([*map(str, args), '--name', 'new']))


def source():
    y, x = np.mgrid[:256, :256].astype('f')
    return np.stack([np.sin(x / 9 + y / 7 + i) for i in range(3)], axis=-1)[None].astype('f')


def saved(path, tensors):
    with open(path, 'wb') as file:
        pth.write(file, tensors)
    return str(path)


# The files.

@pytest.mark.parametrize('path', [G, LEGACY])
def test_a_file_of_each_kind_is_read_without_torch(path):
    tensors = pth.read(path)
    assert len(tensors) == 82 and tensors['model.model.1.model.2.num_batches_tracked'] == 3
    told = [name for name in KNOWN if name.startswith('model.')]
    assert len(told) > 5
    for name in told:
        np.testing.assert_array_equal(tensors[name], KNOWN[name])


def test_what_is_written_is_read_again_and_names_no_class_but_torch_s(tmp_path):
    tensors = {'a.weight': np.arange(24, dtype='f').reshape(2, 3, 4), 'n': np.array(7)}
    again = pth.read(saved(tmp_path / 'a.pth', tensors))
    for name in tensors:
        np.testing.assert_array_equal(again[name], tensors[name])
        assert again[name].dtype == tensors[name].dtype
    [pickled] = [zipfile.ZipFile(tmp_path / 'a.pth').read('archive/data.pkl')]
    assert set(pickled.split(b'\n')[0:1]) == {b'\x80\x02ccollections'} and pickled.count(b'_rebuild_tensor_v2') == 2


class Evil:
    def __reduce__(self):
        return os.mkdir, ('ran',)


def test_nothing_in_a_file_can_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile('evil.pth', 'w') as archive:
        archive.writestr('archive/data.pkl', pickle.dumps({'a': Evil()}))
    with open('old.pth', 'wb') as file:
        for part in pth.LEGACY, 1001, {'little_endian': True}, {'a': Evil()}:
            pickle.dump(part, file, 2)
    for name in 'evil.pth', 'old.pth':
        with pytest.raises(UserError, match=f'{name} asks for posix.mkdir: .* Nothing of it was run'):
            pth.read(name)
    assert not (tmp_path / 'ran').exists()


def test_a_pickled_whole_model_is_named_as_one(tmp_path):
    path = tmp_path / 'whole.pth'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('whole/data.pkl', b'\x80\x02cmodels.networks\nUnetGenerator\n)\x81.')
    with pytest.raises(UserError, match=r'whole.pth asks for models.networks.UnetGenerator: it is a pickled model'):
        pth.read(str(path))


@pytest.mark.parametrize('content', [b'', b'no tensors', pickle.dumps(3), open(G, 'rb').read()[:5000],
                                     open(LEGACY, 'rb').read()[:60000], b'PK\x05\x06' + bytes(18)])
def test_a_damaged_or_foreign_file_is_one_line(tmp_path, content):
    (tmp_path / 'a.pth').write_bytes(content)
    with pytest.raises(UserError, match='a.pth is damaged, or no file of PyTorch'):
        pth.read(str(tmp_path / 'a.pth'))


@pytest.mark.parametrize('shape, strides, offset', [
    ((5,), (1,), 0), ((2, 2), (1, 3), 0), ((3,), (1,), 2), ((2,), (-1,), 1), ((10 ** 6,), (0,), 0)])
def test_a_tensor_that_reaches_beyond_its_values_is_refused(shape, strides, offset):
    with pytest.raises(ValueError, match='beyond'):
        pth.array(pth.Tensor(pth.Storage('FloatStorage', '0', 4), offset, shape, strides), lambda _: bytes(16))


# The networks.

def test_a_unet_128_draws_what_the_port_s_draws_and_goes_back_to_the_bit(tmp_path, monkeypatch):
    path = str(PORT / 'unet_128_net_G.pth')
    assert run_import(tmp_path, monkeypatch, path, '--direction', 'AtoB') == 0
    model = Generator('checkpoints/new', dropout=False)
    assert model.architecture == Architecture('port', 1, 0.5, 3, 1, depth=7) and model.form.crop_size == (128, 128)
    drawn = model.forward(source()[:, :128])[0, ::4, ::4, 0]
    assert np.abs(drawn - np.load(PORT / 'unet_128.npz')['batch']).max() < 1e-4 and drawn.std() > 0.05
    to_pytorch.write('.', model, 'float32')
    before, after = pth.read(path), pth.read('latest_net_G.pth')
    assert before.keys() == after.keys() and len(before) == 70
    for name in before:
        assert name.endswith(names.BATCHES) or (before[name] == after[name]).all(), name



def test_it_draws_what_the_port_draws(tmp_path, monkeypatch):
    """With both statistics, to a level of 255; the values are PyTorch's."""
    assert run_import(tmp_path, monkeypatch, G, '--discriminator', D, '--direction', 'BtoA') == 0
    for statistics in 'batch', 'moving':
        model = Generator('checkpoints/new', dropout=False, statistics=statistics)
        drawn = model.forward(source())[0, ::4, ::4, 0]
        assert np.abs(drawn - KNOWN[statistics]).max() < 1e-4 and drawn.std() > 0.05
    assert model.architecture == Architecture('port', 1, 0.5, 3, 1) and model.options['direction'] == 'BtoA'
    assert model.step == 1


def test_its_discriminator_is_the_port_s(tmp_path, monkeypatch):
    run_import(tmp_path, monkeypatch, G, '--discriminator', D, '--direction', 'BtoA')
    reader = tf.train.load_checkpoint('checkpoints/new/model-1')
    drawn = Generator('checkpoints/new', dropout=False, statistics='moving').forward(source())
    with tf.Graph().as_default(), tf.Session() as sess:
        logits = discriminator(tf.constant(source()), tf.constant(drawn), Architecture('port', 1, 0.5, 3, 1))
        for v in tf.global_variables():
            v.load(reader.get_tensor(v.op.name), sess)
        np.testing.assert_allclose(sess.run(logits)[0, ..., 0], KNOWN['logits'], atol=1e-4)


def test_with_instance_norm_both_networks_are_the_port_s_too(tmp_path, monkeypatch, capsys):
    """To a tenth of a level of 255, of two pictures in a batch too; every bias counts that no norm follows."""
    assert run_import(tmp_path, monkeypatch, INSTANCE_G, '--discriminator', INSTANCE_D, '--direction', 'BtoA') == 0
    assert '3 -> 1 channels, depth 8, instance norm, BtoA' in capsys.readouterr().out
    model = Generator('checkpoints/new', dropout=False)
    architecture = Architecture('port', 1, 0.5, 3, 1, norm='instance_port')
    assert model.architecture == architecture
    drawn = model.forward(source())
    both = model.forward(np.concatenate([0.1 * source(), source()]))
    for one in drawn[0], both[1]:
        assert np.abs(one[::4, ::4, 0] - INSTANCE['drawing']).max() < 1e-4 and one.std() > 0.05
    with tf.Graph().as_default(), tf.Session() as sess:
        logits = discriminator(tf.constant(source()), tf.constant(drawn), architecture)
        reader = tf.train.load_checkpoint('checkpoints/new/model-1')
        for v in tf.global_variables():
            v.load(reader.get_tensor(v.op.name), sess)
        np.testing.assert_allclose(sess.run(logits)[0, ..., 0], INSTANCE['logits'], atol=1e-4)


def test_biases_before_an_instance_norm_count_for_nothing_and_the_others_do(tmp_path, monkeypatch):
    run_import(tmp_path, monkeypatch, INSTANCE_G, '--direction', 'BtoA')
    model = Generator('checkpoints/new', dropout=False)
    drawn, counted = model.forward(source()), []
    with model.graph.as_default():
        for v in tf.global_variables('generator/'):
            if v.op.name.endswith('/b'):
                before = model.sess.run(v)
                v.load(before + 1, model.sess)
                if np.abs(model.forward(source()) - drawn).max() > 1e-3:
                    counted.append(v.op.name.split('/')[1])
                v.load(before, model.sess)
    assert counted == ['down1', 'down8', 'up8']


def test_dropout_is_in_the_rows_of_the_port():
    """Its three blocks between the innermost and the outer four: our rows 2 to 4."""
    with tf.Graph().as_default() as graph:
        generator(tf.zeros([1, 256, 256, 3]), Architecture('port', base_filters=1), seed=[0, 0])
        masks = [op.outputs[0].shape for op in graph.get_operations() if op.type == 'StatelessRandomUniformV2']
    assert masks == [[1, 4, 4, 8], [1, 8, 8, 8], [1, 16, 16, 8]]


@pytest.mark.parametrize('prefix', ['module.', '_orig_mod.', 'module._orig_mod.'])
def test_prefixes_of_parallel_and_compiled_models_are_taken_off(prefix, tmp_path):
    plain = names.imported(pth.read(G), names.generator_places(), G)
    path = saved(tmp_path / 'a.pth', {prefix + name: value for name, value in pth.read(G).items()})
    wrapped = names.imported(pth.read(path), names.generator_places(), path)
    assert plain.keys() == wrapped.keys() and len(plain) == 69
    for name in plain:
        np.testing.assert_array_equal(plain[name], wrapped[name])


@pytest.mark.parametrize('places, path', [
    (names.generator_places(), G), (names.discriminator_places(), D),
    (names.generator_places('instance_port'), INSTANCE_G), (names.discriminator_places('instance_port'), INSTANCE_D)])
def test_there_and_back_again_every_tensor_is_equal_to_the_bit(places, path):
    tensors = pth.read(path)
    ours = names.imported(tensors, places, path)
    for name, place in places.items():
        np.testing.assert_array_equal(names.to_port(ours[name], place), tensors[place.key])
    left = tensors.keys() - {place.key for place in places.values()}
    assert {name.split('.')[-1] for name in left} <= {names.BATCHES} | (
        {'running_mean', 'running_var'} if path == D else set())


def test_what_does_not_fit_is_called_what_it_is(tmp_path, monkeypatch):
    tensors = pth.read(G)
    less = lambda *ends: {name: value for name, value in tensors.items() if not name.endswith(ends)}
    deepest = 'model.model.' + '1.model.' + '3.model.' * 3
    strangers = {'a basic discriminator': pth.read(D), 'resnet': {'model.10.conv_block.1.weight': np.zeros(3, 'f')},
                 'without a norm': less('running_mean', 'running_var'),
                 'a depth that is none of 5 to 9': {name: tensors[name] for name in tensors if deepest not in name},
                 'an unknown network': {'fc.weight': np.zeros(3, 'f')}, 'it lacks': less('model.3.bias'),
                 'it has fc': {**tensors, 'fc': np.zeros(3, 'f')}}
    for words, state in strangers.items():
        with pytest.raises(UserError, match=words):
            run_import(tmp_path, monkeypatch, saved(tmp_path / 'a.pth', state), '--direction', 'AtoB')
    with pytest.raises(UserError, match='a U-Net generator .* fits here is a basic discriminator'):
        run_import(tmp_path, monkeypatch, G, '--discriminator', G, '--direction', 'AtoB')
    with pytest.raises(UserError, match='a basic discriminator with batch norm; .* is a basic .* with instance norm'):
        run_import(tmp_path, monkeypatch, INSTANCE_G, '--discriminator', D, '--direction', 'AtoB')
    wide = {name: np.concatenate([value, value]) if name == 'model.model.1.model.1.weight' else value
            for name, value in tensors.items()}
    with pytest.raises(UserError, match=r'down2/w has the shape \[4, 4, 1, 4\], not \[4, 4, 1, 2\]'):
        run_import(tmp_path, monkeypatch, saved(tmp_path / 'a.pth', wide), '--direction', 'AtoB')
    assert not (tmp_path / 'checkpoints/new').exists()


def test_the_options_of_the_port_are_read_beside_the_file(tmp_path, monkeypatch):
    with pytest.raises(UserError, match='give the direction, AtoB or BtoA'):
        run_import(tmp_path, monkeypatch, G)
    (tmp_path / 'train_opt.txt').write_text('--- Options ---\n    direction: BtoA   \t[default: AtoB]\n'
                                            '    no_dropout: True    [default: False]\n')
    assert run_import(tmp_path, monkeypatch, saved(tmp_path / '200_net_G.pth', pth.read(G))) == 0
    options = json.loads((tmp_path / 'checkpoints/new/options.json').read_text())
    assert (options['direction'], options['keep_prob']) == ('BtoA', 1.0)
    assert Generator('checkpoints/new').step == 200


def test_a_run_that_is_there_is_not_replaced(tmp_path, monkeypatch):
    (tmp_path / 'checkpoints/new').mkdir(parents=True)
    with pytest.raises(UserError, match='checkpoints/new is there already: give another name'):
        run_import(tmp_path, monkeypatch, G, '--direction', 'AtoB')


def test_an_imported_run_is_not_carried_on(tmp_path, monkeypatch):
    run_import(tmp_path, monkeypatch, G, '--direction', 'AtoB')
    with pytest.raises(UserError, match='new comes from .*latest_net_G.pth, and cannot be carried on'):
        Run.named('new').compare_options({'layers': 'port', 'batch_size': 1}, ('layers', 'batch_size'))


@pytest.mark.parametrize('change, message', [
    (lambda weight: weight * np.nan, 'model.model.0.weight has NaN or infinity in it'),
    (lambda weight: weight.reshape(-1), 'generator/down1/w has the shape .*, and a convolution has four')])
def test_weights_that_draw_nothing_or_are_no_convolution_are_named(tmp_path, monkeypatch, change, message):
    tensors = pth.read(G)
    tensors['model.model.0.weight'] = change(tensors['model.model.0.weight'])
    with pytest.raises(UserError, match=message):
        run_import(tmp_path, monkeypatch, saved(tmp_path / 'a_net_G.pth', tensors), '--direction', 'BtoA')
    assert not (tmp_path / 'checkpoints').exists()


def test_a_file_of_epoch_0_becomes_a_checkpoint_that_is_found(tmp_path, monkeypatch):
    shutil.copy(G, tmp_path / '0_net_G.pth')
    assert run_import(tmp_path, monkeypatch, str(tmp_path / '0_net_G.pth'), '--direction', 'BtoA') == 0
    assert Generator('checkpoints/new').step == 1

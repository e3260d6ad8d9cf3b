import json
import pathlib
import shutil

import imagecodecs
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

from pix2pix import Generator, devices
from pix2pix.errors import UserError
from pix2pix.images.arrays import to_uint8
from pix2pix.model.architecture import Architecture
from pix2pix.model.networks import generator, trained_generator
from pix2pix.run import checkpoint

RANDOM = np.random.RandomState(1)
OPTIONS = {'layers': 'paper', 'base_filters': 1, 'keep_prob': 0.5, 'source_channels': 3, 'target_channels': 3,
           'crop_size': 256, 'precision': 'float32', 'folder': 'pairs', 'direction': 'AtoB', 'epochs': 1}


def make_run(folder, /, **options):
    """A run of untrained networks with one checkpoint, of step 5."""
    folder.mkdir()
    options = {**OPTIONS, **options}
    (folder / 'options.json').write_text(json.dumps(options))
    with tf.Graph().as_default(), tf.Session() as sess:
        image = tf.zeros([1, 256, 256, options['source_channels']])
        tf.set_random_seed(options.pop('seed', 1))
        architecture = Architecture(**{name: options[name] for name in Architecture._fields if name in options})
        for averaged in [False, True][:1 + (options.get('ema', 0) > 0)]:
            trained_generator(image, architecture, dropout_on=False, statistics='moving', averaged=averaged)
        tf.train.get_or_create_global_step()
        sess.run(tf.global_variables_initializer())
        for v in tf.global_variables('(average/)?generator/.*/w'):
            v.load((-10 if v.op.name.startswith('average/') else 10) * sess.run(v), sess)    # else the output is gray
        checkpoint.save(sess, checkpoint.new_saver(), str(folder), 5, keep=1)
    return str(folder)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp('runs') / 'tiny')


@pytest.fixture(scope='module')
def model(run):
    return Generator(run)


def noise(height, width, channels=3, dtype=np.uint8):
    y, x = np.mgrid[:height, :width, :channels][:2]
    wave = 0.5 + 0.5 * np.sin(x / 9 + y / 7 + np.arange(channels))
    return (wave * np.iinfo(dtype).max).astype(dtype)


def test_a_picture_of_the_network_s_own_size_is_one_forward_pass(model):
    picture = noise(256, 256)
    expected = to_uint8(model.forward(picture[None].astype('f') * np.float32(2 / 255) - 1)[0])
    np.testing.assert_array_equal(model(picture), expected)
    assert expected.std() > 5 and model.step == 5
    np.testing.assert_array_equal(model(picture), model(picture))


def test_weights_cast_once_give_the_bits_of_the_sample_grids(tmp_path):
    """In bfloat16, of two sizes, against the graph that train.py draws its samples with."""
    run = make_run(tmp_path / 'low', precision='bfloat16', base_filters=4)
    model = Generator(run, seed=3, precision='bfloat16')
    with tf.Graph().as_default(), tf.Session() as sess:
        pictures = [RANDOM.uniform(-1, 1, [256, width, 3]) for width in (256, 512)]
        architecture = Architecture(base_filters=4, keep_prob=0.5, precision='bfloat16')
        outputs = [generator(tf.constant(picture[None], tf.float32), architecture, seed=[3, 0])
                   for picture in pictures]
        checkpoint.restore(sess, tf.train.Saver(), f'{run}/model-5')
        for picture, output in zip(pictures, sess.run(outputs)):
            np.testing.assert_array_equal(model.forward(picture[None]), output)
            assert output.std() > 0.1
    copies = model.graph.get_collection(tf.GraphKeys.LOCAL_VARIABLES)
    assert len(copies) == 16 and {copy.dtype.base_dtype for copy in copies} == {tf.bfloat16}


@pytest.mark.parametrize('size', [(1, 1), (100, 300), (257, 255), (512, 40)])
def test_any_size_and_type_comes_back(model, size):
    for dtype in np.uint8, np.uint16:
        output = model(noise(*size, dtype=dtype))
        assert output.shape == (*size, 3) and output.dtype == dtype
    np.testing.assert_array_equal(model(noise(*size, 1)[..., 0]), model(np.repeat(noise(*size, 1), 3, axis=-1)))


def test_padding_is_a_mirror_and_is_cut_off_again(model):
    picture = noise(200, 256)
    top = np.concatenate([picture[28:0:-1], picture, picture[-2:-30:-1]])
    np.testing.assert_array_equal(model(picture), model(top)[28:-28])


def test_sixteen_bits_are_kept(model):
    picture = noise(256, 256, dtype=np.uint16)
    fine, exact = model(picture), model.forward(np.float32(picture / 65535 * 2 - 1)[None])[0]
    assert len(np.unique(fine)) > 2000
    np.testing.assert_allclose(fine, (exact + 1) / 2 * 65535, atol=1)


def test_map_draws_what_calls_draw_in_order(model):
    """Whatever the size and type, and however many of a size follow each other."""
    sizes = [(256, 256), (200, 100), (256, 256), (300, 700), (20, 500), (40, 257), (256, 256), (9, 9), (1, 2)]
    pictures = [noise(*size, dtype=(np.uint8, np.uint16)[i % 2]) for i, size in enumerate(sizes)]
    pictures[1] = pictures[1][..., 0]
    drawn = list(model.map(iter(pictures)))
    assert len(drawn) == len(pictures)
    for picture, output in zip(pictures, drawn):
        alone = model(picture)
        assert output.shape == alone.shape and output.dtype == alone.dtype
        difference, level = np.abs(output.astype(int) - alone), np.iinfo(output.dtype).max / 255
        assert difference.max() <= level and difference.mean() < 0.01 * level


def test_what_map_draws_of_a_picture_depends_on_no_other(model):
    """Alone, and at every place of a run of them: to the bit in a narrow network; a wide one rounds by the place."""
    pictures = [noise(*size) for size in [(256, 256), (256, 256), (250, 255), (3, 7), (256, 256)]]
    pictures[1] = pictures[1] // 9
    pictures[4] = 255 - pictures[4] // 4
    alone = [next(model.map([picture])) for picture in pictures]
    for order in [0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [1, 1, 0, 4, 2], [2, 4]:
        for i, output in zip(order, model.map(pictures[i] for i in order)):
            np.testing.assert_array_equal(output, alone[i])


def test_map_takes_no_more_pictures_than_it_needs(model):
    endless = (noise(256, 256) for _ in iter(int, 1))
    assert next(model.map(endless)).shape == (256, 256, 3)


def test_map_keeps_to_the_tiles(run):
    """A picture that is wider than a tile goes in tiles, though two of its pixels' number would fit in one run."""
    picture, tiled = noise(256, 400), Generator(run, tile=256)
    [output] = tiled.map([picture])
    np.testing.assert_array_equal(output, tiled(picture))
    assert (output != Generator(run)(picture)).any()


def test_gray_in_and_out(tmp_path):
    gray = Generator(make_run(tmp_path / 'gray', source_channels=1, target_channels=1))
    red = np.zeros([256, 256, 3], np.uint8)
    red[..., 0] = 200
    output = gray(red)
    assert output.shape == (256, 256)
    np.testing.assert_array_equal(output, gray(np.full([256, 256], 60, np.uint8)))     # 0.299 * 200 = 59.8
    assert next(gray.map([red])).shape == (256, 256)


def test_tiles_of_a_network_that_copies_are_the_picture(run):
    """With the network replaced by the identity, tiling must not be seen at all."""
    model = Generator(run, tile=256)
    sizes = []
    model.forward = lambda sources: sizes.append(sources.shape[1:3]) or sources
    for dtype in np.uint8, np.uint16:
        picture = noise(1000, 333, dtype=dtype)
        difference = np.abs(model(picture).astype(int) - picture)
        assert difference.max() <= 1 and np.mean(difference > 0) < 0.01
    assert set(sizes) == {(256, 256)} and len(sizes) == 2 * 5 * 2


def test_tiled_is_close_to_whole(run):
    """Tiles have statistics of their own, and the network's pattern repeats: the two differ, but not at the seams."""
    picture = noise(256, 700)
    whole, tiled = (Generator(run, tile=tile, dropout=False, statistics='moving')(picture).astype(int)
                    for tile in (1024, 512))
    assert np.abs(whole - tiled).mean() < 10
    steps = lambda image: np.abs(np.diff(image, axis=1)).max()
    assert steps(tiled) <= 1.5 * steps(whole)


def test_a_path_and_a_pil_image_are_drawn_as_they_are_seen(model, tmp_path):
    """With their palette, turned by their EXIF data: as the array of what is seen."""
    stored = Image.fromarray(noise(40, 70)).quantize(64)
    exif = Image.Exif()
    exif[0x0112] = 6
    stored.save(tmp_path / 'it.png', exif=exif)
    expected = model(np.rot90(np.asarray(stored.convert('RGB')), -1))
    assert expected.shape == (70, 40, 3)
    with Image.open(tmp_path / 'it.png') as image:
        for picture in str(tmp_path / 'it.png'), tmp_path / 'it.png', image:
            np.testing.assert_array_equal(model(picture), expected)


def test_a_path_keeps_sixteen_bits(model, tmp_path):
    fine = noise(40, 70, dtype=np.uint16)
    (tmp_path / 'fine.png').write_bytes(imagecodecs.png_encode(fine))
    np.testing.assert_array_equal(model(tmp_path / 'fine.png'), model(fine))


def test_a_file_that_cannot_be_read_is_named(model, tmp_path):
    (tmp_path / 'bad.png').write_bytes(b'no picture')
    with pytest.raises(UserError, match="bad.png': is not a PNG, JPEG, .*, JPEG 2000 or NumPy image"):
        model(tmp_path / 'bad.png')


@pytest.mark.parametrize('picture', [['a.png', 'b.png'], None, np.zeros([4, 4, 3], np.float32), np.zeros([4], np.uint8),
                                     np.zeros([4, 4, 2], np.uint8), np.zeros([0, 4, 3], np.uint8)])
def test_what_is_no_picture_is_an_error(model, picture):
    with pytest.raises(ValueError, match='uint8 or uint16'):
        model(picture)


@pytest.mark.parametrize('content, message', [
    ('{"seed": 1}', 'lacks base_filters, crop_size, '), ('[]', 'is not an object'),
    ('{', 'cannot be read as JSON'), ('[' * 10 ** 5, 'cannot be read as JSON')])
def test_damaged_options_are_named(tmp_path, content, message):
    (tmp_path / 'options.json').write_text(content)
    with pytest.raises(UserError, match=message):
        Generator(str(tmp_path))


def test_instance_norm_has_no_moving_statistics_to_draw_with(tmp_path):
    run = make_run(tmp_path / 'instance', norm='instance')
    assert Generator(run)(noise(256, 256)).std() > 5
    with pytest.raises(UserError, match='moving statistics do not fit this run: instance norm keeps none'):
        Generator(run, statistics='moving')


@pytest.mark.parametrize('name, value', [
    ('layers', 'bricks'), ('layers', ['paper']), ('layers', None), ('base_filters', '2'), ('base_filters', -1),
    ('base_filters', None), ('base_filters', True), ('base_filters', 1.5), ('keep_prob', 'x'), ('keep_prob', 0),
    ('keep_prob', float('nan')), ('source_channels', 33), ('depth', 4), ('preprocess', 'x'), ('labels', ['red']),
    ('target_range', [1, 0]), ('target_channels', {}), ('precision', []),
    ('precision', 'float16'), ('crop_size', -256), ('crop_size', 100), ('crop_size', '256'), ('crop_size', 0),
    ('folder', 3), ('folder', None), ('direction', 'up'), ('epochs', '3'),
    ('norm', 'layer'), ('ema', '0.9')])
def test_options_of_wrong_types_are_named(tmp_path, name, value):
    (tmp_path / 'options.json').write_text(json.dumps({**OPTIONS, name: value}))
    with pytest.raises(UserError, match=f'options.json: {name} cannot be .*. Restore it, or move the folder away$'):
        Generator(str(tmp_path))


def test_what_cannot_be_loaded_is_named(run, tmp_path):
    with pytest.raises(UserError, match='tile 300 is not a multiple of 256'):
        Generator(run, tile=300)
    with pytest.raises(UserError, match='no such file. Is the run name right'):
        Generator(str(tmp_path / 'none'))
    with pytest.raises(UserError, match='model-7: there is no such checkpoint'):
        Generator(run + '/model-7')
    for path in run + '/model-5', run + '/model-5.index', pathlib.Path(run, 'model-5'):
        assert Generator(path).step == 'model-5'
    shutil.copytree(run, tmp_path / 'half', ignore=shutil.ignore_patterns('*.data*'))
    with pytest.raises(checkpoint.CheckpointError, match='half/model-5 cannot be restored'):
        Generator(str(tmp_path / 'half/model-5'))
    (tmp_path / 'options.json').write_text(json.dumps(OPTIONS))
    with pytest.raises(UserError, match='has no checkpoint yet'):
        Generator(str(tmp_path))


def test_a_step_that_was_not_kept_is_named_with_those_that_were(run):
    with pytest.raises(UserError, match='model-99: there is no such checkpoint. Those of .* are of the steps: 5$'):
        Generator(run + '/model-99')


def test_bfloat16_is_taken_over_only_where_the_hardware_has_it(tmp_path, monkeypatch):
    low = make_run(tmp_path / 'low', precision='bfloat16')
    for hardware in 'float32', 'bfloat16':
        monkeypatch.setattr(devices, "hardware_precision", lambda *args, hardware=hardware: hardware)
        assert Generator(low).architecture.precision == hardware
        assert Generator(low, precision='bfloat16').architecture.precision == 'bfloat16'


def test_arguments_that_cannot_be_are_named(run):
    for how, message in [({'statistics': 'foo'}, "statistics 'foo'"), ({'seed': 2 ** 70}, f'seed {2 ** 70}'),
                         ({'precision': 'float64'}, "precision 'float64': give auto, float32 or bfloat16")]:
        with pytest.raises(UserError, match=message):
            Generator(run, **how)


def test_each_file_of_a_checkpoint_stands_for_it_and_no_other_file_does(run):
    for ending in '.index', '.sums', '.data-00000-of-00001':
        assert Generator(f'{run}/model-5{ending}').step == 'model-5'
    with pytest.raises(UserError, match='options.json is no checkpoint: give the folder of a run, or its model-STEP'):
        Generator(f'{run}/options.json')


@pytest.mark.parametrize('averaged', [True, False])
def test_weights_that_are_not_finite_are_named_and_nothing_is_drawn(tmp_path, averaged):
    """Those that are drawn with."""
    folder = make_run(tmp_path / 'spoilt', ema=0.9)
    with tf.Graph().as_default(), tf.Session() as sess:
        there = tf.train.load_checkpoint(f'{folder}/model-5')
        for name in there.get_variable_to_shape_map():
            value = there.get_tensor(name)
            spoilt = name == ('average/' if averaged else '') + 'generator/up4/w'
            tf.get_variable(name, initializer=value * np.float32(np.inf) if spoilt else value)
        sess.run(tf.global_variables_initializer())
        checkpoint.save(sess, checkpoint.new_saver(), folder, 5, keep=1)
    with pytest.raises(UserError, match='model-5: there is NaN or infinity among the weights'):
        Generator(folder, raw=not averaged)
    assert Generator(folder, raw=averaged).step == 5


def test_where_pictures_have_bands_a_pil_image_has_its_own_too(tmp_path):
    model = Generator(make_run(tmp_path / 'bands', source_channels=4, source_range=[0, 255], target_range=[0, 255],
                               source_dtype='uint8', target_dtype='uint8', target_ending='.png', labels=[]))
    rgba = noise(20, 30, 4)
    Image.fromarray(rgba).save(tmp_path / 'a.png')
    Image.fromarray(rgba[..., :3]).save(tmp_path / 'b.png')
    expected = model(rgba)
    np.testing.assert_array_equal(model(tmp_path / 'a.png'), expected)
    np.testing.assert_array_equal(model(Image.open(tmp_path / 'a.png')), expected)
    with pytest.raises(UserError, match=r"b.png': uint8 \[20, 30, 3\]: give"):
        model(tmp_path / 'b.png')
    with pytest.raises(UserError, match=r"b.png': uint8 \[20, 30, 3\]: give"):
        list(model.map([tmp_path / 'b.png']))

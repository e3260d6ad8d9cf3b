"""Which pairs a step reads, in which order, and what becomes of one on its way into a batch."""


import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import reader
from pix2pix.errors import UserError
from pix2pix.images.diagnose import ImageError
from pix2pix.images.form import PairFormat
from pix2pix.sizes import Size
from reader import Batches, Jitter, Order, Pairs
from tests.conftest import draw_pairs

FORM = PairFormat(direction='AtoB', crop_size=Size(256, 256), source_channels=3, target_channels=3)
JITTER = Jitter(load_size=Size(286, 286), flip=True)
NO_JITTER = Jitter(load_size=Size(256, 256), flip=False)
SMALL = FORM._replace(crop_size=Size(8, 8)), Jitter(load_size=Size(8, 8), flip=False)    # 16 x 8 pixels, as they are


def read(folder, *, batch_size=2, epochs=1, seed=0, form=FORM, jitter=JITTER, after=0, **replica):
    """All batches of a folder behind so many steps, as a list of (source, target)."""
    pairs = Pairs.of(str(folder))
    order = Order(len(pairs.names), batch_size, epochs, seed)
    with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
        batches = Batches(pairs, order, form, jitter, **replica)
        batches.start(sess, after=after)
        return [sess.run([batches.source, batches.target]) for _ in range(after, order.steps)]


def run(tensors):
    with tf.compat.v1.Session() as sess:
        return sess.run(tensors)


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    iio.imwrite(path, image)
    return str(path)


def shades(batch):
    """The shade of each image of a batch, as the 8-bit number it was written with."""
    return [int(value) for value in np.rint((batch[:, 0, 0, 0] + 1) * 127.5)]


@pytest.fixture
def numbered(tmp_path):
    """Seven flat pairs of 16 x 8 pixels whose shade is their number: source 10 i, target 10 i + 5."""
    for i in range(7):
        image = np.full([8, 16, 3], 10 * i, np.uint8)
        image[:, 8:] += 5
        write(tmp_path / 'numbered' / f'{i}.png', image)
    return str(tmp_path / 'numbered')


# The pairs of a data set.

def test_pairs_are_those_in_train_and_those_held_out_are_in_val(tmp_path):
    folder = draw_pairs(tmp_path / 'pairs', train=2, val=1, test=3)
    pairs = Pairs.of(str(folder))
    assert pairs == (f'{folder}/train', ['0.png', '1.png'], [f'{folder}/val/0.png'], [])
    assert pairs.paths == [f'{folder}/train/0.png', f'{folder}/train/1.png']


def test_where_there_is_no_val_those_held_out_are_in_test(tmp_path):
    folder = draw_pairs(tmp_path / 'pairs', train=1, test=2)
    assert Pairs.of(str(folder)).held_out == [f'{folder}/test/0.png', f'{folder}/test/1.png']


def test_a_folder_without_train_is_itself_the_folder_of_pairs_and_nothing_is_held_out(tmp_path):
    folder = draw_pairs(tmp_path / 'pairs', train=2) / 'train'
    assert Pairs.of(str(folder)) == (str(folder), ['0.png', '1.png'], [], [])


def test_files_that_are_no_images_are_passed_over_and_listed(tmp_path):
    folder = draw_pairs(tmp_path / 'pairs', train=1, val=1, test=1)
    for name in 'notes.txt', 'train/a.npy', 'train/sub/b.heic', 'val/c.txt', 'test/d.csv':
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    assert Pairs.of(str(folder)).passed_over == ['a.npy', 'sub/b.heic', 'c.txt']
    assert Pairs.of(str(folder), held_out=False).passed_over == ['a.npy', 'sub/b.heic']


def test_a_folder_without_pairs_is_an_error_that_names_it(tmp_path):
    (tmp_path / 'pairs/train').mkdir(parents=True)
    with pytest.raises(UserError, match='pairs/train has no images in it'):
        Pairs.of(str(tmp_path / 'pairs'))


def test_a_folder_behind_a_scheme_is_read_as_one_on_the_disk(tmp_path):
    """ram:// stands for object storage: the same calls of tf.io.gfile and read_file."""
    folder = draw_pairs(tmp_path / 'pairs', train=3, val=1)
    for split in 'train', 'val':
        tf.io.gfile.makedirs(f'ram://bucket/{split}')
        for path in (folder / split).iterdir():
            with tf.io.gfile.GFile(f'ram://bucket/{split}/{path.name}', 'wb') as file:
                file.write(path.read_bytes())
    assert Pairs.of('ram://bucket') == (
        'ram://bucket/train', ['0.png', '1.png', '2.png'], ['ram://bucket/val/0.png'], [])
    for here, there in zip(read(folder, batch_size=3), read('ram://bucket', batch_size=3)):
        np.testing.assert_array_equal(here, there)


# Which pairs make up a batch.

@pytest.mark.parametrize('batch_size, steps', [(1, 28), (2, 14), (3, 10), (7, 4), (10, 3)])
def test_every_pair_comes_once_an_epoch_and_every_epoch_is_another_shuffle(numbered, batch_size, steps):
    batches = read(numbered, epochs=4, batch_size=batch_size, form=SMALL[0], jitter=SMALL[1])
    assert [len(source) for source, _ in batches] == [batch_size] * steps
    sources = sum((shades(source) for source, _ in batches), [])
    targets = sum((shades(target) for _, target in batches), [])
    assert targets == [source + 5 for source in sources]
    epochs = [tuple(sources[7 * epoch:7 * epoch + 7]) for epoch in range(4)]
    assert all(sorted(epoch) == [0, 10, 20, 30, 40, 50, 60] for epoch in epochs)
    assert len(set(epochs)) == 4


def test_a_run_that_starts_behind_step_k_reads_what_the_unbroken_one_reads_from_there(pairs):
    whole = read(pairs, epochs=4, batch_size=3)
    assert len(whole) == 10
    for k in 1, 2, 5:
        rest = read(pairs, epochs=4, batch_size=3, after=k)
        assert len(rest) == 10 - k
        for one, other in zip(rest, whole[k:]):
            np.testing.assert_array_equal(one, other)


def test_the_seed_decides_the_order_and_the_crops(pairs, numbered):
    one, again, other = (read(pairs, seed=seed, batch_size=7)[0][0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    one, other = (sum((shades(source) for source, _ in read(
        numbered, seed=seed, batch_size=7, epochs=2, form=SMALL[0], jitter=SMALL[1])), []) for seed in (1, 2))
    assert one != other


def test_the_seed_decides_the_crop_of_a_single_pair_too(tmp_path):
    ramp = np.uint8(np.arange(8)[:, None] * 16 + np.arange(8))
    (tmp_path / 'train').mkdir()
    iio.imwrite(tmp_path / 'train/1.png', np.concatenate([ramp, ramp], axis=1))
    corners = {read(tmp_path, batch_size=1, seed=seed, form=FORM._replace(crop_size=Size(2, 2)),
                    jitter=Jitter(load_size=Size(8, 8), flip=False))[0][0][0, 0, 0, 0] for seed in range(4)}
    assert len(corners) > 1


@pytest.mark.parametrize('parallel', [1, 5])
def test_the_batches_do_not_depend_on_how_many_pairs_are_decoded_at_a_time(pairs, parallel):
    for one, other in zip(read(pairs, batch_size=3), read(pairs, batch_size=3, parallel=parallel), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_files_of_a_step_are_those_of_its_batch_in_its_order(numbered):
    order, pairs = Order(images=7, batch_size=3, epochs=4, seed=4), Pairs.of(numbered)
    batches = Batches(pairs, order, *SMALL)
    for step, (source, _) in enumerate(read(numbered, batch_size=3, epochs=4, seed=4, form=SMALL[0], jitter=SMALL[1]),
                                       1):
        assert batches.pairs_of(step) == [f'{numbered}/{shade // 10}.png' for shade in shades(source)]


def test_all_replicas_together_read_what_one_reads(pairs):
    """Every pair once an epoch, in the order of one replica with the batch of all."""
    order = Order(images=7, batch_size=6, epochs=6, seed=5)
    whole = [order.indices_of(step) for step in range(1, 8)]
    parts = [[order.indices_of(step, replica=replica, replicas=3) for replica in range(3)] for step in range(1, 8)]
    assert [[len(part) for part in step] for step in parts] == [[2, 2, 2]] * 7
    assert [sum(step, []) for step in parts] == whole
    flat = sum(whole, [])
    assert all(sorted(flat[i:i + 7]) == list(range(7)) for i in range(0, 42, 7))

    one, *three = (read(pairs, batch_size=6, epochs=4, seed=5, after=1, **part)
                   for part in [{}, *({'replica': replica, 'replicas': 3} for replica in range(3))])
    assert len(one) == 4            # steps 2 to 5
    for whole, *shares in zip(one, *three, strict=True):
        for side in 0, 1:
            np.testing.assert_array_equal(whole[side], np.concatenate([share[side] for share in shares]))


def test_a_name_is_found_among_many():
    names = ['a.png', 'ñ ü.png', 'longer than all the others.jpeg', '', '数.tif']
    name_at, index = reader.string_table(names), tf.compat.v1.placeholder(tf.int64, [])
    with tf.compat.v1.Session() as sess:
        assert [sess.run(name_at(index), {index: i}).decode() for i in range(5)] == names


# A file that cannot be read.

def broken_in_step_2(numbered, **part):
    """Batches of which one file of step 2 is broken, and its path."""
    batches = Batches(Pairs.of(numbered), Order(images=7, batch_size=2, epochs=1, seed=0), *SMALL, **part)
    path = Batches(batches.pairs, batches.order, *SMALL).pairs_of(2)[1]
    with open(path, 'wb') as file:
        file.write(b'no picture')
    return batches, path


def test_an_error_of_a_step_becomes_one_that_names_the_file_of_its_batch(numbered):
    batches, path = broken_in_step_2(numbered)
    with tf.compat.v1.Session() as sess:
        batches.start(sess, after=0)
        with batches.naming_the_file(1):
            sess.run(batches.source)
        with pytest.raises(ImageError, match='is not a PNG') as caught, batches.naming_the_file(2):
            sess.run(batches.source)
    assert repr(path) in str(caught.value)


def test_a_replica_names_files_of_its_own_share_alone(numbered):
    fault = tf.errors.InvalidArgumentError(None, None, 'of the step')
    first, _ = broken_in_step_2(numbered, replica=0, replicas=2)
    second, path = broken_in_step_2(numbered, replica=1, replicas=2)
    with pytest.raises(ImageError) as caught, second.naming_the_file(2):
        raise fault
    assert repr(path) in str(caught.value)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught, first.naming_the_file(2):
        raise fault
    assert caught.value is fault


def test_an_error_that_is_of_no_file_of_the_step_stays_what_it_is(numbered):
    batches, _ = broken_in_step_2(numbered)
    for error in tf.errors.ResourceExhaustedError(None, None, 'memory'), ValueError('another'), KeyboardInterrupt():
        with pytest.raises(type(error)) as caught, batches.naming_the_file(1):
            raise error
        assert caught.value is error


# Pairs: halves, direction, channels, range.

@pytest.mark.parametrize('direction, source_value, target_value', [('AtoB', -1, 1), ('BtoA', 1, -1)])
def test_the_direction_says_which_half_is_the_source_and_values_are_from_minus_one_to_one(
        tmp_path, direction, source_value, target_value):
    image = np.zeros([4, 8, 3], np.uint8)
    image[:, 4:] = 255
    path = write(tmp_path / 'pair.png', image)
    source, target = run(reader.validation_pair(path, FORM._replace(direction=direction)))
    for half, value in (source, source_value), (target, target_value):
        np.testing.assert_allclose(half, np.full([1, 256, 256, 3], value), atol=1e-6)
    trained = read(tmp_path, batch_size=1, form=FORM._replace(direction=direction))[0]
    assert [half.shape for half in trained] == [(1, 256, 256, 3)] * 2
    assert [round(float(half.mean()), 5) for half in trained] == [source_value, target_value]


@pytest.mark.parametrize('extension', ['png', 'webp', 'tif', 'jpg'])
def test_a_pair_that_is_stored_on_its_side_is_read_upright_in_training_and_in_testing(tmp_path, extension):
    """EXIF orientation 6: what is stored must be turned to the right, and Pillow's ROTATE_90 turns to the left."""
    pair = np.zeros([256, 512, 3], np.uint8)
    pair[:, :256] = np.uint8(np.mgrid[:256, :256].sum(axis=0) // 2)[..., None] * [0, 1, 1]      # B is black
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(pair).transpose(Image.Transpose.ROTATE_90)
    assert stored.size == (256, 512)
    path = tmp_path / 'turned' / f'a.{extension}'
    path.parent.mkdir()
    how = {'webp': {'lossless': True}, 'jpg': {'quality': 95, 'subsampling': 0}}
    stored.save(path, exif=exif, **how.get(extension, {}))
    tested = run(reader.validation_pair(str(path), FORM))
    [trained] = read(path.parent, batch_size=1, jitter=NO_JITTER)
    [one_by_one] = reader.whole_pairs([str(path)], FORM)
    for halves in tested, trained, [half[None] for half in one_by_one]:
        for half, expected in zip(halves, np.split(pair, 2, axis=1)):
            np.testing.assert_allclose(half[0], expected * (2 / 255) - 1, atol=0.05 if extension == 'jpg' else 1e-6)


def test_a_pair_of_the_right_size_is_not_resampled(tmp_path):
    image = np.random.RandomState(0).randint(0, 256, [256, 512, 3]).astype(np.uint8)
    source, target = run(reader.validation_pair(write(tmp_path / 'pair.png', image), FORM))
    np.testing.assert_array_equal(source[0], image[:, :256].astype('f') * np.float32(2 / 255) - 1)
    np.testing.assert_array_equal(target[0], image[:, 256:].astype('f') * np.float32(2 / 255) - 1)


def test_what_shrinks_is_averaged_over_and_not_sampled(tmp_path):
    """Of four columns the two in the middle are white, which are all that is next to the place of the new pixel."""
    image = np.zeros([1024, 2048, 3], np.uint8)
    image[:, 1::4] = image[:, 2::4] = 255
    source, _ = run(reader.validation_pair(write(tmp_path / 'pair.png', image), FORM))
    assert np.abs(source[0, 10:-10, 10:-10]).max() < 0.2


@pytest.mark.parametrize('gray_side', ['source', 'target'])
def test_one_channel_is_the_luma_of_the_colours(tmp_path, gray_side):
    """By ITU-R BT.601: 0.299 red, 0.587 green and 0.114 blue."""
    image = np.zeros([256, 512, 3], np.uint8)
    image[:] = 100, 200, 50
    form = FORM._replace(**{f'{gray_side}_channels': 1})
    pair = dict(zip(('source', 'target'), run(reader.validation_pair(write(tmp_path / 'pair.png', image), form))))
    gray, colour = pair.pop(gray_side), pair.popitem()[1]
    assert gray.shape == (1, 256, 256, 1) and colour.shape == (1, 256, 256, 3)
    np.testing.assert_allclose(gray, (0.299 * 100 + 0.587 * 200 + 0.114 * 50) * 2 / 255 - 1, atol=1e-5)
    np.testing.assert_allclose(colour[0, 0, 0], np.array([100, 200, 50]) * 2 / 255 - 1, atol=1e-5)


# Jitter.

@pytest.fixture
def ramps(tmp_path):
    """Eight pairs of 286 pixels a side. Both halves hold the same ramp: red rises to the right, green downwards."""
    y, x = np.mgrid[:286, :286]
    half = np.stack([x * 0.8, y * 0.8, 0 * x], -1).astype(np.uint8)
    for i in range(8):
        write(tmp_path / 'ramps' / f'{i}.png', np.concatenate([half, half], axis=1))
    return tmp_path / 'ramps'


def test_crop_and_flip_are_the_same_for_both_halves_and_differ_from_pair_to_pair_and_epoch_to_epoch(ramps):
    corners, flipped = [], set()
    for source, target in read(ramps, epochs=2):
        np.testing.assert_array_equal(source, target)
        assert source.shape == (2, 256, 256, 3)
        flipped |= {bool(image[0, 0, 0] > image[0, -1, 0]) for image in source}
        corners += [(image[0, :, 0].min(), image[:, 0, 1].min()) for image in source]
    assert flipped == {True, False} and len(set(corners)) > 10
    assert set(corners[:8]) != set(corners[8:])


def test_without_flip_no_pair_is_mirrored(ramps):
    for source, _ in read(ramps, epochs=2, jitter=JITTER._replace(flip=False)):
        assert (source[:, 0, 0, 0] < source[:, 0, -1, 0]).all()


def test_no_crop_is_left_where_load_size_is_crop_size(tmp_path):
    folder = draw_pairs(tmp_path, train=1)
    [(source, target)] = read(folder, batch_size=1, jitter=NO_JITTER)
    for trained, tested in zip((source, target), run(reader.validation_pair(str(folder / 'train/0.png'), FORM))):
        np.testing.assert_array_equal(trained, tested)


# Pairs one by one, at their own size.

def test_pairs_come_one_by_one_in_their_order_and_the_first_that_cannot_be_read_is_named(numbered):
    paths = [f'{numbered}/{i}.png' for i in (5, 2, 6, 0)]
    with open(paths[2], 'wb'):
        pass
    found = []
    with pytest.raises(ImageError, match="6.png': is empty"):
        for source, target in reader.whole_pairs(paths, FORM):
            assert source.shape == target.shape == (8, 8, 3)
            found.append((shades(source[None]), shades(target[None])))
    assert found == [([50], [55]), ([20], [25])]


def test_pairs_one_by_one_are_as_large_as_their_files_and_not_resampled(tmp_path):
    image = np.random.RandomState(0).randint(0, 256, [20, 60, 3]).astype(np.uint8)
    path = write(tmp_path / 'pair.png', image)
    [(source, target)] = reader.whole_pairs([path], FORM._replace(direction='BtoA'))
    np.testing.assert_array_equal(source, image[:, 30:].astype('f') * np.float32(2 / 255) - 1)
    np.testing.assert_array_equal(target, image[:, :30].astype('f') * np.float32(2 / 255) - 1)

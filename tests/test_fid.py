"""FID and KID against their definitions, and the frozen graph whose features they compare."""

import io
import tarfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix.errors import UserError
from pix2pix.metrics import fid


def test_the_distance_of_gaussians_is_its_closed_form():
    """Features whose covariances are diagonal: the distance is the sum over axes of (m - m')^2 + (s - s')^2."""
    base = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * np.sqrt(3 / 4)     # mean 0, covariance the identity
    ours, theirs = base * [1, 2] + [0, 5], base * [4, 3] + [2, 1]
    assert fid.frechet(ours, theirs) == pytest.approx(2 ** 2 + 4 ** 2 + 3 ** 2 + 1 ** 2)
    assert fid.frechet(ours, ours) == pytest.approx(0, abs=1e-9)


def test_the_distance_is_that_by_eigenvalues_where_covariances_do_not_commute_and_where_they_are_singular():
    """tr sqrt(C C') is the sum of the square roots of the eigenvalues of C C'."""
    chance = np.random.RandomState(0)
    for count in 500, 9:        # 9 images of 20 features: both covariances are singular
        ours, theirs = chance.randn(count, 20) @ chance.randn(20, 20), chance.randn(count, 20) * 2 + 1
        c, c2 = np.cov(ours.T), np.cov(theirs.T)
        roots = np.sqrt(np.maximum(np.linalg.eigvals(c @ c2).real, 0)).sum()
        expected = ((ours.mean(0) - theirs.mean(0)) ** 2).sum() + np.trace(c) + np.trace(c2) - 2 * roots
        assert fid.frechet(ours, theirs) == pytest.approx(expected, rel=1e-3)


def test_kid_is_its_sum_pair_by_pair():
    chance = np.random.RandomState(0)
    ours, theirs = chance.randn(7, 3), chance.randn(5, 3) + 1
    k = lambda x, y: (np.dot(x, y) / 3 + 1) ** 3
    expected = (np.mean([k(x, y) for i, x in enumerate(ours) for j, y in enumerate(ours) if i != j])
                + np.mean([k(x, y) for i, x in enumerate(theirs) for j, y in enumerate(theirs) if i != j])
                - 2 * np.mean([k(x, y) for x in ours for y in theirs]))
    assert fid.kid(ours, theirs) == pytest.approx(expected)
    many = np.concatenate([ours] * 400)         # over a thousand rows: in blocks
    x = many @ many.T / 3 + 1
    same = ((x ** 3).sum() - (np.diag(x) ** 3).sum()) / (2800 * 2799)
    assert fid.kid(many, many) == pytest.approx(2 * same - 2 * (x ** 3).mean())


@pytest.fixture
def frozen():
    """A small graph with the names of Inception's: resize, scale, convolve, pool."""
    with tf.Graph().as_default() as graph:
        picture = tf.placeholder(tf.uint8, [None, None, 3], name='DecodeJpeg')
        x = tf.expand_dims(tf.cast(picture, tf.float32), 0, name='ExpandDims')
        x = (tf.image.resize_bilinear(x, [4, 4], name='ResizeBilinear') - 128) * 0.0078125
        x = tf.nn.conv2d(x, tf.constant(np.eye(3, 5, dtype='f')[None, None]), 1, 'SAME')
        tf.nn.avg_pool(x, 4, 1, 'VALID', name='pool_3')
        return graph.as_graph_def().SerializeToString()


def features_by_hand(picture):
    """Of a picture of 4 x 4, which the resizing leaves alone."""
    return np.append((picture.astype(float) / 128 - 1).mean((0, 1)), [0, 0])


PICTURE = np.random.RandomState(0).randint(0, 256, [4, 4, 3]).astype(np.uint8)


def archive_of(name, content):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w:gz') as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def test_the_frozen_graph_is_read_from_a_file_and_from_its_archive(frozen, tmp_path):
    (tmp_path / 'graph.pb').write_bytes(frozen)
    (tmp_path / 'graph.tgz').write_bytes(archive_of('classify_image_graph_def.pb', frozen))
    for name in 'graph.pb', 'graph.tgz':
        inception = fid.Inception(str(tmp_path / name))
        np.testing.assert_allclose(inception(PICTURE), features_by_hand(PICTURE), atol=1e-6)
        assert inception(np.zeros([30, 50, 3], np.uint8)).shape == (5,)     # any size
    gray = inception(PICTURE[..., :1])
    assert gray[0] == gray[1] == gray[2] != 0


def test_an_op_of_2015_still_runs(frozen, tmp_path):
    """BatchNormWithGlobalNormalization, which that graph is made of and TensorFlow builds no more."""
    graph = tf.GraphDef.FromString(frozen)
    graph.versions.producer = 8
    pool = next(node for node in graph.node if node.name == 'pool_3')
    before, pool.input[0] = pool.input[0], 'norm'
    one = graph.node.add(name='one', op='Const')
    one.attr['dtype'].type = tf.float32.as_datatype_enum
    one.attr['value'].tensor.CopyFrom(tf.make_tensor_proto(np.ones(5, 'f')))
    norm = graph.node.add(name='norm', op='BatchNormWithGlobalNormalization', input=[before, *['one'] * 4])
    norm.attr['T'].type = tf.float32.as_datatype_enum
    norm.attr['variance_epsilon'].f = 0.001
    norm.attr['scale_after_normalization'].b = True
    (tmp_path / 'old.pb').write_bytes(graph.SerializeToString())
    expected = (features_by_hand(PICTURE) - 1) / np.sqrt(1.001) + 1
    np.testing.assert_allclose(fid.Inception(str(tmp_path / 'old.pb'))(PICTURE), expected, atol=1e-6)


@pytest.mark.parametrize('content', [
    lambda frozen: b'',
    lambda frozen: b'hello, this is no graph',
    lambda frozen: frozen.replace(b'pool_3', b'pool_4'),            # another graph
    lambda frozen: archive_of('another.pb', frozen),
    lambda frozen: archive_of('classify_image_graph_def.pb', frozen)[:-100]],
    ids=['empty', 'text', 'another graph', 'another archive', 'an archive that breaks off'])
def test_what_is_no_inception_graph_is_named(tmp_path, content, frozen):
    path = tmp_path / 'graph.pb'
    path.write_bytes(content(frozen))
    with pytest.raises(UserError, match='graph.pb: not ') as caught:
        fid.Inception(str(path))
    assert '\n' not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match='nowhere.pb: .*No such file'):
        fid.Inception(str(tmp_path / 'nowhere.pb'))


def test_it_is_downloaded_once_to_the_cache(frozen, tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    calls = []

    def fetch(address, path):
        calls.append(address)
        if len(calls) == 1:
            raise OSError('no route to host')
        with open(path, 'wb') as file:
            file.write(archive_of('classify_image_graph_def.pb', frozen))
    cached = tmp_path / 'pix2pix/inception-2015-12-05.tgz'
    with pytest.raises(UserError) as caught:
        fid.Inception(None, fetch)
    assert 'no route to host' in str(caught.value) and f'put it at {cached} by hand' in str(caught.value)
    for _ in range(2):
        np.testing.assert_allclose(fid.Inception(None, fetch)(PICTURE), features_by_hand(PICTURE), atol=1e-6)
    assert len(calls) == 2 and cached.exists()
    assert calls[0].startswith('https://') and calls[0].endswith('/inception-2015-12-05.tgz')


def test_distances_pairs_outputs_with_targets():
    chance = np.random.RandomState(0)
    ours, theirs = chance.randn(6, 4), chance.randn(6, 4) + 3
    both = fid.distances(list(zip(ours, theirs)))
    assert both == {'fid': fid.frechet(ours, theirs), 'kid': fid.kid(ours, theirs)}

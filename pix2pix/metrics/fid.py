"""FID and KID: how far the features of the outputs are, as a crowd, from those of the targets.

FID: Heusel et al. 2017, the Frechet distance of two Gaussians. KID: Binkowski et al. 2018, the unbiased squared MMD
under a cubic kernel. Both on the 2048 features of the Inception graph of 2015 that the original FID code froze.
"""

import tarfile
import warnings

import numpy as np
import scipy.linalg
import tensorflow.compat.v1 as tf

from pix2pix import devices
from pix2pix.download import cached, fetch
from pix2pix.errors import UserError
from pix2pix.images.arrays import to_channels

ADDRESS = 'https://storage.googleapis.com/download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz'
MEMBER = 'classify_image_graph_def.pb'
INPUT, OUTPUT = 'ExpandDims:0', 'pool_3:0'      # RGB [N, H, W, 3] in [0, 255], before its own resizing; [N, 1, 1, 2048]
FEW = 2000      # images below which the figures mostly tell how many there were


class Inception:
    """The features of pictures: inception(uint8 [H, W, 1 or 3]) -> float64 [2048].

    path: the frozen graph, .pb or the .tgz it comes in; None: the one in the cache, downloaded on first use by
    `fetch(address, path)`. UserError where it cannot be had or read.
    """

    def __init__(self, path=None, fetch=fetch):
        path = path or cached(ADDRESS, 'or name a file that has it', fetch=fetch)
        graph_def = tf.GraphDef()
        with tf.Graph().as_default() as graph:
            self.picture = tf.placeholder(tf.float32, [1, None, None, 3])
            try:
                graph_def.ParseFromString(read(path))
                self.features, = tf.import_graph_def(graph_def, {INPUT: self.picture}, [OUTPUT], name='')
            except (OSError, ValueError, KeyError, tarfile.TarError, tf.errors.OpError) as error:
                raise UserError(f'{path}: not the frozen Inception graph with {INPUT} and {OUTPUT} '
                               f'({" ".join(str(error).split())[:120]})') from None
            except Exception as error:      # protobuf's DecodeError has no public base class
                raise UserError(f'{path}: not a frozen graph ({error})') from None
            self.sess = tf.Session(config=devices.session_config())
            graph.finalize()

    def __call__(self, picture):
        picture = to_channels(picture, 3).astype(np.float32)
        return self.sess.run(self.features, {self.picture: picture[None]}).reshape(-1).astype(np.float64)


def read(path):
    """The bytes of a .pb, or of the one in an archive."""
    if not tarfile.is_tarfile(path):
        with open(path, 'rb') as file:
            return file.read()
    with tarfile.open(path) as archive:
        return archive.extractfile(MEMBER).read()


def frechet(ours, theirs):
    """Frechet distance of two sets of features, [N, D] and [M, D]: |mean - mean'|^2 + tr(C + C' - 2 sqrt(C C'))."""
    c, c2 = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (ours, theirs))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')     # of a singular product: too few images
        root = scipy.linalg.sqrtm(c @ c2)
    if not np.isfinite(root).all():
        offset = 1e-6 * np.eye(len(c))
        root = scipy.linalg.sqrtm((c + offset) @ (c2 + offset))
    distance = ours.mean(0) - theirs.mean(0)
    return float(distance @ distance + np.trace(c) + np.trace(c2) - 2 * np.trace(root.real))


def kid(ours, theirs):
    """Unbiased squared MMD of two sets of features, [N, D] and [M, D], under (x.y / D + 1)^3."""
    def kernel(x, y, same):
        """The mean over pairs, without those of an image and itself; a thousand rows at a time."""
        total = sum(((x[i:i + 1000] @ y.T / x.shape[1] + 1) ** 3).sum() for i in range(0, len(x), 1000))
        if same:
            return (total - ((np.square(x).sum(1) / x.shape[1] + 1) ** 3).sum()) / (len(x) * (len(x) - 1))
        return total / (len(x) * len(y))
    return float(kernel(ours, ours, True) + kernel(theirs, theirs, True) - 2 * kernel(ours, theirs, False))


def distances(features):
    """FID and KID of [N, 2, D] features: of each output and its target, N at least 2."""
    ours, theirs = np.moveaxis(np.asarray(features), 1, 0)
    return {'fid': frechet(ours, theirs), 'kid': kid(ours, theirs)}

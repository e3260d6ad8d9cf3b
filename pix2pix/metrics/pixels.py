"""L1, PSNR and SSIM of 8-bit pictures: anyone can work them out again from the PNGs."""

import tensorflow.compat.v1 as tf

from pix2pix import devices
from pix2pix.errors import UserError

SMALLEST = 11       # pixels a side, of the window of SSIM


class Comparison:
    """A graph and session of its own: comparison(output, target), uint8 [H, W, C] both -> {'l1', 'psnr', 'ssim'}."""

    def __init__(self):
        with tf.Graph().as_default() as graph:
            self.pictures = [tf.placeholder(tf.uint8, [None, None, None]) for _ in range(2)]
            output, target = (tf.cast(picture, tf.float32) for picture in self.pictures)
            self.values = {'l1': tf.reduce_mean(tf.abs(output - target)) / 127.5,
                           'psnr': tf.minimum(tf.image.psnr(output, target, 255), 100),      # equal: infinite
                           'ssim': tf.image.ssim(output, target, 255)}
            self.sess = tf.Session(config=devices.session_config())
            graph.finalize()

    def __call__(self, output, target):
        height, width, _ = target.shape
        if min(height, width) < SMALLEST:
            raise UserError(f'{width} x {height} pixels are too few for SSIM, which needs {SMALLEST} a side')
        values = self.sess.run(self.values, dict(zip(self.pictures, [output, target])))
        return {name: float(value) for name, value in values.items()}

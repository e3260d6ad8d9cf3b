"""pix2pix: paired image-to-image translation (Isola et al., CVPR 2017) in TensorFlow's graph mode."""

import os
import sys
import tempfile


def import_tensorflow_quietly():
    """Import TensorFlow without its start-up chatter, which no setting silences; TF_CPP_MIN_LOG_LEVEL=0 shows it."""
    if 'TF_CPP_MIN_LOG_LEVEL' in os.environ or 'tensorflow' in sys.modules:
        return
    os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            import tensorflow.compat.v1 as tf
            tf.config.list_physical_devices()      # the rest of the chatter comes with the devices
            tf.get_logger().setLevel('ERROR')
        except BaseException:
            chatter.seek(0)
            os.write(terminal, chatter.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


import_tensorflow_quietly()

from pix2pix.inference.generator import Generator  # noqa: E402, F401  after TensorFlow, which is imported quietly

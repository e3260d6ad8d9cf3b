"""Importing this module imports TensorFlow without its start-up chatter, which no setting silences in full.

TF_CPP_MIN_LOG_LEVEL=0 shows it.
"""

import os
import sys
import tempfile


def import_tensorflow():
    """Import TensorFlow and look for devices while stderr is held back; what was held back is shown on an error."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            import tensorflow.compat.v1 as tf
            tf.config.list_physical_devices()      # the rest of the chatter comes with the devices
            tf.get_logger().setLevel('ERROR')
        except ModuleNotFoundError:
            raise       # it says what is missing
        except BaseException:
            chatter.seek(0)
            os.write(terminal, chatter.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


if os.environ.get('TF_CPP_MIN_LOG_LEVEL') == '3' and 'tensorflow' not in sys.modules:
    import_tensorflow()

"""The devices that sessions run on, and the precision that they have hardware for."""

import contextlib
import os
import re

import tensorflow
import tensorflow.compat.v1 as tf

from pix2pix.errors import UserError, count, reason


def session_config(xla=False):
    """One op at a time on all cores, GPU memory taken as it is needed. `xla` compiles what runs on a GPU."""
    config = tf.ConfigProto(inter_op_parallelism_threads=1, allow_soft_placement=True)
    config.gpu_options.allow_growth = True
    if xla:
        config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_2
    return config


def cpu_session():
    """A session of the default graph for what no GPU is needed for.

    The first session of a process settles for all how many ops run at a time: this one as that of the step.
    """
    return tf.Session(config=tf.ConfigProto(device_count={'GPU': 0}, inter_op_parallelism_threads=1))


@contextlib.contextmanager
def naming_want_of_memory():
    """A context in which an error of TensorFlow for want of memory is a UserError."""
    try:
        yield
    except tf.errors.OpError as error:
        if not re.search('OOM when allocating|[Oo]ut of memory|OUT_OF_MEMORY|[Ff]ailed to allocate', error.message):
            raise
        raise UserError(f'this does not fit the memory of the device ({reason(error)}). Give a smaller batch or crop, '
                        'or fewer filters, or end what else runs there') from None


def make_deterministic():
    """The same bits every time on a GPU too, for the whole process."""
    tensorflow.config.experimental.enable_op_determinism()


def describe():
    """The device in one line."""
    gpus = tf.config.list_physical_devices('GPU')
    if gpus:
        return f'GPU: {tf.config.experimental.get_device_details(gpus[0]).get("device_name", "of unknown make")}'
    return f'CPU: {count(cores(), "core")}; TensorFlow sees no GPU'


def cores():
    """Those that this process may use, which TensorFlow uses too."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()


def about_xla(asked, replicas):
    """Lines on --xla: that it could help, or is asked for in vain. With several replicas it was never tried."""
    gpus = tf.config.list_physical_devices('GPU')
    if asked and not gpus:
        return ['--xla changes nothing here: it compiles for a GPU, and TensorFlow sees none']
    if gpus and not asked and replicas == 1:
        return ['--xla compiles the step for the GPU: on an H200 it was then 2.7 times as fast, after a minute or two']
    return []


def warnings(precision):
    """Lines on what is slow here and need not be."""
    lines = []
    if not tf.config.list_physical_devices('GPU') and os.path.exists('/dev/nvidia0'):
        lines.append('this machine has an NVIDIA GPU, but TensorFlow does not see it: '
                     "pip install 'tensorflow[and-cuda]>=2.21,<2.22'")
    if precision == 'bfloat16' and hardware_precision() == 'float32':
        lines.append('this hardware has no bfloat16: it takes three to five times as long as float32')
    return lines


def precision(wanted, cpuinfo='/proc/cpuinfo'):
    """'auto' -> that of the hardware; any other as it is."""
    return hardware_precision(cpuinfo) if wanted == 'auto' else wanted


def hardware_precision(cpuinfo='/proc/cpuinfo'):
    """'bfloat16' where the hardware has it (AVX512-BF16, AMX, compute capability 8), else 'float32'."""
    gpus = tf.config.list_physical_devices('GPU')
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get('compute_capability', (0, 0))
        return 'bfloat16' if capability >= (8, 0) else 'float32'
    try:
        with open(cpuinfo) as file:
            return 'bfloat16' if re.search(r'\b(avx512_bf16|amx_bf16)\b', file.read()) else 'float32'
    except OSError:
        return 'float32'

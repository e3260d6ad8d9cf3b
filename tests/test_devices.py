"""Which precision the hardware has, how sessions are set up, and that a GPU can run every op of a step."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from tensorflow.python.framework.kernels import get_registered_kernels_for_op

from pix2pix import devices
from pix2pix.distributed.replicas import Alone
from pix2pix.errors import UserError
from pix2pix.model.architecture import AUGMENTATIONS, Architecture, Hyperparameters
from pix2pix.model.training_step import training_step
from tests.scripts import ROOT


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: [])


@pytest.fixture
def gpu(monkeypatch):
    """One GPU, as far as TensorFlow says: a function that gives it a compute capability."""
    details = {'device_name': 'H200'}
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: {'GPU': ['the gpu']}[kind])
    monkeypatch.setattr(tf.config.experimental, 'get_device_details', lambda gpu: {'the gpu': details}[gpu])
    return lambda *capability: details.update(compute_capability=capability)


def cpuinfo(folder, flags):
    (folder / 'cpuinfo').write_text(f'processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: none\n')
    return str(folder / 'cpuinfo')


@pytest.mark.parametrize('wanted, has', [('float32', 'avx512_bf16'), ('bfloat16', 'avx2')])
def test_a_precision_that_is_asked_for_is_given_whatever_the_hardware(no_gpu, tmp_path, wanted, has):
    assert devices.precision(wanted, cpuinfo(tmp_path, has)) == wanted


@pytest.mark.parametrize('flags, precision', [
    ('sse avx2 avx512_bf16', 'bfloat16'), ('amx_tile amx_bf16 sse', 'bfloat16'), ('sse avx2 avx512f', 'float32'),
    ('avx512_bf16x', 'float32')])
def test_auto_follows_the_cpu(no_gpu, tmp_path, flags, precision):
    assert devices.precision('auto', cpuinfo(tmp_path, flags)) == precision


def test_auto_is_float32_where_the_system_says_nothing_of_its_cpu(no_gpu, tmp_path):
    assert devices.precision('auto', str(tmp_path / 'there is no such file')) == 'float32'


@pytest.mark.parametrize('capability, precision', [((7, 5), 'float32'), ((8, 0), 'bfloat16'), ((9, 0), 'bfloat16')])
def test_auto_follows_the_gpu_and_not_the_cpu_beside_it(gpu, tmp_path, capability, precision):
    gpu(*capability)
    for flags in 'avx2', 'avx512_bf16':
        assert devices.precision('auto', cpuinfo(tmp_path, flags)) == precision


def test_auto_is_float32_on_a_gpu_of_unknown_make(gpu, tmp_path):
    assert devices.precision('auto', cpuinfo(tmp_path, 'avx512_bf16')) == 'float32'


def test_the_device_is_described_in_one_line(monkeypatch, gpu):
    assert devices.describe() == 'GPU: H200'
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: [])
    monkeypatch.setattr('os.sched_getaffinity', lambda process: range(24))
    assert devices.describe() == 'CPU: 24 cores; TensorFlow sees no GPU'
    monkeypatch.setattr('os.sched_getaffinity', lambda process: range(1))
    assert devices.describe() == 'CPU: 1 core; TensorFlow sees no GPU'


@pytest.mark.parametrize('precision', ['float32', 'bfloat16'])
def test_every_op_of_a_step_has_a_kernel_for_gpus(gpu, precision):
    """Else it runs on the CPU, without a word, and its tensors travel. The kernels are in TensorFlow with or without a
    GPU at hand; DEFAULT ones are for integers in host memory."""
    source, target = (tf.identity(tf.get_variable(name, [1, 256, 256, 3])) for name in ('source', 'target'))
    how = Hyperparameters(ema=0.999, augment=AUGMENTATIONS)
    step = training_step(source, target, Architecture(precision=precision), how, seed=0)
    ends = [step.train_op, *(value.op for value in [*step.losses.values(), *step.gradient_norms.values()])]
    nodes = tf.graph_util.extract_sub_graph(tf.get_default_graph().as_graph_def(), [op.name for op in ends]).node

    def fits(node, kernel):
        return kernel.device_type in ('GPU', 'DEFAULT') and all(
            {node.attr[limit.name].type, *node.attr[limit.name].list.type} - {0} <= set(limit.allowed_values.list.type)
            for limit in kernel.constraint)
    registered = {node.op: get_registered_kernels_for_op(node.op).kernel for node in nodes}
    if not any(kernel.device_type == 'GPU' for kernel in registered['Conv2D']):
        pytest.skip('a TensorFlow without GPUs')
    assert len(nodes) > 1000
    assert any(node.op == 'Conv2DBackpropFilter' and '/conv4/' in node.name for node in nodes)      # cuDNN's own
    assert {node.op for node in nodes if not any(fits(node, kernel) for kernel in registered[node.op])} == set()


def test_a_session_runs_one_op_at_a_time_on_all_cores_and_takes_gpu_memory_as_it_needs_it():
    config = devices.session_config()
    assert config.inter_op_parallelism_threads == 1 and config.intra_op_parallelism_threads == 0     # 0: all cores
    assert config.gpu_options.allow_growth and config.allow_soft_placement
    assert config.graph_options.optimizer_options.global_jit_level == tf.OptimizerOptions.DEFAULT
    assert devices.session_config(xla=True).graph_options.optimizer_options.global_jit_level == tf.OptimizerOptions.ON_2
    with tf.Session(config=config) as sess:
        np.testing.assert_array_equal(sess.run(tf.ones([2]) + 1), [2, 2])


@pytest.mark.parametrize('xla', [False, True])
def test_the_session_of_the_step_is_compiled_on_request(monkeypatch, xla):
    monkeypatch.setattr(tf, 'Session', lambda config: config)
    level = Alone().session(xla).graph_options.optimizer_options.global_jit_level
    assert level == (tf.OptimizerOptions.ON_2 if xla else tf.OptimizerOptions.DEFAULT)


def test_want_of_memory_is_named_with_a_remedy():
    large = tf.random.uniform([10 ** 9, 10 ** 9])       # more than any address space
    with pytest.raises(UserError, match='^this does not fit the memory of the device .*Give a smaller batch'):
        with devices.naming_want_of_memory(), tf.Session() as sess:
            sess.run(large)
    with pytest.raises(UserError, match='does not fit the memory'):
        with devices.naming_want_of_memory():
            raise tf.errors.InternalError(None, None, 'initialization on GPU:0 failed. Status: out of memory')
    with pytest.raises(tf.errors.InternalError):
        with devices.naming_want_of_memory():
            raise tf.errors.InternalError(None, None, 'something else')
    with pytest.raises(tf.errors.ResourceExhaustedError):
        with devices.naming_want_of_memory():
            raise tf.errors.ResourceExhaustedError(None, None, 'a.png; Too many open files')


def test_a_cpu_session_takes_no_gpu(monkeypatch):
    with devices.cpu_session() as sess:
        assert sess.graph is tf.get_default_graph() and sess.run(tf.constant(7)) == 7
        assert {device.device_type for device in sess.list_devices()} == {'CPU'}
    monkeypatch.setattr(tf, 'Session', lambda config: config)      # the devices above are a CPU's on most machines
    assert dict(devices.cpu_session().device_count) == {'GPU': 0}


def test_a_deterministic_process_refuses_what_would_differ_from_run_to_run():
    """It holds for a whole process, and so it is tried in one of its own."""
    code = """if True:
        import pix2pix.quiet
        import tensorflow as tf
        from pix2pix.devices import make_deterministic
        tf.random.uniform([1])
        make_deterministic()
        try:
            tf.random.uniform([1])
        except RuntimeError as error:
            print(error)
    """
    process = subprocess.run([sys.executable, '-c', code], cwd=ROOT, text=True, capture_output=True, timeout=120)
    assert process.returncode == 0 and 'determinism' in process.stdout, process


def test_what_is_slow_here_is_said(monkeypatch):
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: [])
    monkeypatch.setattr(devices, 'hardware_precision', lambda: 'float32')
    monkeypatch.setattr(devices.os.path, 'exists', lambda path: path == '/dev/nvidia0')
    gpu, slow = devices.warnings('bfloat16')
    assert "pip install 'tensorflow[and-cuda]" in gpu and 'this hardware has no bfloat16' in slow
    monkeypatch.setattr(devices.os.path, 'exists', lambda path: False)
    assert devices.warnings('float32') == []


def test_a_gpu_without_xla_is_spoken_of_and_xla_without_a_gpu(monkeypatch):
    begins = {'in vain': '--xla changes nothing here', 'could help': '--xla compiles the step', None: ''}
    for gpus, asked, replicas, said in ([], True, 1, 'in vain'), ([], True, 2, 'in vain'), ([], False, 1, None), \
            (['a GPU'], False, 1, 'could help'), (['a GPU'], False, 2, None), (['a GPU'], True, 1, None):
        monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind, gpus=gpus: gpus)
        lines = devices.about_xla(asked, replicas)
        assert len(lines) == bool(said) and ''.join(lines).startswith(begins[said])

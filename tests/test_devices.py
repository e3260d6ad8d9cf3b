import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from tensorflow.python.framework.kernels import get_registered_kernels_for_op

from pix2pix import devices
from pix2pix.model.training_step import build_model


def test_precision_is_what_was_asked_for():
    assert devices.precision('float32') == 'float32' and devices.precision('bfloat16') == 'bfloat16'


@pytest.mark.parametrize('flags, precision', [('sse avx2 avx512_bf16', 'bfloat16'), ('amx_tile amx_bf16', 'bfloat16'),
                                              ('sse avx2 avx512f', 'float32')])
def test_auto_follows_the_cpu(monkeypatch, tmp_path, flags, precision):
    (tmp_path / 'cpuinfo').write_text(f'flags\t: {flags}\n')
    monkeypatch.setattr(devices, 'CPUINFO', str(tmp_path / 'cpuinfo'))
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: [])
    assert devices.precision('auto') == precision


@pytest.mark.parametrize('capability, precision', [((7, 5), 'float32'), ((8, 0), 'bfloat16'), ((9, 0), 'bfloat16')])
def test_auto_follows_the_gpu(monkeypatch, capability, precision):
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: ['gpu'])
    monkeypatch.setattr(tf.config.experimental, 'get_device_details',
                        lambda gpu: {'compute_capability': capability, 'device_name': 'H200'})
    assert devices.precision('auto') == precision and devices.describe() == 'GPU: H200'


@pytest.mark.parametrize('precision', ['float32', 'bfloat16'])
def test_every_op_of_a_step_has_a_kernel_for_gpus(monkeypatch, precision):
    """Else it runs on the CPU, without a word, and its tensors travel. The kernels are in TensorFlow with or without a
    GPU at hand; DEFAULT ones are for integers in host memory."""
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: ['gpu'])
    source, target = (tf.get_variable(name, [1, 256, 256, 3]) for name in ('source', 'target'))
    model = build_model(source, target, base_filters=64, precision=precision)
    ends = [model.train_op, *(value.op for value in [*model.losses.values(), *model.norms.values()])]
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


def test_a_session_runs_and_takes_gpu_memory_as_it_needs_it():
    config = devices.session_config()
    assert config.gpu_options.allow_growth
    with tf.Session(config=config) as sess:
        np.testing.assert_array_equal(sess.run(tf.ones([2]) + 1), [2, 2])

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from pix2pix import devices


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


def test_a_session_runs_and_takes_gpu_memory_as_it_needs_it():
    config = devices.session_config()
    assert config.gpu_options.allow_growth
    with tf.Session(config=config) as sess:
        np.testing.assert_array_equal(sess.run(tf.ones([2]) + 1), [2, 2])

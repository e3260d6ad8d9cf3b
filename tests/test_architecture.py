"""The paper's values, and that what the names of the architecture promise can be built."""

import pytest
import tensorflow.compat.v1 as tf

from pix2pix.model.architecture import GAN_MODES, LAYERS, NORMS, PRECISIONS, Architecture, Hyperparameters
from pix2pix.model.losses import GAN_LOSS
from pix2pix.model.networks import TEST_STATISTICS, generator


def test_the_defaults_are_the_paper_s():
    """Section 3.3 and appendix 6: 64 filters, half of the values dropped; Adam at 0.0002 with 0.5, L1 times 100."""
    assert Architecture() == ('paper', 64, 0.5, 3, 3, 'float32', 'batch', 8)
    assert Architecture._fields == ('layers', 'base_filters', 'keep_prob', 'source_channels', 'target_channels',
                                    'precision', 'norm', 'depth')
    assert Hyperparameters() == (0.0002, 0.5, 100, 1, 'vanilla', 0, ())
    assert Hyperparameters._fields == ('learning_rate', 'beta1', 'l1_weight', 'gan_weight', 'gan_mode', 'ema',
                                       'augment')


def test_there_are_three_norms_and_two_adversarial_losses():
    assert NORMS == ('batch', 'instance', 'instance_port') and GAN_MODES == ('vanilla', 'lsgan') == tuple(GAN_LOSS)


def test_there_are_three_layer_tables_and_two_precisions():
    assert set(LAYERS) == {'paper', 'port', 'writeup'} == set(TEST_STATISTICS)
    assert set(PRECISIONS) == {'float32', 'bfloat16'}


@pytest.mark.parametrize('precision', PRECISIONS)
@pytest.mark.parametrize('layers', LAYERS)
def test_each_layer_table_can_be_built_in_each_precision(layers, precision):
    architecture = Architecture(layers, base_filters=1, target_channels=1, precision=precision)
    output = generator(tf.zeros([1, 256, 512, 3]), architecture, dropout_on=False)
    assert output.shape == [1, 256, 512, 1] and output.dtype == tf.float32


def test_sides_are_multiples_of_256_because_they_are_halved_eight_times():
    assert Architecture().multiple == 2 * 2 * 2 * 2 * 2 * 2 * 2 * 2
    for height, width in (256, 128), (128, 256), (257, 256), (256, 300):
        with pytest.raises(AssertionError):
            generator(tf.zeros([1, height, width, 3]), Architecture(base_filters=1), dropout_on=False)


@pytest.mark.parametrize('unknown', [{'layers': 'resnet'}, {'norm': 'layer'}])
def test_layers_and_norms_that_nobody_knows_are_refused(unknown):
    with pytest.raises(AssertionError):
        generator(tf.zeros([1, 256, 256, 3]), Architecture(base_filters=1, **unknown), dropout_on=False)

"""The weights as the PyTorch port (junyanz/pytorch-CycleGAN-and-pix2pix) has them; torch is not needed."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

from pix2pix.errors import UserError
from pix2pix.model import ema
from pix2pix.pytorch import names, pth


def write(folder, generator, weights, size=None):
    """A Generator's checkpoint -> latest_net_G.pth and, if it has the discriminator, latest_net_D.pth: path of G.

    The port also keeps running statistics of the discriminator, which nobody ever uses: they are 0 and 1 there.
    """
    if generator.architecture.layers == 'writeup':
        raise UserError('the PyTorch port has no network with the layers of the write-up')
    if generator.architecture.norm == 'instance':
        raise UserError('the instance norm of the PyTorch port has no scale and no offset, and this run has learned '
                        'them. A run that is trained with --norm instance_port has none')
    checkpoint = tf.train.load_checkpoint(generator.checkpoint)
    # Of the checkpoint: the generator that draws by batch statistics has no moving ones.
    variables, average = {}, ema.SCOPE if generator.averaged else ''
    for name in checkpoint.get_variable_to_shape_map():
        if name.startswith((average + 'generator/', 'discriminator/')):
            variables[name.removeprefix(average)] = checkpoint.get_tensor(name)
    norm = generator.architecture.norm
    paths = [os.path.join(folder, f'latest_net_{network}.pth') for network in 'GD']
    save(paths[0], names.exported(variables, names.generator_places(norm, generator.architecture.depth)))
    if 'discriminator/conv1/w' in variables:
        save(paths[1], names.exported(variables, names.discriminator_places(norm)))
    return paths[0]


def save(path, tensors):
    """Names in the order of the network, and after each norm's statistics how many batches they saw: 0, unknown."""
    complete = {}
    for name, value in tensors.items():
        complete[name] = value
        if name.endswith('running_var'):
            complete[name.removesuffix('running_var') + names.BATCHES] = np.array(0, np.int64)
    with open(path, 'wb') as file:
        pth.write(file, complete)

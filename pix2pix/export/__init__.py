"""A trained generator in the formats of other runtimes, each file checked by its own: python -m pix2pix.export

Every format draws what `Generator` draws: [N, H, W, C] in [-1, 1] -> the same, each picture of a batch as if it were
alone.
"""

WEIGHTS = ('float32', 'float16', 'int8')    # how the weights lie in a file; all arithmetic is in float32


def suffix(generator, weights='float32'):
    """In the name of a file: what sets it apart from the plain one."""
    return ('' if weights == 'float32' else f'-{weights}') + ('-dropout' if generator.dropout else '')

"""The options on sizes and channels of pictures: what follows from others, and what does not fit them."""

import math

from pix2pix.sizes import Size

# How a picture comes to its size in training. The first is the paper's.
PREPROCESS = ('resize_and_crop',        # resized to load_size, whatever its aspect, and cropped at random
              'crop',                   # cropped at random as it is
              'fit',                    # resized to cover load_size, its aspect kept, and cropped at random
              'none')                   # as it is, padded to the next multiple
CROP_SIZE = Size(256, 256)


def settle(opts, error):
    """Fill in what the options leave open and other options decide. error(text) ends where they do not fit."""
    crops, resizes = opts.preprocess != 'none', opts.preprocess in ('resize_and_crop', 'fit')
    if opts.crop_size and not crops:
        error('--crop_size does not go with --preprocess none, which crops nothing: the size is that of the pairs')
    if opts.load_size and not resizes:
        error(f'--load_size does not go with --preprocess {opts.preprocess}, which resizes nothing')
    opts.crop_size = opts.crop_size or (CROP_SIZE if crops else None)       # None: the pairs decide
    multiple = 2 ** opts.depth
    if crops and opts.crop_size != opts.crop_size.padded(multiple):
        error(f'--crop_size {opts.crop_size}: must be a multiple of {multiple}, the U-Net halves it {opts.depth} times '
              '(--depth)')
    if resizes:
        opts.load_size = opts.load_size or Size(*(side * 286 // 256 for side in opts.crop_size))
        if opts.load_size.height < opts.crop_size.height or opts.load_size.width < opts.crop_size.width:
            error(f'--load_size {opts.load_size} is less than --crop_size {opts.crop_size}')
    opts.target_range = opts.target_range or opts.source_range
    for low, high in filter(None, (opts.source_range, opts.target_range)):
        if not -math.inf < low < high < math.inf:
            error(f'a range of {low:g} to {high:g}: the second value must be the higher one')
    if opts.labels and opts.source_channels != 3:
        error('--source_channels does not go with --labels: there is a channel for each colour')
    if opts.labels and opts.source_range:
        error('--range does not go with --labels: colours have none; --target_range may')


def describe_sizes(preprocess, own, load_size, crop_size):
    """What becomes of pictures whose own Size this is, in words."""
    if preprocess == 'none':
        return f'pairs of {own.in_words} pixels are padded to {crop_size.in_words}'
    resized = {'resize_and_crop': 'resized to ', 'fit': 'resized to cover '}.get(preprocess)
    first = f'{resized}{load_size.in_words} and ' if resized else ''
    return f'pairs of {own.in_words} pixels are {first}cropped at random to {crop_size.in_words}'

"""A trained generator as a function of pictures of any size."""

TILE = 1024     # pixels a side that are drawn at once, unless another number is asked for

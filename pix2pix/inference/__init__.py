"""A trained generator as a function of pictures of any size."""

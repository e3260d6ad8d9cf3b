"""Which file is an image, by its name. Nothing here opens one, or needs TensorFlow."""

EXTENSIONS = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp')


def is_image(name):
    """By its extension. Hidden files do not count, such as the ._NAME.jpg that macOS leaves beside NAME.jpg."""
    return name.lower().endswith(EXTENSIONS) and not name.startswith('.')

"""Image files and pixels: which files are there, how they decode, what is wrong with one, how a picture is written."""

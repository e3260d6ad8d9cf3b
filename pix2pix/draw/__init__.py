"""A page where people draw and a trained generator answers. It runs by itself, or with a server behind it.

page.py fills the template draw.html with its style and its scripts; to_page.py writes the page with the model inside,
for python -m pix2pix.export; python -m pix2pix.draw serves the same page, and draws for it.
"""

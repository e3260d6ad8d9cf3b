"""The page that draws, as text: the template, its style and scripts, and what it must know of a run."""

import base64
import io
import itertools
import os
from typing import NamedTuple

import jinja2
import numpy as np
from PIL import Image

from pix2pix.images import palette
from pix2pix.images.arrays import source_of, target_of
from pix2pix.images.folders import images_of
from pix2pix.images.pictures import read_pictures
from pix2pix.run import palettes, report

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = [('brush', 'B'), ('line', 'L'), ('rectangle', 'R'), ('fill', 'F'), ('eraser', 'E'), ('pipette', 'I')]
SCRIPTS = ('pixels.js', 'engines.js', 'editor.js')
EXAMPLES = 8
WHITE = '#ffffff'

environment = jinja2.Environment(loader=jinja2.FileSystemLoader([HERE, os.path.dirname(report.__file__)]),
                                 autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
                                 lstrip_blocks=True)


class Example(NamedTuple):
    """A pair that was held out, as the page has it: a name, and two PNG files as data: addresses."""
    name: str
    source: str
    target: str


def text(generator, *, engine, about, parts=None, trial=None):
    """The page of a Generator's run, HTML.

    engine  'page': the model runs in the page; 'server': whoever serves the page draws
    about   a sentence for the foot of the page
    parts   what lies inside the page by name, text
    trial   what the model must draw of a known source: to_page.trial_of()
    """
    run, options = generator.run, generator.options
    size = options['crop_size']
    colours = palettes_of(generator)
    config = {'name': run.name, 'engine': engine, 'width': size, 'height': size, 'tools': TOOLS, 'trial': trial,
              'source_channels': generator.architecture.source_channels,
              'target_channels': generator.architecture.target_channels,
              'palette': [{'code': colour.code, 'name': colour.name} for colour in colours],
              'background': background(colours), 'pencil': palette.is_pencil(colours),
              'examples': [example._asdict() for example in examples_of(options, size)]}
    scripts = []
    for name in SCRIPTS:
        with open(os.path.join(HERE, name)) as file:
            scripts.append(file.read())
    return environment.get_template('draw.html').render(
        config=config, tools=TOOLS, about=about, parts=parts or {},
        scripts=jinja2.utils.markupsafe.Markup('\n'.join(scripts)))


def palettes_of(generator):
    """The Colours of the run; those of a run that was begun without are found now, if its data set is there."""
    run, options = generator.run, generator.options
    names = palettes.names_in(options['folder']) if options['folder'] else {}
    if not os.path.exists(run.palette):
        paths = images_of(options['folder'], 'train', '.') or images_of(options['folder'], 'val', 'test')
        palettes.keep(run, paths, options['direction'], names)
    return palettes.read(run, names)


def background(colours):
    """The colour to begin with and to erase to: the one of that name, or the most frequent one; white without any."""
    named = [colour.code for colour in colours if colour.name == 'background']
    return (named or [colour.code for colour in colours] or [WHITE])[0]


def examples_of(options, size):
    """The first Examples that can be read."""
    paths = images_of(options['folder'], 'val', 'test')
    pairs = ((path, pair) for path, pair, _ in read_pictures(paths) if pair is not None)
    return [Example(os.path.splitext(os.path.basename(path))[0],
                    *(png_address(half(pair, options['direction']), size) for half in (source_of, target_of)))
            for path, pair in itertools.islice(pairs, EXAMPLES)]


def png_address(picture, size):
    """uint8 or uint16 [H, W, 3] -> a PNG file of size x size and 8 bits, as a data: address."""
    picture = (picture // 257).astype(np.uint8) if picture.dtype == np.uint16 else picture
    image, file = Image.fromarray(picture), io.BytesIO()
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    image.save(file, 'PNG')
    return 'data:image/png;base64,' + base64.b64encode(file.getvalue()).decode()

"""The page that draws, as text: the template, its style and scripts, and what it must know of a run."""

import base64
import io
import itertools
import os
from typing import NamedTuple

import jinja2
import numpy as np
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.images import palette
from pix2pix.images.arrays import to_channels
from pix2pix.images.pairs import files_of, try_pairs
from pix2pix.images.splits import pairs_in
from pix2pix.inference.drawing import cut, pad, resized
from pix2pix.run import palettes, report
from pix2pix.sizes import Size

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
    size, colours = generator.form.crop_size, palettes_of(generator)
    config = {'name': generator.run.name, 'engine': engine, 'width': size.width, 'height': size.height,
              'tools': TOOLS, 'trial': trial,
              'labels': list(generator.form.labels), 'source_channels': generator.architecture.source_channels,
              'target_channels': generator.architecture.target_channels,
              'palette': [{'code': colour.code, 'name': colour.name} for colour in colours],
              'background': background(colours), 'pencil': palette.is_pencil(colours),
              'examples': [example._asdict() for example in examples_of(generator)]}
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
        paths = pairs_in(options['folder'], 'train', '.') or pairs_in(options['folder'], 'val', 'test')
        palettes.keep(run, paths, generator.form, names)
    return palettes.read(run, names)


def background(colours):
    """The colour to begin with and to erase to: the one of that name, or the most frequent one; white without any."""
    named = [colour.code for colour in colours if colour.name == 'background']
    return (named or [colour.code for colour in colours] or [WHITE])[0]


def examples_of(generator):
    """The first Examples that can be read."""
    form, folder = generator.form._replace(labels=()), generator.options['folder']
    form = form._replace(source_channels=3 if generator.form.labels else form.source_channels)
    paths = pairs_in(folder, 'val', 'test')
    pairs = ((path, both) for path, both, _ in try_pairs(paths, form) if both)
    nearest = bool(generator.form.labels)
    return [Example(os.path.splitext(os.path.basename(files_of(path)[0]))[0],
                    png_address(framed(source, form, nearest)), png_address(framed(target, form)))
            for path, (source, target) in itertools.islice(pairs, EXAMPLES)]


def framed(image, form, nearest=False):
    """[H, W, C] in [0, 255] -> of the crop size, as validation has it."""
    size = Size(*image.shape[:2]).in_training(form.preprocess, form.crop_size)
    return cut(pad(resized(image, size, nearest), 2 ** form.depth), *form.crop_size)


def check_drawable(generator):
    """UserError where the pictures of a run are none that a person draws and a page shows."""
    if not generator.form.is_plain:
        raise UserError(f'{generator.run.name} has more bands than RGB, or a range of values, and a page draws gray '
                        'and RGB alone: give it files')


def png_address(image):
    """[H, W, C] in [0, 255] -> a PNG file, RGB of 8 bits, as a data: address."""
    file = io.BytesIO()
    Image.fromarray(to_channels(np.uint8(np.rint(image)), 3)).save(file, 'PNG')
    return 'data:image/png;base64,' + base64.b64encode(file.getvalue()).decode()

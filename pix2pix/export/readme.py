"""The README beside exported files: how to feed them, how to run them, and what their check found."""

import collections

from pix2pix.sizes import Size

PNG = """png = model.signatures['png'](png=tf.constant([open('labels.png', 'rb').read()]))['picture']     # of any size
"""

#      format      a few lines of the target's own language
RUN = {'onnx': '''```python
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession('{name}')
picture = session.run(None, {{'source': source}})[0]
```''',
       'savedmodel': '''```python
import tensorflow as tf
model = tf.saved_model.load('{name}')
picture = model.signatures['serving_default'](source=tf.constant(source))['picture']
{png}```''',
       'tflite': '''```python
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter('{name}')
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]['index'], source)
interpreter.invoke()
picture = interpreter.get_tensor(interpreter.get_output_details()[0]['index'])
```''',
       'page': '''A page by itself opens with a double click. A folder is for a web server.''',
       'pytorch': '''```sh
# In the port's folder. Its dropout is one row further out, so that --no_dropout draws what the check compared.
mkdir -p checkpoints/ours && cp latest_net_*.pth checkpoints/ours/
python test.py --dataroot DATA --name ours --model pix2pix --netG unet_{width} --norm {norm} --no_dropout
```'''}


def text(files):
    """What model.json knows of the files of a folder -> Markdown."""
    lines = []
    for name, about in files.items():
        source, target, multiple = about['source_channels'], about['target_channels'], about['multiple']
        averaged = ', averaged weights' if about.get('averaged') else ''
        dropout = 'fixed masks of dropout' if about['dropout'] else 'without dropout'
        lines += [f'# {name}\n', f'The generator of {about["run"]}, checkpoint {about["checkpoint"]}{averaged}, with '
                  f'{about["statistics"]} statistics and {dropout}.']
        run = RUN[about['target']].format(name=name, norm=theirs(about), width=multiple, png=PNG * draws_png(about))
        lines += [feed(about, source, target, multiple), run, found(about), '']
    return '\n'.join(lines)


def draws_png(about):
    """Whether a SavedModel has the signature of PNG files."""
    return about.get('png', not about['dropout'] and not about.get('labels'))       # earlier files do not say


def theirs(about):
    """What the PyTorch port calls the norm; files of earlier versions all have batch norm."""
    return about.get('norm', 'batch').removesuffix('_port')


def feed(about, source, target, multiple):
    names = collections.defaultdict(lambda: 'bands', {1: 'gray', 3: 'RGB'})
    if about['target'] == 'pytorch':
        statistics = {'batch': 'It draws with batch statistics unless it is told --eval. The running statistics of the '
                               'discriminator and all num_batches_tracked are made up; the port uses them for nothing.',
                      'instance': 'It normalises each picture by its own statistics.'}[theirs(about)]
        return f'The port feeds it: {names[source]} pictures, [N, {source}, H, W]. {statistics}'
    if about['target'] == 'page':
        return 'It draws in the browser, on the machine of whoever looks at it.'
    size = 'x'.join(map(str, about['size'])) if about.get('size') else f'H and W multiples of {multiple}'
    palette = ', '.join(f'`{colour["code"]}` {colour["name"]}'.strip() for colour in about.get('palette') or ())
    colours = f' The colours: {palette}.' if palette else ''
    if about.get('labels'):
        scaled = '1 in the channel of the label of each pixel, -1 in the others; the labels are ' + \
                 ' '.join(f'`{code}`' for code in about['labels'])
    else:
        scaled = 'scaled as ' + to_unit(about.get('source_range'), about.get('source_dtype'))
    restored = from_unit(about.get('target_range'), about.get('target_dtype'))
    return (f'Feed it float32 `source` [N, H, W, {source}] ({names[source]}), {size}, {scaled}. Out comes [N, H, W, '
            f'{target}] ({names[target]}) in [-1, 1]: {restored}. Feed pictures like the sources of the training: of '
            f'the same colours, and {as_large(about)}.{colours}')


def to_unit(limits, dtype):
    """How values in the files' units become those in [-1, 1]."""
    low, high = range_of(limits, dtype)
    return '`values / 127.5 - 1`' if (low, high) == (0, 255) else f'`2 * (values - {low:g}) / {high - low:g} - 1`'


def from_unit(limits, dtype):
    """How values in [-1, 1] become those in the files' units."""
    low, high = range_of(limits, dtype)
    if (low, high) == (0, 255):
        return '`(picture + 1) * 127.5`, rounded'
    return f'`(picture + 1) / 2 * {high - low:g} + {low:g}`'


def range_of(limits, dtype):
    """Black and white of files of a dtype; of pictures, whose dtype is None, as of 8 bits."""
    if dtype == 'uint8' or not (dtype or limits):
        return 0, 255
    return limits or (0, 65535 if dtype == 'uint16' else 1)


def as_large(about):
    """At which scale pictures are fed."""
    own, form = about.get('native_size'), about.get('preprocess')
    if not own or form not in ('resize_and_crop', 'fit'):
        return 'as large'
    size = Size(*own).in_training(form, Size(*about['crop_size']))
    return 'as large' if size == tuple(own) else f'resized as those, where {Size(*own).in_words} became {size.in_words}'


def found(about):
    difference = about['difference']
    if isinstance(difference, str):
        return 'Its own runtime was not installed: it was not checked.'
    return (f'On {about["compared_on"]} it was {difference["largest"]:.1e} off the generator at most; '
            f'{100 * difference["differ"]:.2f} % of the 8-bit values differ, by {difference["levels"]} at most.')

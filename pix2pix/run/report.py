"""The page of a run: one HTML file to open from the disk, which loads nothing but the pictures beside it."""

import datetime
import json
import os
import re
from urllib.parse import quote

import jinja2

from pix2pix import files
from pix2pix.errors import UserError, count, reason
from pix2pix.metrics.table import metrics_of
from pix2pix.run import log
from pix2pix.run.history import History

CURVES = [('g_loss_l1', 'generator, L1'), ('g_loss_gan', 'generator, adversarial'), ('d_loss', 'discriminator')]
REFRESH = 30_000        # milliseconds from one renewal to the next while training
PATIENCE = 300_000      # milliseconds without news, at least, before the page takes the training for dead
CROWD = ('fid', 'kid', 'frechet_squeezenet')        # of all pictures together, where they were asked for
WIDTH, HEIGHT = 300, 120        # of a chart, in its own units

environment = jinja2.Environment(loader=jinja2.FileSystemLoader(os.path.dirname(__file__)), autoescape=True,
                                 undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
environment.globals['counted'] = count
environment.filters['epoch'] = lambda epoch: f'{round(epoch, 2):,.8g}'


def write(run, *, page=None, results=None, history=None, training=False, refresh=REFRESH, patience=PATIENCE):
    """Write the page of a Run from what it has left: options, metrics, sample grids, test results.

    UserError where these do not hold what a training or a test writes.

    `page`, a file, and `results`, a TestResults, are the run's own unless they are given. So is `history`, a History:
    a training has it at hand, else all lines of the metrics are read for it.

    While `training`, the page reloads itself, until it is older than three times what a sample grid took: a process
    that was killed cannot tell it to stop.
    """
    page = page or run.page
    try:
        files.write(page, drawn(run, page, results or run.test, history or history_of(run),
                                training, refresh, patience))
    except (ArithmeticError, LookupError, TypeError, ValueError, jinja2.TemplateError) as error:
        raise UserError(f'{run.metrics} or {run.options} does not hold what a training writes '
                        f'({reason(error)})') from None


def history_of(run):
    """The History of a Run by its files. Grids past the last line were left by an earlier run of that name."""
    history = History()
    for line in log.read(run.metrics):
        history.add(line)
    for epoch, _ in run.grids():
        if not history.last or epoch <= history.last['epoch']:
            history.add_grid(epoch)
    return history


def drawn(run, page, results, history, training, refresh, patience):
    """The page as text."""
    options, last, now = run.read_options(), history.last, datetime.datetime.now()
    metrics = metrics_of(history.curves, prefix='val_')
    there = lambda epochs: [epoch for epoch in epochs if os.path.exists(run.grid(epoch))]
    begun = sorted(os.path.getmtime(path) for path in      # options.json is written at each start
                   [run.options, *map(run.grid, there(history.epochs[-2:]))])
    return environment.get_template('report.html').render(
        name=run.name,
        options=options,
        written=now.strftime('%Y-%m-%d %H:%M:%S'),
        stale=round(now.timestamp() * 1000 + max(patience, 3000 * (begun[-1] - begun[-2:][0]))),
        training=training,
        last=last,
        curves=[chart(title, history.curves[name]) for name, title in CURVES if last],
        metrics=metrics,
        validations=history.validations,
        validated=history.validated,
        scores=[chart(metric.title, history.curves[f'val_{metric.name}'], metric.best) for metric in metrics],
        refresh=refresh,
        drawing=address(page, drawing) if (drawing := run.drawing_page()) else None,
        grids=len(history.epochs),
        samples=[{'epoch': epoch, 'src': address(page, run.grid(epoch))} for epoch in there(history.grids())],
        results=read_results(page, results, last['step'] if last else None))


def address(page, path):
    """The relative URL of a file beside the page."""
    return quote(os.path.relpath(path, os.path.dirname(page) or '.'))


def read_results(page, results, last):
    """The metrics of TestResults, with the address of each picture.

    None where there are none, or where their step is past the run's `last`: an earlier run of that name left them.
    """
    if not os.path.exists(results.metrics):
        return None
    with open(results.metrics) as file:
        try:
            metrics = json.load(file)
            step = re.fullmatch(r'(?:model-)?(\d+)', str(metrics['checkpoint']))
            if last is not None and step and int(step[1]) > last:
                return None
            names = [metric.name for metric in metrics_of(metrics)]
            images = [{'name': stem, 'src': address(page, results.comparison(stem)),
                       **{name: float(values[name]) for name in names}}
                      for stem, values in metrics['images'].items()]
            names += [name for name in CROWD if name in metrics]
            return {'checkpoint': metrics['checkpoint'], 'split': metrics['split'], 'count': int(metrics['count']),
                    **{name: float(metrics[name]) for name in names}, 'metrics': metrics_of(metrics), 'images': images}
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise UserError(f'{results.metrics} does not hold test results ({type(error).__name__}). Delete '
                            'it') from None


def chart(title, curve, best=None):
    """A Curve as points of an SVG polyline; `best`, min or max, is of single values."""
    pairs = curve.points()
    epochs, values = zip(*pairs)
    low, high, end = min(values), max(values), max(epochs)
    points = [(WIDTH * epoch / end, HEIGHT * (1 - (value - low) / (high - low or 1))) for epoch, value in pairs]
    return {'title': title, 'points': [(round(x, 1), round(y, 1)) for x, y in points], 'low': low, 'high': high,
            'end': end, 'last': values[-1], 'best': best and {min: curve.lowest, max: curve.highest}[best],
            'averaged': curve.averaged, 'width': WIDTH, 'height': HEIGHT}

"""The page of a run, and what a browser makes of it."""

import json
import os
import re
import time

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.images import png
from pix2pix.images.arrays import grid
from pix2pix.run import report
from pix2pix.run.folder import Run
from pix2pix.run.history import Curve, History
from tests.browser import Page

OPTIONS = {'epochs': 4, 'name': '<script>alert(1)</script>', 'dataset': 'a & b'}


def the_run(folder):
    return Run(str(folder / 'checkpoints/x'), str(folder / 'samples/x'))


def make_run(folder, tests=3, **how):
    """A run of 4 epochs whose sample grids are of 4 grays, and test images of known metrics; the page's path."""
    run, samples = folder / 'checkpoints/x', folder / 'samples/x'
    run.mkdir(parents=True)
    (run / 'options.json').write_text(json.dumps(OPTIONS))
    lines = [{'step': step, 'epoch': step / 500, 'd_loss': 1 / step, 'g_loss_gan': step, 'g_loss_l1': 0.5}
             for step in range(1, 2001)]
    for line in lines[499::500]:
        line.update(val_count=7, val_l1=1 - line['step'] / 1e4, val_psnr=10, val_ssim=0.1)
    (run / 'metrics.jsonl').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    for epoch in 1, 2, 3, 4:
        png.write(str(samples / f'epoch-{epoch:04d}.png'), np.full([256, 768, 3], 50 * epoch, np.uint8))
    results = {f'{i} "%#?<b>': {'l1': (i * 7 % 5) / 10, 'psnr': 20 - i * 7 % 5, 'ssim': i / (tests + 1)}
               for i in range(tests)}
    for name in results:
        triple = [np.full([256, 256, 3], value, np.uint8) for value in (0, 100, 200)]
        png.write(str(samples / 'test/compare' / f'{name}.png'), grid([triple]))
    if tests:
        (samples / 'test/metrics.json').write_text(json.dumps({
            'checkpoint': 2000, 'split': 'val', 'count': tests, 'l1': 0.2, 'psnr': 18, 'ssim': 0.4, 'images': results}))
    report.write(the_run(folder), **how)
    return samples / 'index.html'


def test_names_and_options_are_escaped_and_addresses_quoted(tmp_path):
    text = make_run(tmp_path).read_text()
    assert '<script>alert' not in text and '&lt;script&gt;alert(1)&lt;/script&gt;' in text and 'a &amp; b' in text
    assert '"%#?<b>' not in text and '%22%25%23%3F%3Cb%3E.png' in text


def test_a_metric_that_was_asked_for_later_is_shown_from_there_on(tmp_path):
    """Of validations in the table and in a chart of its own; of test results where they have it."""
    page, tests = make_run(tmp_path), tmp_path / 'samples/x/test/metrics.json'
    assert 'perceptual' not in page.read_text()
    with open(the_run(tmp_path).metrics, 'a') as file:
        file.write('{"step": 2001, "epoch": 4, "val_count": 7, "val_l1": 0.9, "val_psnr": 10, "val_ssim": 0.1, '
                   '"val_perceptual": 0.12345, "d_loss": 1, "g_loss_gan": 1, "g_loss_l1": 1}\n')
    results = json.loads(tests.read_text())
    for values in results, *results['images'].values():
        values['perceptual'] = 0.54321
    tests.write_text(json.dumps({**results, 'frechet_squeezenet': 1234.56}))
    report.write(the_run(tmp_path))
    text = page.read_text()
    assert text.count('<b>perceptual</b>') == 1 and text.count('<td>0.1235</td>') == 1
    assert re.search('<td>2,000</td>.*\n(<td>[\\d.]+</td>\n){3}<td></td>', text)      # measured too early
    assert '<span>perceptual 0.5432</span>' in text and 'Frechet distance (SqueezeNet) 1234.6' in text
    assert '<option value="perceptual 1">perceptual, best first' in text
    assert '<option value="ssim -1">SSIM, best first' in text


def curve_of(pairs):
    curve = Curve()
    for epoch, value in pairs:
        curve.add(epoch, value)
    return curve


def test_curves_are_averaged_and_keep_their_ends():
    chart = report.chart('loss', curve_of((i, float(i)) for i in range(1, 2001)), best=max)
    assert len(chart['points']) == 250 and chart['averaged'] == 8
    assert (chart['low'], chart['high'], chart['last'], chart['end']) == (4.5, 1996.5, 1996.5, 1996.5)
    assert chart['points'][0] == (round(300 * 4.5 / 1996.5, 1), 120) and chart['points'][-1] == (300, 0)
    assert chart['best'] == (2000, 2000)        # of single values
    flat = report.chart('flat', curve_of([(1, 2.0)]))
    assert flat['points'] == [(300, 120)]


@pytest.mark.parametrize('count', [1, 399, 400, 401, 800, 801, 3000])
def test_a_curve_is_thinned_as_it_is_written(count):
    """Every value counts once, in stretches of equal length but for the last, however they came."""
    curve = curve_of((i, i ** 2) for i in range(count))
    size = curve.averaged
    stretches = [range(i, min(i + size, count)) for i in range(0, count, size)]
    assert curve.points() == [(sum(s) / len(s), sum(i ** 2 for i in s) / len(s)) for s in stretches]
    assert min(count, 200) <= len(stretches) <= 400
    assert (curve.lowest, curve.highest) == ((0, 0), (count - 1, (count - 1) ** 2))


def test_the_page_of_a_long_run_is_as_large_and_as_quick_as_that_of_a_short_one(tmp_path, monkeypatch):
    """A training hands its history over: no line is read again. Sizes are those of 1,000 and of 5,000 epochs."""
    run, history, sizes = the_run(tmp_path), History(), {}
    os.makedirs(run.checkpoints)
    with open(run.options, 'w') as file:
        json.dump(OPTIONS, file)
    monkeypatch.setattr(report.log, 'read', None)
    os.makedirs(run.samples)
    for epoch in range(1, 5_001):
        open(run.grid(epoch), 'w').close()
        line = {'step': epoch, 'epoch': epoch, 'd_loss': 1 / epoch, 'g_loss_gan': 1.0, 'g_loss_l1': 0.5}
        history.add(line | {'val_count': 3, 'val_l1': 0.1, 'val_psnr': epoch / 1000, 'val_ssim': 0.1})
        history.add_grid(epoch)
        if epoch in (1_000, 5_000):
            report.write(run, history=history, training=True)
            sizes[epoch] = os.path.getsize(run.page)
    with open(run.page) as file:
        text = file.read()
    assert sizes[5_000] < 1.25 * sizes[1_000] < 150_000, sizes
    assert 'the newest 100 of 5000' in text and 'here are 386 of 5,000' in text
    assert 'epoch-0001.png' in text and 'epoch-5000.png' in text and 'best 5 at epoch 5,000' in text


def test_a_last_batch_of_more_pairs_than_are_left_is_no_epoch_more(tmp_path):
    page = make_run(tmp_path)
    assert 'step 2,000, epoch 4 of 4;' in page.read_text()
    (tmp_path / 'checkpoints/x/options.json').write_text(json.dumps({**OPTIONS, 'epochs': 3}))
    report.write(the_run(tmp_path))
    assert 'step 2,000, epoch 3 of 3;' in page.read_text()


def test_it_leads_to_the_page_that_draws_where_there_is_one(tmp_path):
    page = make_run(tmp_path)
    assert 'Draw with it' not in page.read_text()
    (page.parent / 'export').mkdir()
    (page.parent / 'export/page.html').touch()
    report.write(the_run(tmp_path))
    assert '<a href="export/page.html">Draw with it</a>' in page.read_text()


def test_a_run_that_has_only_begun(tmp_path):
    (tmp_path / 'options.json').write_text('{"epochs": 3}')
    report.write(Run(str(tmp_path), str(tmp_path / 'none')), page=str(tmp_path / 'page/index.html'))
    assert '<h2>Options</h2>' in (tmp_path / 'page/index.html').read_text()


class ReportPage(Page):
    """The page of a run."""

    def shown(self, name):
        """The file name of a picture, once it is decoded."""
        return self.browser.execute_async_script('''
            const [name, done] = arguments, image = document.getElementById(name)
            image.decode().then(() => done(decodeURI(image.src).split('/').pop()))''', name)

    def names(self):
        return self.js('return [...document.querySelectorAll("#shots b")].map(b => b.textContent[0]).join("")')


def test_the_slider_moves_the_picture(browser, tmp_path):
    page = ReportPage(browser, make_run(tmp_path))
    assert page.shown('sample') == 'epoch-0004.png'
    page.set('epoch', 1, 'input')
    assert page.shown('sample') == 'epoch-0002.png'
    assert page.js('return document.getElementById("epoch-name").value') == '2'
    assert (page.pixels() == 100).all(-1).mean() > 0.1          # the second grid's gray is on the screen
    page.js('document.getElementById("epoch").focus()')
    page.key('\ue012')                                          # arrow left
    assert page.shown('sample') == 'epoch-0001.png'
    browser.refresh()                                           # as it does by itself while training
    assert page.shown('sample') == 'epoch-0001.png'
    assert browser.get_log('browser') == []


def test_sorting_sorts(browser, tmp_path):
    page = ReportPage(browser, make_run(tmp_path, tests=5))
    assert page.names() == '01234'                  # l1: 0 .2 .4 .1 .3
    for key, order in [('l1 1', '03142'), ('l1 -1', '24130'), ('psnr -1', '03142'), ('ssim -1', '43210'),
                       ('name 1', '01234')]:
        page.set('sort', key, 'change')
        assert page.names() == order, key
    page.set('sort', 'l1 -1', 'change')
    browser.refresh()
    assert page.names() == '24130'


def test_enlarging_and_comparing_by_keyboard_and_mouse(browser, tmp_path):
    from selenium.webdriver import ActionChains
    page = ReportPage(browser, make_run(tmp_path))
    page.set('sort', 'ssim -1', 'change')
    page.js('document.querySelector("#shots button").focus()')
    page.key('\n')
    title = lambda: page.js('return document.getElementById("zoom-name").textContent[0]')
    assert page.js('return document.getElementById("zoom").open') and title() == '2'

    box = page.js('return document.getElementById("compare").getBoundingClientRect().toJSON()')
    x, y, width = box['x'], box['y'], box['width']

    def output():       # the share of the picture's width that shows the output, left of the target
        line = page.pixels()[int(y) + 50, int(x):int(x + width), 0]
        return np.mean(line == 100)
    assert output() == pytest.approx(0.5, abs=0.05)
    cut = browser.find_element('id', 'cut')
    ActionChains(browser).move_to_element(cut).click_and_hold().move_by_offset(int(width / 4), 0).release().perform()
    assert output() == pytest.approx(0.75, abs=0.05)
    page.key('\ue010')      # End: all output
    assert output() > 0.95
    page.key('n')
    assert title() == '1'
    page.key('p')
    page.key('p')           # the first has none before it
    assert title() == '2'
    page.key('\ue00c')      # Escape
    assert not page.js('return document.getElementById("zoom").open')
    assert page.js('return document.activeElement.closest("li") !== null')
    assert browser.get_log('browser') == []


def test_pictures_that_are_no_squares_keep_their_shape(browser, tmp_path):
    path = make_run(tmp_path)
    for shot in (tmp_path / 'samples/x/test/compare').iterdir():
        png.write(str(shot), grid([[np.full([64, 128, 3], value, np.uint8) for value in (0, 100, 200)]]))
    page = ReportPage(browser, path)
    shape = '''const [name, done] = arguments
        document.querySelector('#shots img').decode().then(() => requestAnimationFrame(() => {
            const box = document.querySelector(name).getBoundingClientRect()
            done(box.width / box.height)
        }))'''
    assert browser.execute_async_script(shape, '#shots img') == pytest.approx(6, rel=0.02)
    page.js('document.querySelector("#shots button").click()')
    assert browser.execute_async_script(shape, '#compare') == pytest.approx(2, rel=0.02)
    assert browser.execute_async_script(shape, '#compare .third') == pytest.approx(2, rel=0.02)


def test_nothing_is_asked_of_the_network(browser, tmp_path):
    page = ReportPage(browser, make_run(tmp_path, training=True))
    page.js('window.scrollTo(0, 1e6)')
    page.browser.execute_async_script('setTimeout(arguments[0], 500)')
    requests, own = page.requests(), ('file://' + str(tmp_path), 'data:')
    assert len(requests) >= 5 and all(url.startswith(own) for url in requests), requests
    assert browser.get_log('browser') == []
    assert page.js('return typeof alert') == 'function' and '<script>' in page.js('return document.body.textContent')


@pytest.mark.faults
def test_two_thousand_images_load_as_they_are_scrolled_to(browser, tmp_path):
    page = ReportPage(browser, make_run(tmp_path, tests=2000))
    pngs = lambda: sum('compare' in url for url in page.requests())
    assert pngs() < 100
    # The longest frame while scrolling to the end in steps of a screen: told, not judged.
    longest = browser.execute_async_script('''
        const done = arguments[0]; let last = performance.now(), longest = 0, frames = 0
        const frame = now => {
            longest = Math.max(longest, now - last); last = now
            window.scrollBy(0, innerHeight)
            ++frames < 60 ? requestAnimationFrame(frame) : done(longest)
        }
        requestAnimationFrame(frame)''')
    print(f'longest frame {longest:.0f} ms')
    assert page.js('return scrollY') > 20000
    assert 0 < pngs() < 1000
    page.set('sort', 'ssim -1', 'change')
    assert page.js('return document.querySelector("#shots b").textContent').startswith('1999')


@pytest.mark.parametrize('width', [320, 1200])
def test_nothing_sticks_out_on_a_small_screen(browser, tmp_path, width):
    page = ReportPage(browser, make_run(tmp_path))
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride',
                            {'width': width, 'height': 640, 'deviceScaleFactor': 1, 'mobile': width < 500})
    assert page.js('return document.documentElement.scrollWidth') <= width
    browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})


def test_it_renews_itself_while_training_and_only_then(browser, tmp_path):
    for training in True, False:
        page = ReportPage(browser, make_run(tmp_path / str(training), training=training, refresh=300))
        page.js('window.here = true; document.querySelector("details").open = true')
        page.set('epoch', 1, 'input')
        page.js('document.getElementById("epoch").focus()')
        time.sleep(1.2)
        assert page.js('return !window.here') == training
        assert page.shown('sample') == 'epoch-0002.png' and page.js('return document.activeElement.id') == 'epoch'
        assert page.js('return document.querySelector("details").open')


def test_it_stops_when_the_training_was_killed(browser, tmp_path):
    page = ReportPage(browser, make_run(tmp_path, training=True, refresh=200, patience=1500))
    said = lambda: page.js('return document.getElementById("training").textContent')
    assert 'renews itself' in said()
    time.sleep(2)
    page.js('window.here = true')
    time.sleep(1)
    assert page.js('return window.here') and 'may have stopped' in said()
    browser.refresh()       # and opened later
    assert 'may have stopped' in said()
    assert browser.get_log('browser') == []


def test_a_page_before_the_first_step_grows_stale_too(browser, tmp_path):
    (tmp_path / 'options.json').write_text('{"epochs": 3}')
    report.write(Run(str(tmp_path), str(tmp_path)), training=True, patience=-1000)
    page = ReportPage(browser, tmp_path / 'index.html')
    assert 'may have stopped' in page.js('return document.getElementById("training").textContent')
    assert browser.get_log('browser') == []


def test_patience_is_three_times_what_a_grid_took(tmp_path):
    page = make_run(tmp_path, training=True)
    for i, path in enumerate([tmp_path / 'checkpoints/x/options.json', *sorted((tmp_path / 'samples/x').glob('e*'))]):
        os.utime(path, (1e6 + 1000 * i, 1e6 + 1000 * i))
    report.write(the_run(tmp_path), training=True)
    stale = int(re.search(r'Date.now\(\) > (\d+)', page.read_text())[1]) / 1000
    assert stale - page.stat().st_mtime == pytest.approx(3000, abs=5)


def test_what_an_earlier_run_of_the_name_left_is_not_shown(tmp_path):
    page = make_run(tmp_path)
    metrics = tmp_path / 'checkpoints/x/metrics.jsonl'
    metrics.write_text(''.join(metrics.read_text().splitlines(True)[:1100]))
    report.write(the_run(tmp_path))
    text = page.read_text()
    assert 'epoch-0002.png' in text and 'epoch-0003.png' not in text and 'Test images' not in text


HOSTILE = [
    '{"step": 1}', '{"step": 1, "epoch": 0, "d_loss": 1}', '{"step": 1, "epoch": 0}', '{"step": 1, "d_loss": 1}',
    '{"step": 1, "epoch": -1, "d_loss": 1}', '{"step": -5, "epoch": 1, "d_loss": 1}',
    '{"step": 1, "epoch": 1, "val_count": 3}', '{"step": 1, "epoch": 1, "val_count": 3, "val_l1": 1}',
    '{"step": 1, "epoch": 1, "val_l1": 1}', '{"step": 1, "epoch": 1e308, "d_loss": 1e308}',
    '{"step": 1, "epoch": 1, "d_loss": -1e308}\n{"step": 2, "epoch": 2, "d_loss": 1e308}',
    '{"step": 2, "epoch": 1, "d_loss": 1}\n{"step": 1, "epoch": 2, "g_loss_l1": 1}', '{"step": 1, "epoch": 1e-320}',
    '{"step": 1, "epoch": 1e-320, "d_loss": 2}', '{"step": 1, "epoch": 1, "val_count": 1e308, "val_l1": 1}',
    '{"step": N, "epoch": N, "d_loss": N}'.replace('N', 300 * '9')]


@pytest.mark.parametrize('options', ['{"epochs": 4}', '{}', '{"epochs": [{"a": null}], "b": NaN, "": "\\ud800"}'])
@pytest.mark.parametrize('lines', ['', *HOSTILE])
def test_whatever_the_files_hold_there_is_a_page_or_one_line(tmp_path, lines, options):
    run = the_run(tmp_path)
    os.makedirs(run.checkpoints)
    for path, content in (run.metrics, lines + '\n' if lines else ''), (run.options, options):
        with open(path, 'w') as file:
            file.write(content)
    try:
        report.write(run)
    except UserError as error:
        assert '\n' not in str(error) and 'does not hold what a training writes (' in str(error)
    else:
        assert '</html>' in (tmp_path / 'samples/x/index.html').read_text()


@pytest.mark.parametrize('content', [
    'junk', '{"images": {"x": {"l1": Infinity}}, "checkpoint": Infinity}', '[' * 10 ** 5, '{"checkpoint": "model-9"}',
    '{"checkpoint": 1, "split": 1, "count": Infinity, "l1": 0, "psnr": 1, "ssim": 1, "images": {}}',
 '[]', '{"images": {}}',
    '{"checkpoint": 1, "split": "val", "count": 1, "l1": 0, "psnr": 1, "ssim": 1, "images": {"x": {"l1": 1}}}'])
def test_damaged_results_are_named(tmp_path, content):
    make_run(tmp_path)
    (tmp_path / 'samples/x/test/metrics.json').write_text(content)
    with pytest.raises(UserError, match='metrics.json does not hold test results'):
        report.write(the_run(tmp_path))


def test_dark(browser, tmp_path):
    page = ReportPage(browser, make_run(tmp_path))
    colours = []
    for scheme in 'light', 'dark':
        browser.execute_cdp_cmd('Emulation.setEmulatedMedia',
                                {'features': [{'name': 'prefers-color-scheme', 'value': scheme}]})
        colours.append(page.js('return getComputedStyle(document.body).backgroundColor'))
    assert colours == ['rgb(255, 255, 255)', 'rgb(21, 22, 26)']

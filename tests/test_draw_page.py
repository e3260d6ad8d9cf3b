"""The page that draws by itself, from the disk, in a real browser: tools, keys, files, and what it draws."""

import json
import time

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from pix2pix import Generator
from pix2pix.draw import ort
from pix2pix.draw import page as page_text
from pix2pix.errors import UserError
from pix2pix.export import __main__ as export
from pix2pix.images import palette, png
from tests.drawing import DrawingPage, near
from tests.test_generator import make_run

WALL, WINDOW, DOOR = '#0030ff', '#0080fe', '#ae0001'
LEVELS = 2      # of 255, the bound of weights of float16; those of int8 are beyond theirs in so small a network


def rgb(code):
    return palette.rgb(code)


def label_map(door=True):
    """A wall with a window and, it may be, a door."""
    labels = np.full([256, 256, 3], rgb(WALL), np.uint8)
    labels[40:120, 60:140] = rgb(WINDOW)
    if door:
        labels[160:256, 100:140] = rgb(DOOR)
    return labels


def draw_labels(folder):
    """Pairs of a gray "photo" on the left and labels on the right, two of them held out."""
    for split, number in ('train', 2), ('val', 2):
        (folder / split).mkdir(parents=True)
        for i in range(number):
            photo = np.full([256, 256, 3], 100 + 50 * i, np.uint8)
            png.write(str(folder / split / f'{i}.png'), np.concatenate([photo, label_map(door=i == 0)], axis=1))


def make_page(tmp_path, *args, pairs=True, **options):
    """An exported page of a tiny untrained run: (the path of what was written, the run's folder)."""
    try:
        ort.parts()
    except UserError as error:
        pytest.skip(f'onnxruntime-web cannot be had: {error}')
    if pairs:
        draw_labels(tmp_path / 'pairs')
    folder = str(tmp_path / 'pairs') if pairs else ''
    run = make_run(tmp_path / 'labels', direction='BtoA', folder=folder, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        given = ['--checkpoint', run + '/model-5', '--to', 'page', '--weights', 'float16', *args]
        assert export.main(export.parse(given)) == 0
    [path] = (tmp_path / 'samples/labels/export').glob('page*')
    return path, run


@pytest.fixture(scope='module')
def made(tmp_path_factory, browser):
    return make_page(tmp_path_factory.mktemp('page'))


@pytest.fixture
def page(browser, made):
    return DrawingPage(browser, made[0])


def expected(made, drawing):
    return Generator(made[1], dropout=False)(drawing)


def test_from_the_disk_it_asks_nothing_of_a_network_and_complains_of_nothing(page, browser):
    addresses = [address for address in page.requests() if not address.startswith(('data:', 'blob:'))]
    assert [address.partition('#')[0] for address in addresses] == [page.js('return location.href').partition('#')[0]]
    assert [line for line in browser.get_log('browser') if line['level'] == 'SEVERE'] == []
    assert page.text('error') == '' and page.text('status').startswith('ready: drawn in this page')
    assert page.text('time').endswith(' ms')


def test_it_begins_with_a_pair_held_out_and_its_real_picture(page, made):
    np.testing.assert_array_equal(page.canvas('drawing'), label_map())
    assert near(page.canvas('picture'), expected(made, label_map()), LEVELS)
    photo = page.js('const c = document.createElement("canvas").getContext("2d");'
                    'c.drawImage(document.getElementById("photo-image"), 0, 0);'
                    'return [...c.getImageData(9, 9, 1, 1).data]')
    assert photo == [100, 100, 100, 255]
    page.key('n')
    page.wait()
    np.testing.assert_array_equal(page.canvas('drawing'), label_map(door=False))
    assert page.text('example') == '2 of 2' and page.js('return location.hash') == '#example=2'
    page.click('next')
    assert page.text('example') == '1 of 2'
    page.click('before')
    assert page.text('example') == '2 of 2'


def test_an_address_keeps_the_example(browser, made):
    page = DrawingPage(browser, made[0], '#example=2')
    assert page.text('example') == '2 of 2'
    np.testing.assert_array_equal(page.canvas('drawing'), label_map(door=False))
    page = DrawingPage(browser, made[0], '#example=9')
    assert page.text('example') == '1 of 2' and page.text('note') == 'there are 2 examples: this is the first'


def test_a_rectangle_changes_the_picture_where_it_is_drawn_as_the_generator_does(page, made):
    before = page.canvas('picture')
    page.take('rectangle')
    page.choose(DOOR)
    page.drag((180, 150), (200, 170), (220, 200))
    labels = label_map()
    drawing = page.canvas('drawing')
    changed = np.argwhere((drawing != labels).any(-1))
    assert np.abs(changed.min(0) - [150, 180]).max() <= 1 and np.abs(changed.max(0) - [200, 220]).max() <= 1
    assert (drawing[155:195, 185:215] == rgb(DOOR)).all()
    picture = page.canvas('picture')
    assert near(picture, expected(made, drawing), LEVELS)
    difference = np.abs(picture.astype(int) - before)
    assert difference[150:200, 180:220].mean() > 2 * difference[:100].mean()


def test_undo_gives_the_picture_before_and_redo_the_one_after(page):
    drawing, picture = page.canvas('drawing'), page.canvas('picture')
    page.choose(DOOR)
    page.take('brush')
    page.drag((20, 20), (60, 30))
    after = page.canvas('drawing')
    assert (after != drawing).any()
    page.click('undo')
    np.testing.assert_array_equal(page.canvas('drawing'), drawing)
    np.testing.assert_array_equal(page.canvas('picture'), picture)
    page.click('redo')
    np.testing.assert_array_equal(page.canvas('drawing'), after)
    page.click('clear')
    assert (page.canvas('drawing') == rgb(WALL)).all()         # the most frequent colour
    page.key('\ue009z\ue000')
    page.key('\ue009z\ue000')                                   # Ctrl-Z, twice
    page.wait()
    np.testing.assert_array_equal(page.canvas('drawing'), drawing)
    assert page.js('return document.getElementById("undo").disabled')


def test_fill_fills_what_hangs_together(page):
    page.take('fill')
    page.choose(DOOR)
    page.drag((100, 80))
    labels = label_map()
    labels[40:120, 60:140] = rgb(DOOR)
    np.testing.assert_array_equal(page.canvas('drawing'), labels)


def test_the_pipette_takes_a_colour_and_the_eraser_the_background(page):
    page.take('pipette')
    page.drag((120, 200))
    assert page.js('return document.querySelector("[data-colour][aria-checked=true]").dataset.colour') == DOOR
    page.take('eraser')
    page.drag((70, 80), (130, 80))
    drawing = page.canvas('drawing')
    assert (drawing[75:85, 65:135] == rgb(WALL)).all() and (drawing[45:55, 65:135] == rgb(WINDOW)).all()


def test_strokes_have_only_colours_of_the_palette(page):
    page.choose(DOOR)
    for tool in 'brush', 'line':
        page.take(tool)
        page.drag((10, 10), (33, 47), (90, 61))
    colours = {tuple(colour) for colour in np.unique(page.canvas('drawing').reshape(-1, 3), axis=0)}
    assert colours == {tuple(rgb(code)) for code in (WALL, WINDOW, DOOR)}


def test_a_picture_is_opened_in_the_colours_of_the_palette(page, tmp_path):
    noisy = label_map(door=False).astype(int) + np.random.RandomState(0).randint(-9, 10, [256, 256, 3])
    png.write(str(tmp_path / 'noisy.png'), np.clip(noisy, 0, 255).astype(np.uint8))
    field = page.browser.find_element('id', 'open')
    field.send_keys(str(tmp_path / 'noisy.png'))
    page.until("document.getElementById('photo').hidden")
    page.wait()
    np.testing.assert_array_equal(page.canvas('drawing'), label_map(door=False))
    assert not page.browser.find_element('id', 'photo').is_displayed() and page.js('return location.hash') == ''
    png.write(str(tmp_path / 'large.png'), np.full([60, 90, 3], rgb(DOOR), np.uint8))
    field.send_keys(str(tmp_path / 'large.png'))
    page.until("document.getElementById('note').textContent.startsWith('large.png')")
    page.wait()
    assert (page.canvas('drawing') == rgb(DOOR)).all()
    (tmp_path / 'text.png').write_text('no picture')
    assert page.text('note') == 'large.png: 90 x 60 pixels became 256 x 256'
    field.send_keys(str(tmp_path / 'text.png'))
    page.until("document.getElementById('note').textContent.startsWith('text.png is no picture that this browser')")


def test_the_edges_of_a_jpeg_take_the_colours_beside_them(page, tmp_path):
    labels = label_map()
    Image.fromarray(labels).save(tmp_path / 'labels.jpg', quality=75)
    page.browser.find_element('id', 'open').send_keys(str(tmp_path / 'labels.jpg'))
    page.until("document.getElementById('photo').hidden")
    page.wait()
    colours = {tuple(colour) for colour in np.unique(page.canvas('drawing').reshape(-1, 3), axis=0)}
    assert colours <= {tuple(rgb(code)) for code in (WALL, WINDOW, DOOR)}
    assert (page.canvas('drawing') != labels).any(-1).mean() < 0.004


def test_of_pictures_opened_at_once_the_last_counts(page):
    page.js("""
        const decode = createImageBitmap
        let calls = 0
        window.createImageBitmap = async (...given) => {
          if (!calls++) await new Promise(resolve => setTimeout(resolve, 500))      // the first takes its time
          return decode(...given)
        }
        example(0)
        example(1)""")
    time.sleep(1)
    page.wait()
    np.testing.assert_array_equal(page.canvas('drawing'), label_map(door=False))
    assert page.text('example') == '2 of 2'


def test_a_picture_that_is_dropped_or_pasted_is_opened(page):
    for kind, field in ('drop', 'dataTransfer'), ('paste', 'clipboardData'):
        page.js("""
            const [kind, field, done] = arguments, canvas = new OffscreenCanvas(256, 256)
            canvas.getContext('2d').fillStyle = kind == 'drop' ? '#ae0001' : '#0080fe'
            canvas.getContext('2d').fillRect(0, 0, 256, 256)
            canvas.convertToBlob().then(blob => {
              const event = new Event(kind, { cancelable: true })
              event[field] = { files: [new File([blob], 'a.png')] }
              document.dispatchEvent(event)
            })""", kind, field)
        page.until("document.getElementById('photo').hidden")
        page.wait()
        assert (page.canvas('drawing') == rgb(DOOR if kind == 'drop' else WINDOW)).all(), kind
        page.click('next')


def test_while_drawing_it_draws_too_where_that_is_fast(page):
    from selenium.webdriver import ActionChains
    page.choose(DOOR)
    before = page.canvas('picture')
    canvas = page.browser.find_element('id', 'drawing')
    for fast, expected in (False, False), (True, True):
        page.js('milliseconds = arguments[0]', 1 if fast else 1000)
        stroke = ActionChains(page.browser, duration=20).move_to_element(canvas).click_and_hold()
        stroke.move_by_offset(50, 40).perform()
        page.wait()
        assert (page.canvas('picture') != before).any() == expected
        ActionChains(page.browser).release().perform()
        page.click('undo')


def test_without_a_picture_of_the_drawing_none_is_saved(page):
    page.js('fresh = false')
    page.js('save("both")')
    page.until("document.getElementById('note').textContent.startsWith('there is no picture of this drawing')")
    assert not (page.browser.downloads / 'labels-both.png').exists()


def test_what_is_saved_is_what_is_seen(page):
    page.take('brush')
    page.drag((20, 20), (60, 30))
    for what in 'drawing', 'picture', 'both':
        page.click(f'save-{what}')
    files = {what: page.browser.downloads / f'labels-{what}.png' for what in ('drawing', 'picture', 'both')}
    end = time.monotonic() + 20
    while not all(path.exists() for path in files.values()):
        assert time.monotonic() < end, list(page.browser.downloads.iterdir())
        time.sleep(0.05)
    drawing, picture, both = (iio.imread(files[what])[..., :3] for what in ('drawing', 'picture', 'both'))
    np.testing.assert_array_equal(drawing, page.canvas('drawing'))
    np.testing.assert_array_equal(picture, page.canvas('picture'))
    np.testing.assert_array_equal(both, np.concatenate([drawing, picture], axis=1))
    for path in files.values():
        path.unlink()


def test_the_keyboard_alone_draws(page):
    page.js('document.getElementById("drawing").focus()')
    third = page.js('return document.querySelectorAll("[data-colour]")[2].dataset.colour')
    for key in 'r', '3', ' ':           # from the middle, 128 128
        page.key(key)
    page.key('\ue008\ue014\ue000')      # Shift and arrow right: 16 pixels
    for _ in range(4):
        page.key('\ue015')              # arrow down
    page.key('\n')
    page.wait()
    labels = label_map()
    labels[128:133, 128:145] = rgb(third)
    np.testing.assert_array_equal(page.canvas('drawing'), labels)
    page.key('b')
    assert page.js('return document.querySelector("[data-tool][aria-checked=true]").dataset.tool') == 'brush'
    size = page.js('return document.getElementById("size").value')
    page.key(']')
    assert page.js('return document.getElementById("size").value') == str(int(size) + 1)
    page.key(' ')
    page.key('\ue00c')                  # Escape: the stroke is given up
    page.wait()
    np.testing.assert_array_equal(page.canvas('drawing'), labels)


def test_a_finger_draws(page):
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.pointer_input import PointerInput
    page.take('rectangle')
    page.choose(DOOR)
    box = page.js('return document.getElementById("drawing").getBoundingClientRect().toJSON()')
    finger = PointerInput('touch', 'finger')
    actions = ActionBuilder(page.browser, mouse=finger, duration=20)
    at = lambda share: (int(box['x'] + share * box['width']), int(box['y'] + share * box['height'] / 4))
    finger.create_pointer_move(x=at(0.1)[0], y=at(0.1)[1])
    finger.create_pointer_down(button=0)
    finger.create_pointer_move(x=at(0.9)[0], y=at(0.9)[1])
    finger.create_pointer_up(button=0)
    actions.perform()
    page.wait()
    assert (page.canvas('drawing')[10:54, 30:226] == rgb(DOOR)).all()


def test_every_control_has_a_name_and_a_phone_shows_all_of_the_page(page):
    nameless = page.js('''
        const name = e => e.textContent.trim() || e.getAttribute('aria-label') || e.alt || e.closest('label')
        const controls = [...document.querySelectorAll('button, input, canvas, img')]
        return controls.filter(e => !name(e)).map(e => e.outerHTML)''')
    assert nameless == []
    page.browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
        'width': 390, 'height': 844, 'deviceScaleFactor': 1, 'mobile': True})
    try:
        assert page.js('return document.documentElement.scrollWidth') == 390
        for name in 'drawing', 'picture', 'undo', 'save-both':
            box = page.js('return document.getElementById(arguments[0]).getBoundingClientRect().toJSON()', name)
            assert box['left'] >= 0 and box['right'] <= 390, name
    finally:
        page.browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})


@pytest.mark.parametrize('junk', ['AAAAAAAAAAAA', '!no base64!!'])
def test_a_damaged_model_is_named(browser, made, tmp_path, junk):
    text = made[0].read_text()
    start = text.index('id="model">') + len('id="model">') + 2000
    (tmp_path / 'damaged.html').write_text(text[:start] + junk + text[start + 12:])
    page = DrawingPage(browser, tmp_path / 'damaged.html', state='failed')
    assert 'the model in this page is damaged' in page.text('error') and page.text('status') == 'nothing can be drawn'


def test_a_page_that_was_cut_off_is_named(browser, made, tmp_path):
    text = made[0].read_text()
    (tmp_path / 'cut.html').write_text(text[:len(text) * 2 // 3])
    page = DrawingPage(browser, tmp_path / 'cut.html', state='failed')
    assert page.text('error') == 'this page was cut off: copy it again'


def test_too_little_memory_is_said_in_words(page):
    for message in 'std::bad_alloc', '12345678', 'Out of memory', 'Array buffer allocation failed':
        assert page.js('return inWords(arguments[0])', message).startswith('there is not enough memory')


def test_a_model_that_draws_something_else_here_is_not_used(browser, made, tmp_path):
    text = made[0].read_text()
    config = text[text.index('id="config">') + len('id="config">'):].partition('</script>')[0]
    other = json.loads(config)
    other['trial']['expected'][3] += 50
    (tmp_path / 'other.html').write_text(text.replace(config, json.dumps(other)))
    page = DrawingPage(browser, tmp_path / 'other.html', state='failed')
    assert 'the model draws something else in this browser' in page.text('error')


def test_a_browser_without_webassembly_is_told(browser, made):
    script = browser.execute_cdp_cmd('Page.addScriptToEvaluateOnNewDocument', {'source': 'delete window.WebAssembly'})
    try:
        page = DrawingPage(browser, made[0], state='failed')
        assert 'no WebAssembly' in page.text('error')
    finally:
        browser.execute_cdp_cmd('Page.removeScriptToEvaluateOnNewDocument', script)


def test_gray_and_without_examples_there_is_a_colour_picker(browser, tmp_path):
    path, run = make_page(tmp_path, pairs=False, source_channels=1, target_channels=1)
    page = DrawingPage(browser, path)
    assert (page.canvas('drawing') == 255).all() and page.js('return document.getElementById("colour").type') == 'color'
    page.set('colour', '#c04020', 'input')
    page.drag((40, 40), (200, 90))
    drawing, picture = page.canvas('drawing'), page.canvas('picture')
    assert (drawing == [0xc0, 0x40, 0x20]).all(-1).any()
    assert near(picture[..., 0], Generator(run, dropout=False)(drawing), LEVELS)
    assert (picture[..., 0] == picture[..., 2]).all()


def test_beside_a_web_server_the_model_lies_beside_the_page(browser, tmp_path):
    import functools
    import http.server
    import threading
    path, run = make_page(tmp_path, '--folder', '--dropout')
    page = DrawingPage(browser, path / 'index.html', state='failed')
    assert page.text('error') == 'this page lies in a folder for a web server: open it from one'
    assert {file.name for file in path.iterdir()} == {'index.html', 'model.bin', 'engine.bin', 'library.bin'}
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=path)
    handler.log_message = lambda *args: None
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = DrawingPage(browser, f'http://127.0.0.1:{server.server_address[1]}/index.html')
        assert near(page.canvas('picture'), Generator(run)(page.canvas('drawing')), LEVELS)      # with its dropout
        server.shutdown()


def test_lines_on_a_light_ground_are_drawn_with_a_pencil(tmp_path):
    for split in 'train', 'val':
        (tmp_path / split).mkdir()
        edges = np.full([256, 512, 3], 255, np.uint8)
        edges[50:53, 20:200] = edges[60:200, 80:83] = 0
        png.write(str(tmp_path / split / 'a.png'), edges)
    generator = Generator(make_run(tmp_path / 'edges', direction='AtoB', folder=str(tmp_path)))
    text = page_text.text(generator, engine='server', about='')
    config = json.loads(text[text.index('id="config">') + len('id="config">'):].partition('</script>')[0])
    assert config['pencil'] and config['background'] == '#ffffff'
    assert [colour['code'] for colour in config['palette']] == ['#ffffff', '#000000']


def test_another_package_in_the_place_of_onnxruntime_web_is_not_used(tmp_path):
    (tmp_path / 'package.tgz').write_bytes(b'another')
    with pytest.raises(UserError, match='is not onnxruntime-web 1.30.0: its SHA-512 is another. Delete it'):
        ort.parts(tmp_path / 'package.tgz')

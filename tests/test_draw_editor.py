"""The editor of the page that draws, in a real browser: tools, colours, examples, files, keys and fingers."""

import json
import time

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput

from pix2pix import Generator
from pix2pix.draw import page as page_text
from pix2pix.images import png
from tests.drawing import DOOR, LEVELS, WALL, WINDOW, DrawingPage, expected, label_map, make_page, near, rgb
from tests.test_generator import make_run


@pytest.fixture(scope='module')
def made(tmp_path_factory, browser):
    return make_page(tmp_path_factory.mktemp('page'))


@pytest.fixture
def page(browser, made):
    return DrawingPage(browser, made[0])


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
    page.choose(DOOR)
    before = page.canvas('picture')
    canvas = page.browser.find_element('id', 'drawing')
    for fast in False, True:
        page.js('milliseconds = arguments[0]', 1 if fast else 1000)
        stroke = ActionChains(page.browser, duration=20).move_to_element(canvas).click_and_hold()
        stroke.move_by_offset(50, 40).perform()
        page.wait()
        assert (page.canvas('picture') != before).any() == fast
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


@pytest.mark.faults
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

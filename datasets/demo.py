"""The demo pairs: building fronts drawn from a seed, "photo" on the left, label map on the right, 512 x 256 pixels."""

import json
import os
import shutil

import numpy as np
from scipy.ndimage import gaussian_filter, shift
from tqdm import tqdm

from pix2pix.images import png

SIZE = 256

#          part        label             what the photo shows
LABELS = {'sky':      (0, 0, 170),
          'wall':     (0, 80, 255),
          'window':   (0, 200, 255),
          'sill':     (0, 255, 160),
          'cornice':  (160, 255, 90),
          'balcony':  (255, 220, 0),
          'door':     (255, 90, 0),
          'base':     (150, 0, 0)}
PARTS = list(LABELS)

WALLS = [(196, 122, 92), (216, 190, 150), (178, 160, 140), (205, 205, 196)]     # brick, sandstone, taupe, plaster
DOORS = [(92, 58, 36), (44, 70, 62), (110, 40, 36)]


class Front:
    """A part for every pixel, painted from back to front."""

    def __init__(self):
        self.part = np.full([SIZE, SIZE], PARTS.index('sky'), np.uint8)

    def paint(self, part, top, left, bottom, right):
        self.part[max(0, top):max(0, bottom), max(0, left):max(0, right)] = PARTS.index(part)

    def where(self, part):
        return self.part == PARTS.index(part)


def plan(random):
    """The label map of one building: floors of windows over a ground floor with a door."""
    front, floors, columns = Front(), random.integers(3, 7), random.integers(3, 8)
    left, right, roof = random.integers(0, 22), SIZE - random.integers(0, 22), random.integers(14, 48)
    ground = SIZE - random.integers(46, 62)
    front.paint('wall', roof, left, SIZE, right)
    front.paint('cornice', roof - 5, left - 3, roof + 4, right + 3)
    height, width = (ground - roof - 8) / floors, (right - left) / columns
    w, h = int(width * random.uniform(0.42, 0.6)), int(height * random.uniform(0.5, 0.66))
    sills, balconies = random.random() < 0.7, random.random() < 0.6
    balcony_floors, middle = random.random(floors) < 0.5, random.random() < 0.4
    for floor in range(floors):
        top = int(roof + 8 + floor * height + (height - h) / 2)
        for column in range(columns):
            x = int(left + (column + 0.5) * width - w / 2)
            front.paint('window', top, x, top + h, x + w)
            if balconies and balcony_floors[floor] and (not middle or column in (columns // 2, (columns - 1) // 2)):
                front.paint('balcony', top + int(0.62 * h), x - 4, top + h + 4, x + w + 4)
            elif sills:
                front.paint('sill', top + h, x - 2, top + h + 3, x + w + 2)
    front.paint('cornice', ground - 3, left, ground + 2, right)
    front.paint('base', SIZE - 9, left, SIZE, right)
    entrance = random.integers(columns)
    for column in range(columns):
        x = int(left + (column + 0.5) * width)
        if column == entrance:
            front.paint('door', ground + 11, x - max(7, w // 2), SIZE - 2, x + max(7, w // 2))
        else:
            front.paint('window', ground + 12, x - int(0.36 * width), SIZE - 16, x + int(0.36 * width))
    return front


def photograph(front, random):
    """The same front with material, light and shadow: float [256, 256, 3] in [0, 255]."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    photo = np.empty([SIZE, SIZE, 3])

    def fill(part, colour, shade=1.0):
        colour = np.broadcast_to(np.asarray(colour, float), photo.shape) * np.asarray(shade)[..., None]
        photo[front.where(part)] = colour[front.where(part)]

    blue = np.stack([120 + 0.5 * y, 165 + 0.35 * y, 222 + 0.1 * y], axis=-1)
    clouds = gaussian_filter(random.normal(size=[SIZE, SIZE]), (6, 20))
    fill('sky', blue + 60 * np.clip(clouds / clouds.std() / 2, 0, 1)[..., None])

    wall = WALLS[random.integers(len(WALLS))]
    grain = gaussian_filter(random.normal(size=[SIZE, SIZE]), 1.2) * 0.10 + \
        gaussian_filter(random.normal(size=[SIZE, SIZE]), 14) * 0.9
    mortar = (y % 6 < 1) | ((x + 6 * (y // 6 % 2)) % 12 < 1)
    fill('wall', wall, 1 + grain + (0.22 * mortar - 0.03 if wall == WALLS[0] else 0.0))
    fill('base', np.multiply(wall, 0.55), 1 + grain)
    fill('cornice', np.multiply(wall, 0.5) + 118, 1 + 0.05 * np.sin(y))
    fill('sill', (214, 208, 198))
    fill('door', DOORS[random.integers(len(DOORS))], 1 + 0.18 * np.sign(np.sin(x / 2.2)))

    # Glass reflects the sky; a frame runs along the window's edge and a cross through its middle.
    glass = np.stack([52 + 0.25 * y, 66 + 0.22 * y, 86 + 0.18 * y], axis=-1)
    fill('window', glass, 1 + 0.35 * ((x + y) % 37 < 9))
    window = front.where('window')
    inside = window & np.roll(window, 2, 0) & np.roll(window, -2, 0) & np.roll(window, 2, 1) & np.roll(window, -2, 1)
    photo[window & ~inside] = (232, 228, 220)
    for run, axis in ((window, 1), (window, 0)):
        middle = centres(run, axis)
        photo[middle & inside] = (222, 218, 210)

    # Balconies are bars in front of what is behind them, under a rail.
    bars = (x % 5 < 2) | ~np.roll(front.where('balcony'), 3, 0)
    photo[front.where('balcony')] = 70 * np.ones(3)
    photo[front.where('balcony') & bars] = 28

    # Light from the upper left: what stands out casts a shadow down and to the right.
    out = np.isin(front.part, [PARTS.index(p) for p in ('cornice', 'sill', 'balcony')]).astype(float)
    shadow = gaussian_filter(shift(out, (6, 4)), 2) * (1 - out) * ~front.where('sky')
    photo *= (1 - 0.5 * shadow)[..., None] * (1.06 - 0.12 * x / SIZE)[..., None]
    photo = gaussian_filter(photo, (0.5, 0.5, 0)) + random.normal(0, 2.5, photo.shape)
    return np.clip(photo, 0, 255)


def centres(mask, axis):
    """The middle pixels of each run of True along an axis."""
    forward = np.zeros(mask.shape, int)
    backward = np.zeros(mask.shape, int)
    ahead, behind = np.moveaxis(forward, axis, 0), np.moveaxis(backward, axis, 0)
    lines = np.moveaxis(mask, axis, 0)
    for i in range(len(lines)):
        ahead[i] = (ahead[i - 1] + 1) * lines[i] if i else lines[i]
    for i in reversed(range(len(lines))):
        behind[i] = (behind[i + 1] + 1) * lines[i] if i + 1 < len(lines) else lines[i]
    return mask & (np.abs(forward - backward) <= 1)


def pair(seed, split, index):
    """One pair as uint8 [256, 512, 3], a function of its arguments."""
    random = np.random.default_rng([seed, *split.encode(), index])
    front = plan(random)
    labels = np.array(list(LABELS.values()), np.uint8)[front.part]
    return np.concatenate([photograph(front, random).round().astype(np.uint8), labels], axis=1)


def draw(folder, seed=0, **splits):
    """Draw `count` pairs for each split=count into a new folder, which is not there before it is complete."""
    partial = f'{folder}.{os.getpid()}.partial'     # two trainings may draw it at once
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for split, count in splits.items():
            os.makedirs(os.path.join(partial, split))
            for index in tqdm(range(count), f'drawing {split}', leave=False, disable=None):
                png.write(os.path.join(partial, split, f'{index + 1:03d}.png'), pair(seed, split, index))
        with open(os.path.join(partial, 'palette.json'), 'w') as file:
            json.dump({part: '#' + bytes(colour).hex() for part, colour in LABELS.items()}, file, indent=1)
        try:
            os.replace(partial, folder)
        except OSError:
            if not os.path.isdir(folder):       # else the other was first, with the same pairs
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)

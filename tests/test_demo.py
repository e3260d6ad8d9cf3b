import imageio.v3 as iio
import numpy as np

from datasets.demo import LABELS, draw, pair


def test_pairs_are_functions_of_seed_split_and_index(tmp_path):
    draw(str(tmp_path / 'demo'), train=2, val=1)
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob('*.png'))
    assert files == ['demo/train/001.png', 'demo/train/002.png', 'demo/val/001.png']
    again = pair(0, 'train', 1)
    np.testing.assert_array_equal(iio.imread(tmp_path / files[1]), again)
    for other in pair(0, 'train', 0), pair(0, 'val', 1), pair(1, 'train', 1):
        assert (other != again).any()


def test_right_half_is_a_label_map_and_left_a_photo():
    image = pair(0, 'train', 0)
    assert image.shape == (256, 512, 3) and image.dtype == np.uint8
    colours = np.unique(image[:, 256:].reshape(-1, 3), axis=0)
    assert {tuple(c) for c in colours} <= set(LABELS.values()) and len(colours) >= 5
    assert len(np.unique(image[:, :256].reshape(-1, 3), axis=0)) > 5000
    # The photo shows the map: glass is darker than the wall around it.
    window = (image[:, 256:] == LABELS['window']).all(-1)
    wall = (image[:, 256:] == LABELS['wall']).all(-1)
    assert image[:, :256][window].mean() + 10 < image[:, :256][wall].mean()


def test_a_broken_off_drawing_is_drawn_anew(tmp_path):
    (tmp_path / 'demo.partial' / 'train').mkdir(parents=True)
    (tmp_path / 'demo.partial' / 'train' / 'junk.png').write_text('half')
    draw(str(tmp_path / 'demo'), train=1)
    assert [p.name for p in (tmp_path / 'demo' / 'train').iterdir()] == ['001.png']

import imageio.v3 as iio
import numpy as np
import pytest

from datasets.combine import CombineError, combine, main


def write(path, value, size=(4, 6), channels=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size + (channels,) if channels > 1 else size
    iio.imwrite(path, np.full(shape, value, np.uint8))


def test_joins_left_and_right_and_reports_the_rest(tmp_path):
    a, b, out = tmp_path / 'a', tmp_path / 'b', tmp_path / 'out'
    write(a / 'train' / 'one.png', 10)
    write(b / 'train' / 'one.bmp', 200, channels=1)
    write(a / 'two.png', 1)
    write(b / 'three.png', 2)
    write(a / 'four.png', 1)
    write(b / 'four.png', 2, size=(4, 8))
    (a / 'five.png').write_text('not an image')
    write(b / 'five.png', 2)
    written, problems = combine(str(a), str(b), str(out))
    assert written == 1 and [str(p.relative_to(out)) for p in out.rglob('*') if p.is_file()] == ['train/one.png']
    image = iio.imread(out / 'train' / 'one.png')
    assert image.shape == (4, 12, 3) and (image[:, :6] == 10).all() and (image[:, 6:] == 200).all()
    text = '\n'.join(problems)
    assert len(problems) == 4
    assert f'two.png: nothing of that name in {b}' in text and f'three.png: nothing of that name in {a}' in text
    assert '6 x 4 beside 8 x 4 pixels' in text and 'five.png' in text


def test_nothing_is_overwritten_unasked(tmp_path):
    a, b, out = tmp_path / 'a', tmp_path / 'b', tmp_path / 'out'
    write(a / 'x.png', 1)
    write(b / 'x.png', 2)
    assert combine(str(a), str(b), str(out)) == (1, [])
    write(a / 'x.png', 9)
    written, [problem] = combine(str(a), str(b), str(out))
    assert written == 0 and '--overwrite' in problem and iio.imread(out / 'x.png').max() == 2
    assert combine(str(a), str(b), str(out), overwrite=True) == (1, [])
    assert iio.imread(out / 'x.png').max() == 9


def test_writing_nothing_is_an_error(tmp_path):
    write(tmp_path / 'a' / 'x.png', 1)
    write(tmp_path / 'b' / 'y.png', 1)
    with pytest.raises(CombineError, match='no pair written'):
        main([str(tmp_path / 'a'), str(tmp_path / 'b'), str(tmp_path / 'out')])
    with pytest.raises(CombineError, match='nowhere: no such folder'):
        main([str(tmp_path / 'a'), str(tmp_path / 'nowhere'), str(tmp_path / 'out')])

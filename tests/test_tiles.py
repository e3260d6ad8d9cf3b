import numpy as np

from pix2pix.inference import tiles


def test_tiles_cover_overlap_and_add_up():
    for tile in 256, 1024:
        for size in [1, tile, tile + 1, 2 * tile - 1, 2 * tile, 3 * tile + 17, 10 * tile + 3]:
            spans = tiles.spans(size, tile)
            total = np.zeros(size)
            for (start, end), weight in zip(spans, tiles.weights(spans)):
                assert end - start == min(size, tile) and (weight > 0).all()
                total[start:end] += weight
            np.testing.assert_allclose(total, 1, atol=1e-5)
            assert spans[0][0] == 0 and spans[-1][1] == size
            for (_, end), (start, _) in zip(spans, spans[1:]):
                assert end - start >= tile // 4


def test_tiles_of_what_copies_are_the_picture_band_by_band():
    """Blending must not be seen where each tile is drawn as it is; `draw` sees no more than a tile."""
    picture, seen = np.random.RandomState(0).uniform(-1, 1, [700, 300, 2]).astype('f'), []
    bands = list(tiles.draw_in_tiles(picture, lambda tile: seen.append(tile.shape) or tile, tile=256, channels=2))
    np.testing.assert_allclose(np.concatenate(bands), picture, atol=1e-6)
    assert len(bands) == 4 and set(seen) == {(256, 256, 2)}


def test_over_an_overlap_one_tile_falls_as_the_other_rises():
    first, second = tiles.weights(tiles.spans(448, 256))
    np.testing.assert_allclose(first[:192], 1)
    np.testing.assert_allclose(first[192:] + second[:64], 1)
    assert (np.diff(first[192:]) < 0).all() and first[192] > 0.98 and first[-1] < 0.02

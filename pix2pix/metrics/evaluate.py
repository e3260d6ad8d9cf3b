"""One pass over pairs that are drawn, judged and handed on. Validation and test are the same pass."""

from concurrent.futures import ThreadPoolExecutor

from pix2pix.images.arrays import to_uint8


def evaluate(drawn, compare, keep=lambda name, triple: None):
    """Judge pictures as they are drawn: {name: {'l1', 'psnr', 'ssim'}}.

    drawn    yields (name, [source, output, target]), each float [H, W, C] in [-1, 1]
    compare  a pixels.Comparison
    keep     is called with (name, [source, output, target] in uint8), such as to write them
    One is judged and kept while the next is drawn. No more than two are held.
    """
    results = {}

    def finish(name, triple):
        triple = [to_uint8(image) for image in triple]
        results[name] = compare(*triple[1:])
        keep(name, triple)
    with ThreadPoolExecutor(1) as beside:
        last = None
        for name, triple in drawn:
            if last:
                last.result()       # raises its error
            last = beside.submit(finish, name, triple)
        if last:
            last.result()
    return results

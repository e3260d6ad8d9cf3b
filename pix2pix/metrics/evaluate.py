"""One pass over pairs that are drawn, judged and handed on. Validation and test are the same pass."""

import collections
from concurrent.futures import ThreadPoolExecutor

from pix2pix.images.arrays import to_uint8


def evaluate(drawn, compare, keep=lambda name, triple: None, *, held=1):
    """Judge pictures as they are drawn: {name: {'l1', 'psnr', 'ssim'}}.

    drawn    yields (name, [source, output, target]), each float [H, W, C] in [-1, 1]
    compare  a pixels.Comparison
    keep     is called with (name, [source, output, target] in uint8), such as to write them
    held     how many may wait to be judged and kept while the next are drawn
    """
    results = {}

    def finish(name, triple):
        triple = [to_uint8(image) for image in triple]
        results[name] = compare(*triple[1:])
        keep(name, triple)
    with ThreadPoolExecutor(1) as beside:
        waiting = collections.deque()
        for name, triple in drawn:
            if len(waiting) == held:
                waiting.popleft().result()      # raises its error
            waiting.append(beside.submit(finish, name, triple))
        for each in waiting:
            each.result()
    return results

"""One pass over pairs that are drawn, judged and handed on. Validation and test are the same pass."""

import collections
import threading
from concurrent.futures import ThreadPoolExecutor

from pix2pix.errors import UserError
from pix2pix.images.arrays import to_uint8


def evaluate(drawn, compare, keep=lambda name, images, pictures: None, *, held=4):
    """Judge pictures as they are drawn: {name: {'l1', 'psnr', 'ssim'}}.

    drawn    yields (name, [source, output, target]), each float [H, W, C] in [-1, 1]
    compare  a pixels.Comparison
    keep     is called with (name, [source, output, target] as drawn, the same in uint8), such as to write them
    held     how many may wait to be judged and kept while the next are drawn
    What is judged is the uint8. After an error nothing more is judged or kept.
    """
    results, waiting, failed = {}, collections.deque(), threading.Event()

    def finish(name, images):
        if failed.is_set():
            return
        try:
            pictures = [to_uint8(image) for image in images]
            try:
                results[name] = compare(*pictures[1:])
            except UserError as error:
                raise UserError(f'{name}: {error}') from None
            keep(name, images, pictures)
        except BaseException:
            failed.set()
            raise
    with ThreadPoolExecutor(1) as beside:
        for name, images in drawn:
            if len(waiting) == held:
                waiting.popleft().result()      # raises its error
            waiting.append(beside.submit(finish, name, images))
        for each in waiting:
            each.result()
    return results

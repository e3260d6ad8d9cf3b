"""One setting, timed on request: python -m benchmarks.worker MODULE FUNCTION OPTIONS

FUNCTION of benchmarks.MODULE, called with OPTIONS, a JSON object, builds the setting and returns what one step of it
is. A line on stdin is a number of steps; the answer is a line of JSON: their mean seconds, the peak of the memory in
MiB, and what of it the import took. The environment of PyTorch runs this too: it has nothing else of ours.
"""

import importlib
import json
import resource
import sys
import time


def peak():
    """Of this process's memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == '__main__':
    answers, sys.stdout = sys.stdout, sys.stderr        # what the package prints is no answer
    module, function, options = sys.argv[1:]
    module = importlib.import_module('benchmarks.' + module)
    imported = peak()
    step = getattr(module, function)(**json.loads(options))
    for line in sys.stdin:
        step()      # does not count: it finds the caches as another process has left them
        start = time.perf_counter()
        for _ in range(int(line)):
            step()
        seconds = (time.perf_counter() - start) / int(line)
        print(json.dumps([seconds, peak(), imported]), file=answers, flush=True)

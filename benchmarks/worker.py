"""One setting, timed on request: python -m benchmarks.worker MODULE FUNCTION OPTIONS

FUNCTION of benchmarks.MODULE, called with OPTIONS, a JSON object, builds the setting and returns what one step of it
is. A line on stdin is a number of steps; the answer is a line of JSON, their mean seconds and the peak of the memory in
MiB. The environment of PyTorch runs this too: it has nothing else of ours.
"""

import importlib
import json
import resource
import sys
import time

if __name__ == '__main__':
    answers, sys.stdout = sys.stdout, sys.stderr        # what the package prints is no answer
    module, function, options = sys.argv[1:]
    step = getattr(importlib.import_module('benchmarks.' + module), function)(**json.loads(options))
    for line in sys.stdin:
        step()      # does not count: it finds the caches as another process has left them
        start = time.perf_counter()
        for _ in range(int(line)):
            step()
        seconds, peak = (time.perf_counter() - start) / int(line), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps([seconds, peak / 1024]), file=answers, flush=True)

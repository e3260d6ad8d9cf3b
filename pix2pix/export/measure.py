"""Run an exported file on pictures: python measure.py run_FORMAT.py FILE SOURCES.npz OUTPUTS.npz STATISTICS

It stands alone: this package is not imported.
"""

import runpy
import statistics
import sys
import time

import numpy as np

script, path, sources, outputs, kind = sys.argv[1:]
draw, drawn, times = runpy.run_path(script)['load'](path, kind), {}, []
for name, source in np.load(sources).items():
    draw(source)
    start = time.perf_counter()
    drawn[name] = draw(source)
    times.append((time.perf_counter() - start) / source[..., 0].size * 256 ** 2)
assert 'pix2pix' not in sys.modules
np.savez(outputs, milliseconds=1000 * statistics.median(times), **drawn)

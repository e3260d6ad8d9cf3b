"""What reading costs the training: the step on real pairs against the step on constant tensors, by turns.

    python benchmarks/loop.py FOLDER_OF_PAIRS
"""

import statistics
import sys

from step import Worker, cpu, version

BATCH, ROUNDS, STEPS = 4, 7, 6
PRECISION = 'bfloat16'


def main(folder):
    shape = ['--batch_size', BATCH, '--precision', PRECISION]
    workers = [Worker('constant tensors', sys.executable, 'tensorflow', 'step', *shape),
               Worker('real pairs', sys.executable, 'tensorflow', 'step', *shape, '--data', folder),
               Worker('reader alone', sys.executable, 'tensorflow', 'read', *shape, '--data', folder)]
    for worker in workers:
        worker.run(STEPS)
    for number in range(ROUNDS):
        for worker in workers[::(-1) ** number]:
            worker.results.append(worker.run(STEPS if worker.name != 'reader alone' else 30 * STEPS)['seconds'])
    print(f'{cpu()}, tensorflow {version(sys.executable, "tensorflow")}, {PRECISION}, batch {BATCH}')
    for worker in workers:
        speeds = [BATCH * len(seconds) / sum(seconds) for seconds in worker.results]
        print(f'  {worker.name:18} {statistics.median(speeds):7.2f} images/s ({min(speeds):.2f}-{max(speeds):.2f})')
        worker.close()


if __name__ == '__main__':
    main(sys.argv[1])

"""What a training run shows while it runs: a bar on a terminal, else one line per epoch."""

import sys
import time

from tqdm import tqdm


class Progress:
    """Counts from `first`, the steps done before, to `steps`; `epoch` is in steps and need not be whole."""

    def __init__(self, steps, first, epoch, batch_size):
        self.steps, self.first, self.epoch, self.batch_size = steps, first, epoch, batch_size
        self.start, self.sums, self.count = time.monotonic(), {}, 0
        self.bar = tqdm(total=steps, initial=first, unit='step', disable=not sys.stderr.isatty(), dynamic_ncols=True)

    def show(self, step, losses):
        """Take in one step's losses: a dict of floats."""
        self.count += 1
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        speed = (step - self.first) / (time.monotonic() - self.start)
        rate = f'{speed * self.batch_size:.2f} images/s'
        if not self.bar.disable:
            self.bar.set_description(f'epoch {int((step - 1) / self.epoch) + 1}', refresh=False)
            self.bar.set_postfix_str('  '.join(f'{n} {v:.3f}' for n, v in losses.items()) + f'  {rate}', refresh=False)
            self.bar.update()
        elif int(step / self.epoch) > int((step - 1) / self.epoch) or step == self.steps:
            left = int((self.steps - step) / speed)
            means = '  '.join(f'{name} {total / self.count:.4f}' for name, total in self.sums.items())
            print(f'epoch {int(step / self.epoch)}  step {step:,}/{self.steps:,}  {means}  {rate}  '
                  f'{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} left', flush=True)
            self.sums, self.count = {}, 0

    def say(self, line):
        """A line of its own, above the bar where there is one."""
        self.bar.write(line) if not self.bar.disable else print(line, flush=True)

    def close(self):
        self.bar.close()

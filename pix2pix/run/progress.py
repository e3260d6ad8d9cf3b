"""What a training run shows while it runs: a bar on a terminal, else one line per epoch."""

import time

from tqdm import tqdm


class Progress:
    """Counts the steps of an Order behind those that were done before."""

    def __init__(self, order, steps_done):
        self.order, self.steps_done = order, steps_done
        self.start, self.sums, self.count = time.monotonic(), {}, 0
        self.bar = tqdm(total=order.steps, initial=steps_done, unit='step', disable=None, dynamic_ncols=True)

    def show(self, step, losses):
        """Take in one step's losses: a dict of floats."""
        self.count += 1
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        speed = (step - self.steps_done) / (time.monotonic() - self.start)
        rate = f'{speed * self.order.batch_size:.2f} images/s'
        steps = self.order.steps
        before, epochs = int(self.order.epoch_of(step - 1)), min(int(self.order.epoch_of(step)), self.order.epochs)
        if not self.bar.disable:
            self.bar.set_description(f'epoch {before + 1}', refresh=False)
            self.bar.set_postfix_str('  '.join(f'{n} {v:.3f}' for n, v in losses.items()) + f'  {rate}', refresh=False)
            self.bar.update()
        elif epochs > before or step == steps:
            left = int((steps - step) / speed)
            means = '  '.join(f'{name} {total / self.count:.4f}' for name, total in self.sums.items())
            print(f'epoch {epochs}  step {step:,}/{steps:,}  {means}  {rate}  '
                  f'{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} left', flush=True)
            self.sums, self.count = {}, 0

    def say(self, line):
        """A line of its own, above the bar where there is one."""
        self.bar.write(line) if not self.bar.disable else print(line, flush=True)

    def close(self):
        self.bar.close()

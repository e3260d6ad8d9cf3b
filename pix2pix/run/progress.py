"""What a training run shows while it runs: a bar on a terminal, else one line per epoch."""

import time

from tqdm import tqdm

TIMED = 5       # steps, behind the first, by which the whole is estimated


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
        self.estimate(step)
        speed = (step - self.steps_done) / (time.monotonic() - self.start)
        rate = f'{speed * self.order.batch_size:.2f} images/s'
        steps = self.order.steps
        before, epochs = int(self.order.epoch_of(step - 1)), self.order.whole_epoch_of(step)
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

    def estimate(self, step):
        """Say about how long the training will take, once a few steps are done: the first takes longer."""
        done = step - self.steps_done
        if done == 1:
            self.first = time.monotonic()
        if done == 1 + TIMED:
            minutes = (self.order.steps - step) * (time.monotonic() - self.first) / TIMED / 60
            if minutes >= 1:
                self.say(f'this will take about {in_words(minutes)}, by the first steps')

    def say(self, line):
        """A line of its own, above the bar where there is one."""
        self.bar.write(line) if not self.bar.disable else print(line, flush=True)

    def close(self):
        self.bar.close()


def in_words(minutes):
    """'5 minutes', '3 hours' or '2 days': the largest unit of which there are two."""
    unit, minutes_each = next(((unit, each) for unit, each in (('days', 1440), ('hours', 60)) if minutes >= 2 * each),
                              ('minutes', 1))
    number = round(minutes / minutes_each)
    return f'{number} {unit}' if number > 1 else 'a minute'

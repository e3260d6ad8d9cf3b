"""What looks wrong in a training, as a line for whoever watches it. Each is said when it begins, and not again."""

import numpy as np

WON = 0.01      # d_loss of a discriminator that is never in doubt; of one that is undecided it is 1.39
ALIKE = 1.0     # levels of 255 by which outputs differ, in the mean, where they hardly do
ADVICE = 'docs/troubleshooting.md says what helps'


class Health:
    """Of a training in the order of an Order, from the step on at which this process begins. `say` takes a line."""

    def __init__(self, order, say):
        self.order, self.say, self.said = order, say, set()
        self.steps, self.highest = 0, 0.0
        self.last, self.between = None, []

    def of_step(self, step, d_loss):
        """Say where the discriminator has won all through the epoch that ends with this step."""
        self.steps, self.highest = self.steps + 1, max(self.highest, d_loss)
        if not self.order.due(step, 1):
            return
        whole, highest = self.steps >= self.order.images // self.order.batch_size, self.highest
        self.steps, self.highest = 0, 0.0
        self.once('won', whole and highest < WON,
                  f'd_loss stayed below {WON} all through epoch {self.order.whole_epoch_of(step)}: the discriminator '
                  'knows every output from its target, and the generator learns little from it')

    def take_in(self, output, target):
        """One of the pictures of a validation, uint8 [H, W, C] both: compared with the one before."""
        if self.last:
            self.between.append([np.abs(np.subtract(now, before, dtype=np.int16)).mean()
                                 for now, before in zip([output, target], self.last)])
        self.last = output, target

    def of_validation(self, step):
        """Say where the outputs that were taken in are all the same, and their targets are not."""
        outputs, targets = np.mean(self.between, axis=0) if self.between else (0.0, 0.0)
        self.last, self.between = None, []
        self.once('alike', outputs < ALIKE and targets > 10 * ALIKE,
                  f'the outputs of the validation after step {step:,} hardly differ from each other: the generator '
                  'does not look at its source')

    def once(self, name, is_so, line):
        """The line, with advice, where it has become so."""
        if is_so and name not in self.said:
            self.say(f'{line}. {ADVICE}')
        self.said = self.said | {name} if is_so else self.said - {name}

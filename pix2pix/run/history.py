"""What the page shows of a run's past. It is thinned as it comes, so it stays as small however long the run gets."""

import collections

POINTS = 400        # of a curve, at most; even
ROWS = 100          # of the table of validations, the newest


class Curve:
    """A series of (epoch, value) as the means of at most POINTS stretches of `averaged` values each.

    When there would be more, each two become one. The last stretch may have fewer values.
    """

    def __init__(self):
        self.averaged, self.sums = 1, []        # of each stretch: how many values, and the sums of epochs and values
        self.lowest = self.highest = None

    def add(self, epoch, value):
        if not self.sums or self.sums[-1][0] == self.averaged:
            if len(self.sums) == POINTS:
                self.sums = [[sum(pair) for pair in zip(*two)] for two in zip(self.sums[::2], self.sums[1::2])]
                self.averaged *= 2
            self.sums.append([0, 0, 0])
        stretch = self.sums[-1]
        stretch[0], stretch[1], stretch[2] = stretch[0] + 1, stretch[1] + epoch, stretch[2] + value
        if self.lowest is None or value < self.lowest[1]:
            self.lowest = epoch, value
        if self.highest is None or value > self.highest[1]:
            self.highest = epoch, value

    def points(self):
        """(epoch, value) of each stretch."""
        return [(epochs / values, total / values) for values, epochs, total in self.sums]


class History:
    """The lines of a run's metrics and the epochs of its sample grids, as far as the page shows them."""

    def __init__(self):
        self.curves, self.last = collections.defaultdict(Curve), None
        self.validations, self.validated = collections.deque(maxlen=ROWS), 0
        self.epochs = []

    def add(self, line):
        """A line of metrics: finite numbers by name."""
        self.last = line
        for name in line.keys() - {'step', 'epoch'} if 'epoch' in line else ():
            self.curves[name].add(float(line['epoch']), float(line[name]))
        if 'val_count' in line:
            self.validations.append(line)
            self.validated += 1

    def add_grid(self, epoch):
        """The sample grid of an epoch; one that is drawn again counts once."""
        if not self.epochs or epoch > self.epochs[-1]:
            self.epochs.append(epoch)

    def grids(self):
        """Epochs, at most POINTS and the newest, at even distances."""
        return [*self.epochs[:-1:max(1, -(-len(self.epochs) // POINTS))], *self.epochs[-1:]]

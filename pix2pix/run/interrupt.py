"""SIGINT and SIGTERM as a request to finish the step and save; a second one ends the process at once, by default."""

import signal


class Interrupt:
    """Within `with`, `received` is the number of the first signal, 0 until one comes."""

    received = 0

    def __init__(self, again=signal.SIG_DFL):
        self.again = again

    def __enter__(self):
        self.before = {number: signal.signal(number, self.note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def note(self, number, frame):
        self.received = number
        for each in self.before:
            signal.signal(each, self.again)

    def __exit__(self, *error):
        for number, handler in self.before.items():
            signal.signal(number, handler)

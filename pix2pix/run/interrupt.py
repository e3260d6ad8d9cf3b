"""What asks a training to finish the step and save: SIGINT, SIGTERM, a closed terminal, output that nobody reads."""

import errno
import os
import signal
import sys


class Interrupt:
    """Within `with`, `received` is the number of the first signal, 0 until one comes.

    A second SIGINT or SIGTERM does what `again` says, by default to end the process at once. SIGHUP comes several times
    when a terminal is closed, so more of it changes nothing. Where it is ignored, as by nohup, it stays so. Output that
    cannot be written any more counts as SIGHUP or SIGPIPE.
    """

    received = 0

    def __init__(self, again=signal.SIG_DFL):
        self.again = again

    def __enter__(self):
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        self.before = {number: signal.signal(number, self.note) for number in numbers}
        self.streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = (Output(stream, self.lose) for stream in self.streams)
        return self

    def note(self, number, frame):
        self.received = self.received or number
        for each in self.before:
            signal.signal(each, signal.SIG_IGN if each == signal.SIGHUP else self.again)

    def lose(self, number):
        self.received = self.received or number

    def __exit__(self, *error):
        if self.received not in Output.SIGNALS.values():        # else what is still said goes nowhere too
            sys.stdout, sys.stderr = self.streams
        for number, handler in self.before.items():
            signal.signal(number, handler)


class Output:
    """A stream of text. When its reader is gone, lose(number of a signal) is called, and what is written is dropped."""

    SIGNALS = {errno.EPIPE: signal.SIGPIPE, errno.EIO: signal.SIGHUP}

    def __init__(self, stream, lose):
        self.stream, self.lose = stream, lose

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def write(self, text):
        self.try_to(self.stream.write, text)
        return len(text)

    def flush(self):
        self.try_to(self.stream.flush)

    def try_to(self, call, *args):
        try:
            call(*args)
        except OSError as error:
            if error.errno not in self.SIGNALS:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())      # else what is left of it makes Python's own end an error
            os.close(nowhere)
            self.lose(self.SIGNALS[error.errno])

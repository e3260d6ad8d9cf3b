import os
import signal

import pytest

from pix2pix.run.interrupt import Interrupt


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_and_the_handlers_come_back(number):
    before = signal.getsignal(number)
    with Interrupt() as interrupt:
        assert interrupt.received == 0
        os.kill(os.getpid(), number)
        assert interrupt.received == number
        assert signal.getsignal(signal.SIGINT) == signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(number) == before


def test_what_a_second_signal_does_can_be_said():
    with Interrupt(again=signal.SIG_IGN) as interrupt:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.received == signal.SIGTERM

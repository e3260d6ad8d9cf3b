import os
import signal
import subprocess
import sys

import pytest

from pix2pix.run.interrupt import Interrupt, Output
from tests.scripts import ROOT


@pytest.fixture(autouse=True)
def heeded():
    """SIGHUP, which nohup lets pytest ignore."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_noted_and_the_handlers_come_back(number):
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before = [signal.getsignal(each) for each in numbers]
    with Interrupt() as interrupt:
        assert interrupt.received == 0
        os.kill(os.getpid(), number)
        assert interrupt.received == number
        assert signal.getsignal(signal.SIGINT) == signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert [signal.getsignal(each) for each in numbers] == before


def test_what_a_second_signal_does_can_be_said():
    with Interrupt(again=signal.SIG_IGN) as interrupt:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.received == signal.SIGTERM


def test_a_closed_terminal_sends_more_than_one_and_the_second_changes_nothing():
    """The system sends one, and the shell passes its own on."""
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        assert interrupt.received == signal.SIGHUP


def test_where_a_closed_terminal_is_ignored_it_stays_so(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)       # as nohup has it
    try:
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert interrupt.received == 0 and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_output_that_nobody_reads_counts_as_a_signal_and_is_no_error():
    code = f'''if True:
        import sys, time
        sys.path.insert(0, {ROOT!r})
        from pix2pix.run.interrupt import Interrupt
        with Interrupt() as interrupt:
            print('begun', flush=True)
            while not interrupt.received:
                print('x' * 1000, flush=True)
            print('more')
        print('at the end')
        sys.exit(interrupt.received)
    '''
    process = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'begun\n'
    process.stdout.close()
    assert process.wait(60) == signal.SIGPIPE and process.stderr.read() == ''


def test_other_errors_of_output_are_errors():
    with open('/dev/full', 'wb', buffering=0) as full, pytest.raises(OSError, match='No space left'):
        Output(full, pytest.fail).write(b'x')


def test_the_streams_come_back():
    before = sys.stdout, sys.stderr
    with Interrupt():
        assert sys.stdout.isatty() == before[0].isatty() and sys.stdout.write('three') == 5
    assert (sys.stdout, sys.stderr) == before

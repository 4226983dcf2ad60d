"""Laws of waiting for a signal: none comes too early, and none is missed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from exporter.daemon import signals


@pytest.fixture(autouse=True)
def blocked() -> Iterator[None]:
    """Block the signals during a test; pending ones are dropped afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    signals.block()
    yield
    while pending := signal.sigpending():
        signal.sigwait(pending)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_wait_ends_it(number: signal.Signals) -> None:
    signal.raise_signal(number)
    signals.wait()


def test_any_thread_can_end_the_wait() -> None:
    ender = threading.Timer(0.1, signals.end)
    ender.start()
    signals.wait()
    ender.join()


def test_a_hangup_ends_the_wait_if_nothing_is_called_for_it() -> None:
    signal.raise_signal(signal.SIGHUP)
    signals.wait()


def test_a_hangup_during_a_call_leads_to_one_more_call_on_this_thread() -> None:
    callers: list[threading.Thread] = []

    def hang_up() -> None:
        callers.append(threading.current_thread())
        for _ in range(1000):
            signal.raise_signal(signal.SIGTERM if len(callers) == 2 else signal.SIGHUP)

    signal.raise_signal(signal.SIGHUP)
    signals.wait(hang_up)
    assert callers == [threading.current_thread()] * 2


def test_hangups_without_pause_are_spaced_and_do_not_delay_the_end() -> None:
    calls: list[None] = []

    def hang_up() -> None:
        calls.append(None)
        signal.raise_signal(signal.SIGHUP)

    ender = threading.Timer(0.2, signals.end)
    ender.start()
    hang_up()
    signals.wait(hang_up)
    ender.join()
    assert len(calls) < 10


def test_a_signal_just_before_the_wait_is_not_lost() -> None:
    """Each process gets a signal as soon as it says that it will wait, while another thread is busy."""
    script = (
        "import threading; from exporter.daemon import signals\n"
        "def spin():\n    while True: pass\n"
        "signals.block()\n"
        "threading.Thread(target=spin, daemon=True).start()\n"
        "print(flush=True)\n"
        "signals.wait()\n"
    )
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            process.terminate()
            assert process.wait(30.0) == 0

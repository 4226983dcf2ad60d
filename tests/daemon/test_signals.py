"""Laws of waiting for a signal: none is too early, and none is missed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from exporter.daemon.signals import Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_wait_ends_it(number: signal.Signals) -> None:
    with Signals() as signals:
        signal.raise_signal(number)
        signals.wait()


def test_a_signal_that_another_thread_is_given_ends_the_wait() -> None:
    with Signals() as signals:
        killer = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
        killer.start()
        signals.wait()
        killer.join()


def test_any_thread_can_end_the_wait() -> None:
    with Signals() as signals:
        ender = threading.Thread(target=signals.end)
        ender.start()
        signals.wait()
        ender.join()


def test_each_hangup_is_told_by_the_wait_and_ends_nothing() -> None:
    told: list[str] = []

    def hang_up() -> None:
        told.append(threading.current_thread().name)
        if len(told) < 3:
            signal.raise_signal(signal.SIGHUP)
        else:
            signals.end()

    with Signals(hang_up) as signals:
        signal.raise_signal(signal.SIGHUP)
        assert told == []
        signals.wait()
    # Of no thread of its own: one may not be had.
    assert told == [threading.current_thread().name] * 3


def test_a_thousand_hangups_that_nobody_has_waited_for_block_nothing() -> None:
    with Signals(lambda: None) as signals:
        for _ in range(1000):
            signal.raise_signal(signal.SIGHUP)
            signals.end()
        signals.wait()


def test_afterwards_everything_is_as_before() -> None:
    def state() -> list[object]:
        wakeup = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(wakeup)
        return [*map(signal.getsignal, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)), wakeup]

    before = state()
    with Signals(lambda: None):
        assert state() != before
    assert state() == before


def test_a_signal_in_the_moment_before_the_wait_blocks_is_not_lost() -> None:
    """Each process is sent one as soon as it says that it is about to wait, with threads that hinder it."""
    script = (
        "import threading; from exporter.daemon.signals import Signals\n"
        "def spin():\n    while True: pass\n"
        "with Signals() as signals:\n"
        "    threading.Thread(target=spin, daemon=True).start()\n"
        "    print(flush=True)\n"
        "    signals.wait()\n"
    )
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            process.terminate()
            assert process.wait(30.0) == 0

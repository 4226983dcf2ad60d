"""Laws of waiting for a signal: none is too early, and none is missed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from exporter.daemon import signals


def kill(number: signal.Signals) -> None:
    """Send a signal from another thread; not to the process, of which a test runner has threads as well."""
    signal.pthread_kill(threading.main_thread().ident or 0, number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_wait_ends_it(number: signal.Signals) -> None:
    with signals.held():
        signal.raise_signal(number)
        signals.wait()


def test_a_signal_while_it_waits_ends_it() -> None:
    with signals.held():
        killer = threading.Timer(0.1, kill, (signal.SIGTERM,))
        killer.start()
        signals.wait()
        killer.join()


def test_any_thread_can_end_the_wait() -> None:
    with signals.held():
        ender = threading.Thread(target=signals.end)
        ender.start()
        signals.wait()
        ender.join()


def test_a_hangup_ends_what_has_no_use_for_it() -> None:
    with signals.held():
        signal.raise_signal(signal.SIGHUP)
        signals.wait()


def test_hangups_are_told_by_the_wait_and_many_within_a_second_are_two() -> None:
    told: list[str] = []

    def hang_up() -> None:
        told.append(threading.current_thread().name)
        if len(told) == 2:
            signals.end()
        for _ in range(1000):
            signal.raise_signal(signal.SIGHUP)

    with signals.held():
        signal.raise_signal(signal.SIGHUP)
        assert told == []
        began = time.monotonic()
        signals.wait(hang_up)
    # Of no thread of its own: one may not be had.
    assert told == [threading.current_thread().name] * 2
    assert time.monotonic() - began > 0.9 * signals.BETWEEN_HANGUPS


def test_an_end_is_not_kept_waiting_by_hangups() -> None:
    with signals.held():
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            signal.raise_signal(number)
        began = time.monotonic()
        signals.wait(lambda: signal.raise_signal(signal.SIGHUP))
    assert time.monotonic() - began < 0.9 * signals.BETWEEN_HANGUPS


def test_what_comes_too_late_is_dropped_and_afterwards_everything_is_as_before() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with signals.held():
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) > before
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_a_signal_in_the_moment_before_the_wait_blocks_is_not_lost() -> None:
    """Each process is sent one as soon as it says that it is about to wait, with threads that hinder it."""
    script = (
        "import threading; from exporter.daemon import signals\n"
        "def spin():\n    while True: pass\n"
        "signals.hold()\n"
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

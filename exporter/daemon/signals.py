"""Waits for signals. They are held back from the start, so that none comes too early and none is missed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_HELD: Final = _ENDING | {signal.SIGHUP, signal.SIGALRM}

BETWEEN_HANGUPS: Final = 1.0
"""Seconds in which further SIGHUPs count as one."""


def hold() -> None:
    """Hold back signals in this thread, and in those it starts, until `wait` takes them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)


@contextmanager
def held() -> Iterator[None]:
    """Hold back signals while this lasts; those left in the end are dropped."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        while left := signal.sigpending() & _HELD:
            signal.sigwait(left)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def wait(on_hangup: Callable[[], object] | None = None) -> None:
    """Return once a signal ends the process, for the main thread.

    SIGHUP calls `on_hangup`, or ends the process as well. The kernel keeps one of many that come at once.
    """
    awaited = set(_HELD)
    while (number := signal.sigwait(awaited)) not in _ENDING:
        if number == signal.SIGALRM:
            awaited.add(signal.SIGHUP)
        elif on_hangup is None:
            return
        else:
            on_hangup()
            awaited.discard(signal.SIGHUP)
            signal.setitimer(signal.ITIMER_REAL, BETWEEN_HANGUPS)


def end() -> None:
    """End the wait; from any thread."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

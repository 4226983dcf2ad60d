"""Waits for signals. They are blocked from the start, so that none comes too early and none is missed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Final

from exporter.clock import SystemClock

_END: Final = {signal.SIGTERM, signal.SIGINT}
_ALL: Final = {*_END, signal.SIGHUP}

BETWEEN_HANGUPS: Final = 1.0
"""Seconds after a SIGHUP during which further ones count as one."""


def block() -> None:
    """Block the signals in this thread and in those it starts later; `wait` receives them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ALL)


def wait(on_hangup: Callable[[], object] | None = None) -> None:
    """Return after SIGTERM or SIGINT; for the main thread, once signals are blocked.

    SIGHUP calls `on_hangup`; without that, it returns as well. SIGHUPs before the next call count as one, and
    a SIGTERM meanwhile is noticed after `BETWEEN_HANGUPS`: macOS has no wait for signals with a limit.
    """
    while signal.sigwait(_ALL) == signal.SIGHUP and on_hangup:
        on_hangup()
        SystemClock().sleep(BETWEEN_HANGUPS)
        if signal.sigpending() & _END:  # sigwait would choose the next SIGHUP, which has a lower number
            return


def end() -> None:
    """End the wait, from any thread."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

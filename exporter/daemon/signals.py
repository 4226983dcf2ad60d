"""Waits for the signal that ends the process."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Self


class Signals:
    """While this lasts, SIGTERM and SIGINT end `wait`, and SIGHUP makes it call `on_hangup`.

    For the main thread.

    Python runs a handler between two steps of the main thread. A signal that comes just before that
    thread blocks, as in an Event, finds it blocked for good. So the wait is on a socket, to which
    Python writes as soon as a signal comes. Afterwards everything is as before.
    """

    def __init__(self, on_hangup: Callable[[], None] | None = None) -> None:
        self._on_hangup = on_hangup
        self._ended = False
        self._hung_up = False

    def __enter__(self) -> Self:
        self._ear, self._mouth = socket.socketpair()
        self._mouth.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)
        handlers = {signal.SIGTERM: self._end, signal.SIGINT: self._end}
        if self._on_hangup:
            handlers[signal.SIGHUP] = self._hang_up
        self._before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._ear.close()
        self._mouth.close()

    def wait(self) -> None:
        """Return once a signal has come that ends the process, or `end` was called."""
        while not self._ended:
            self._ear.recv(64)
            if self._hung_up and self._on_hangup:
                self._hung_up = False
                self._on_hangup()

    def end(self) -> None:
        """End the wait; from any thread."""
        self._ended = True
        with suppress(BlockingIOError):  # full of what will wake it as well
            self._mouth.send(b"\0")

    def _end(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a handler is given both
        self.end()

    def _hang_up(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a handler is given both
        self._hung_up = True

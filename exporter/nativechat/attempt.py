"""Keeps account of one attempt: the time and bytes it may still use, and how far it has come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from exporter.clock import Clock


class TooMuch(Exception):
    """More bytes came than there is room for; says so in words that follow "answered with"."""


class Attempt(threading.local):
    """The attempt that the calling thread makes now.

    A thread makes one at a time, so each sees its own, and a pooled connection counts for whoever
    uses it. `peer` is the host and port dialled, the proxy's where there is one. `dialled` and
    `connected` are about a connection that this attempt itself opened; `answered` says that a byte
    came back; `status` is the answer's, once it has one. While `must_dial`, no pooled connection is used.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.begin(budget=0.0, room=0)

    def begin(self, *, budget: float, room: int) -> None:
        """Start an attempt that may take `budget` seconds and receive `room` bytes."""
        self._started = self._clock.steady()
        self._budget = budget
        self._room = room
        self._listens = False
        self.peer = ""
        self.must_dial = False
        self.dialled = False
        self.connected = False
        self.answered = False
        self.status: int | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the attempt began."""
        return self._clock.steady() - self._started

    @property
    def stage(self) -> str:
        """How far the attempt has come, in words."""
        if self.dialled and not self.connected:
            return f"still connecting to {self.peer}"
        return "the answer is unfinished" if self.answered else "no answer yet"

    def remaining(self) -> float:
        """Return the seconds the next operation may take; raises TimeoutError where none are left."""
        if self._listens:
            return 0.0
        left = self._budget - self.elapsed
        if left <= 0.0:
            raise TimeoutError("the attempt is out of time")
        return left

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Let no operation wait, and account for no bytes: for looking whether anything comes unasked."""
        self._listens = True
        try:
            yield
        finally:
            self._listens = False

    def received(self, size: int) -> None:
        """Account for bytes that came; raises TooMuch where there is no room for them."""
        if self._listens:
            return
        self._room -= size
        self.answered = self.answered or size > 0
        if self._room < 0:
            raise TooMuch("more bytes than it may have")

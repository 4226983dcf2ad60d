"""Tracks one attempt: the time and bytes it may still use, and its progress."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from exporter.clock import Clock
from exporter.errors import BadAnswer


class Attempt(threading.local):
    """The current attempt of the calling thread.

    A thread makes one attempt at a time, so a pooled connection always counts for the thread that uses it.
    `peer` is the host and port of the connection, or of the proxy. `dialled` and `connected` are set if this
    attempt opened the connection itself, `in_handshake` while it waits for TLS, `answered` once a byte of the
    answer has arrived, and `status` once the answer has one. While `must_dial` is set, no pooled connection
    is used.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.begin(budget=0.0, room=0)

    def begin(self, *, budget: float, room: int) -> None:
        """Start an attempt of at most `budget` seconds and `room` received bytes."""
        self._started = self._clock.steady()
        self._budget = budget
        self._room = room
        self._listens = False
        self.peer = ""
        self.must_dial = False
        self.dialled = False
        self.connected = False
        self.in_handshake = False
        self.answered = False
        self.status: int | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the attempt began."""
        return self._clock.steady() - self._started

    @property
    def is_connecting(self) -> bool:
        """Whether this attempt opens a connection that the host or the proxy has not accepted yet."""
        return self.dialled and not self.connected

    @property
    def stage(self) -> str:
        """How far an attempt came that is connected, as text for an error message."""
        if self.in_handshake:
            return "no answer to the TLS handshake yet"
        return "the answer is unfinished" if self.answered else "no answer yet"

    def remaining(self) -> float:
        """Return the seconds that the next operation may take; raises TimeoutError if none are left."""
        if self._listens:
            return 0.0
        left = self._budget - self.elapsed
        if left <= 0.0:
            raise TimeoutError("the attempt is out of time")
        return left

    @contextmanager
    def listening(self) -> Iterator[None]:
        """During the block no operation waits or counts bytes: to check for unexpected data."""
        self._listens = True
        try:
            yield
        finally:
            self._listens = False

    def received(self, size: int) -> None:
        """Count received bytes; raises BadAnswer if they are more than allowed."""
        if self._listens:
            return
        self._room -= size
        self.answered = self.answered or size > 0
        if self._room < 0:
            raise BadAnswer("more bytes than it may have")

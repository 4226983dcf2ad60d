"""Makes connections that are reused only while they are known to be clean."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from queue import LifoQueue
from typing import Any, Final, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from exporter.clock import Clock
from exporter.errors import BadAnswer
from exporter.nativechat.attempt import Attempt
from exporter.nativechat.authorities import Authorities
from exporter.nativechat.response import StrictResponse
from exporter.nativechat.sockets import Option, dial, holds_answer, is_silent
from exporter.nativechat.statuses import BROKEN_HTTP

LONGEST_IDLE: Final = 60.0
"""Seconds after which an idle connection is closed; curl keeps one for 118, aiohttp for 15."""

LONGEST_LIFE: Final = 600.0
"""Seconds after which a connection is not reused, so that a changed address is noticed."""

LISTEN: Final = 0.003
"""Seconds for which a connection must have been silent after a response before it is reused."""


DOUBT: Final = 600.0
"""Seconds for which each request has a connection of its own, after an answer that nobody had asked for."""

LISTEN_IN_DOUBT: Final = 0.25
"""Seconds for which such a connection must be silent after the answer, unless the peer ends it sooner.

At most half of the time that is left of the attempt.
"""

SPARE: Final = 8
"""Connections beyond the concurrency of a bot without a rate, so that one is silent when it is needed."""


@dataclass(slots=True)
class Link:
    """What all connections of one client share. Those opened before `renewed_at` are not reused.

    `on_doubt` is called when a connection that was to be shared by requests has brought an answer that nobody
    had asked for: the ones before it may have been those of other requests, and so may those over others.
    """

    attempt: Attempt
    clock: Clock
    authorities: Authorities
    options: list[Option]
    on_doubt: Callable[[], None] = lambda: None
    renewed_at: float = float("-inf")
    doubted_until: float = float("-inf")

    @property
    def in_doubt(self) -> bool:
        """Whether each request must have a connection of its own."""
        return self.clock.steady() < self.doubted_until


class _Kept(HTTPConnection):
    """A connection that must not be reused says that it is not connected, so that urllib3 closes it."""

    link: Link

    def _new_conn(self) -> socket.socket:
        self._opened_at = self._ended_at = self.link.clock.steady()
        self._is_shared, self._has_answered = not self.link.in_doubt, False
        try:
            options = [*(self.socket_options or ()), *self.link.options]
            return dial(self.link.attempt, self._dns_host, self.port, options)
        except OSError as exc:
            # urllib3 would take a plain reset for one after the answer, and continue without a socket.
            raise NewConnectionError(self, "no connection") from exc

    def response_class(  # type: ignore[override]
        self, sock: socket.socket, method: str | None = None
    ) -> StrictResponse:
        """Return a response that reads from `sock`; http.client calls this method like a class."""
        return StrictResponse(sock, method, self.link.attempt, self._listens, self._ended)

    def _listens(self) -> float:
        return min(LISTEN_IN_DOUBT, self.link.attempt.remaining() / 2) if self.link.in_doubt else 0.0

    def _ended(self, clean: bool, unasked: bool) -> None:
        self._ended_at = self.link.clock.steady()
        if unasked:
            self._doubt()
        if not clean or not self._is_shared:
            self.close()
        if self._has_answered and self.link.in_doubt and not unasked:
            raise BadAnswer("what may be the answer to an earlier request", advice=BROKEN_HTTP)
        self._has_answered = True

    def _doubt(self) -> None:
        self.link.doubted_until = self.link.clock.steady() + DOUBT
        if self._has_answered:
            self.link.on_doubt()

    @property
    def is_connected(self) -> bool:
        """Whether another request may be sent; waits until the connection has been silent for `LISTEN`."""
        return not self.link.attempt.must_dial and self.is_clean(LISTEN)

    @property
    def was_silent(self) -> bool:
        """Whether its last response is long enough ago."""
        return self.link.clock.steady() - self._ended_at >= LISTEN

    def is_clean(self, silence: float = 0.0) -> bool:
        """Return whether it may be used again: it is open, and was silent for `silence` seconds."""
        if self.sock is None:
            return False
        now = self.link.clock.steady()
        idle = now - self._ended_at
        if not is_silent(self.sock, silence - idle):
            with self.link.attempt.listening():
                unasked = holds_answer(self.sock)
            if unasked:
                self.close()
                self._doubt()
            return False
        is_young = idle < LONGEST_IDLE and now - self._opened_at < LONGEST_LIFE
        return is_young and self._opened_at >= self.link.renewed_at and not self.link.in_doubt


class _KeptTls(_Kept, HTTPSConnection):
    """The same over TLS, with the certificates of the moment when it connects."""

    def connect(self) -> None:
        self.ssl_context = context = self.link.authorities.context()
        if self.proxy_config is not None:
            self.proxy_config = self.proxy_config._replace(ssl_context=context)
        super().connect()


class _Idle(LifoQueue[_Kept | None]):
    """What urllib3 takes connections from: None stands for one that is still to be made.

    The one that was used last comes first, so that those nobody needs get old. One that has not been silent
    for long enough is left for later if another one can be had without waiting. `makes_more` says whether one
    may be made for that alone; otherwise that happens only while others are in use. Then, too, the one that
    has been silent for the longest time comes first: requests follow each other fast.
    """

    makes_more = False

    def _get(self) -> _Kept | None:
        if not self.makes_more and self._qsize() == self.maxsize:
            return self.queue.pop()
        positions = range(len(self.queue)) if self.makes_more else reversed(range(len(self.queue)))
        silent = (at for at in positions if (kept := self.queue[at]) is not None and kept.was_silent)
        position = next(silent, None)
        if position is None:
            position = self.queue.index(None) if None in self.queue else -1
        return self.queue.pop(position)


def pool_size(concurrency: int, rate: float | None) -> int:
    """Return how many connections to keep: one for each request at once, and some to take turns with.

    Without a `rate`, requests may follow each other faster than `LISTEN`: then there are more to choose from.
    """
    return concurrency + (concurrency // 8 if rate else SPARE)


def pool_classes(link: Link, *, makes_more: bool) -> dict[str, type[HTTPConnectionPool]]:
    """Return the classes, by scheme, of pools whose connections belong to `link`."""
    idle = cast("Any", type("Idle", (_Idle,), {"makes_more": makes_more}))

    class Plain(HTTPConnectionPool):
        QueueCls = idle
        ConnectionCls = cast("Any", type("Kept", (_Kept,), {"link": link}))

    class Tls(HTTPSConnectionPool):
        QueueCls = idle
        ConnectionCls = cast("Any", type("KeptTls", (_KeptTls,), {"link": link}))

    return {"http": Plain, "https": Tls}

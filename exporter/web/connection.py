"""Bounds what one client can hold: each connection has deadlines, and all of them share one door."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

from exporter.web.asgi import App
from exporter.web.protocol import Http

_Waiting = Literal["headers", "another request", "reading"]

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER's value for a close that resets the connection."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take; times in seconds, sizes in bytes.

    `idle_time` outlasts the usual scrape intervals, so that each Prometheus keeps its one connection.
    TLS connections are fewer, as asyncio spends 256 KiB on each.
    """

    connections: int = 512
    tls_connections: int = 128
    unread_answers: int = 32
    header_size: int = 16 * 1024
    header_time: float = 10.0
    idle_time: float = 90.0
    reading_time: float = 20.0
    closing_time: float = 2.0


class Door:
    """Keep count of the open connections; when there are too many, drop the ones that wait longest.

    A newcomer is let in rather than refused: a client that never finishes its request holds a place
    only until another wants it. Belongs to one event loop.
    """

    def __init__(self, limits: Limits, *, tls: bool) -> None:
        self.limits = limits
        self._places = limits.tls_connections if tls else limits.connections
        self.inside: set[Connection] = set()
        # Dictionaries, as sets in the order of arrival: the first has waited longest.
        self._asking: dict[Connection, None] = {}
        self._reading: dict[Connection, None] = {}
        self._when_empty: Callable[[], None] | None = None

    def enter(self, newcomer: Connection) -> None:
        """Let a connection in, at the cost of another one where there is no place left."""
        if self._when_empty:
            newcomer.abort()
        elif len(self.inside) >= self._places:
            next(iter(self._asking or self._reading or (newcomer,))).abort()
        self.inside.add(newcomer)
        self.asks(newcomer)

    def leave(self, connection: Connection) -> None:
        """Forget a connection; a second time changes nothing."""
        self.inside.discard(connection)
        self._asking.pop(connection, None)
        self._reading.pop(connection, None)
        if self._when_empty and not self.inside:
            self._when_empty()

    def asks(self, connection: Connection) -> None:
        """Note that a connection has no complete request: it may be dropped for a newcomer."""
        self._asking.setdefault(connection)

    def is_served(self, connection: Connection) -> None:
        """Note that a connection's request is complete, so that it is worth its place."""
        self._asking.pop(connection, None)

    def reads(self, connection: Connection) -> None:
        """Note that a client has yet to read its answer; the slowest go when too many do."""
        self._reading.setdefault(connection)
        for slowest in tuple(self._reading):
            if not slowest.unread:
                del self._reading[slowest]
            elif len(self._reading) > self.limits.unread_answers:
                slowest.abort()

    def has_read(self, connection: Connection) -> None:
        """Note that a client has read all that was written: it is not slow."""
        self._reading.pop(connection, None)

    def close(self, when_empty: Callable[[], None]) -> None:
        """Send everybody home: those being served after their answer; then call `when_empty`."""
        self._when_empty = when_empty
        for connection in tuple(self.inside):
            connection.shutdown()
        if not self.inside:
            when_empty()


class Connection(Http):
    """One client: HTTP/1.1, with a deadline for TLS and headers, one for reading answers, one for idling.

    TLS starts here rather than in `loop.create_server`, where a silent client would be out of reach.
    """

    def __init__(self, app: App, door: Door, tls: ssl.SSLContext | None) -> None:
        super().__init__(app, door.limits.header_size)
        self._door = door
        self._tls = tls
        self._wire: asyncio.Transport
        self._handshake: asyncio.Task[None] | None = None
        self._early = bytearray()
        self._timers: dict[_Waiting, asyncio.TimerHandle] = {}

    @property
    def unread(self) -> bool:
        """Whether bytes of an answer still wait for the client to take them."""
        below = self._wire.get_write_buffer_size()
        return below > 0 or (self._tls is not None and self.transport.get_write_buffer_size() > 0)

    def abort(self) -> None:
        """Drop the connection now, and all that is unsent, in the kernel too."""
        with suppress(OSError):
            self._wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._wire.abort()
        self._gone()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._wire = transport
        self._door.enter(self)
        self._wait_for("headers", self._door.limits.header_time, self.abort)
        if self._tls is None:
            super().connection_made(transport)
        else:
            self._handshake = self.loop.create_task(self._secure(self._tls))

    async def _secure(self, tls: ssl.SSLContext) -> None:
        limits = self._door.limits
        if self._wire.is_closing():
            return
        try:
            upgraded = await self.loop.start_tls(
                self._wire,
                self,
                tls,
                server_side=True,
                ssl_handshake_timeout=limits.header_time,
                ssl_shutdown_timeout=limits.closing_time,
            )
        except OSError:
            self.abort()
            return
        if upgraded is None or self._wire.is_closing():
            (upgraded or self._wire).abort()
            self._gone()
            return
        super().connection_made(upgraded)
        if self._early:
            self.data_received(bytes(self._early))

    def data_received(self, data: bytes) -> None:
        if not self.is_open:
            # A client may send its request along with the last message of its handshake.
            self._early += data
            return
        self._wait_no_more_for("another request")
        if not self.unread:  # the answer before has been read, and the next one has time of its own
            self._wait_no_more_for("reading")
            self._door.has_read(self)
        super().data_received(data)
        self._mark()

    def answered(self) -> None:
        self._wait_for("another request", self._door.limits.idle_time, self.transport.close)
        super().answered()
        self._mark()
        if self.unread:
            self._door.reads(self)
            self._wait_for("reading", self._door.limits.reading_time, self._end_of_reading)

    def shutdown(self) -> None:
        """Close when the answer under way is sent; at once where there is none."""
        if self.is_open:
            super().shutdown()
        else:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()
        super().connection_lost(exc)

    def _mark(self) -> None:
        if self.is_answering:
            self._door.is_served(self)
            self._wait_no_more_for("headers", "another request")
            return
        self._door.asks(self)
        if "another request" not in self._timers:
            self._wait_for("headers", self._door.limits.header_time, self.abort)

    def _end_of_reading(self) -> None:
        self._wait_no_more_for("reading")
        if self.unread or self.transport.is_closing():
            self.abort()

    def _gone(self) -> None:
        self._door.leave(self)
        self._wait_no_more_for(*self._timers)

    def _wait_for(self, what: _Waiting, seconds: float, else_: Callable[[], None]) -> None:
        """Call `else_` after so many seconds, unless that is under way or it comes before."""
        if what not in self._timers:
            self._timers[what] = self.loop.call_later(seconds, else_)

    def _wait_no_more_for(self, *whats: _Waiting) -> None:
        for what in whats:
            if timer := self._timers.pop(what, None):
                timer.cancel()

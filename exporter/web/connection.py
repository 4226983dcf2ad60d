"""Serves clients over tornado's HTTP/1.1, and bounds what they can hold."""

from __future__ import annotations

import asyncio
import logging
import select
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from http.client import responses
from itertools import chain
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from tornado.http1connection import HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    ResponseStartLine,
)
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError, UnsatisfiableReadError

from exporter.handler import Handler, Request, Response, text

Tls: TypeAlias = Callable[[], ssl.SSLContext]
"""Gives the context for a new connection."""

CHUNK: Final = 16 * 1024
"""Bytes read at once, and the longest body that is copied behind its headers, to be sent in one packet."""

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER's value for a close that resets the connection, and frees what is unsent in the kernel."""

_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take; times in seconds, sizes in bytes.

    `idle_time` outlasts the usual scrape intervals, so that each Prometheus keeps its one connection. A TLS
    connection takes some 50 kB. `unread_bytes` bounds the responses that clients have yet to read; those who
    are sent the same one share it.
    """

    connections: int = 512
    tls_connections: int = 256
    unread_responses: int = 32
    unread_bytes: int = 24 << 20
    header_size: int = 16 * 1024
    body_size: int = 64 * 1024
    header_time: float = 10.0
    idle_time: float = 90.0
    reading_time: float = 20.0


class Connections:
    """The open connections; where there are too many, the one goes that has waited longest.

    First go `silent` ones beyond an eighth of the limit, then those `asking` (amid a handshake or a request),
    then those that have `unread` bytes of a response. One that is `answered` stays. Silent ones push out
    silent ones only. Belongs to one event loop.
    """

    def __init__(self, handler: Handler, limits: Limits, tls: Tls | None, *, reads_bodies: bool) -> None:
        self.handler, self.limits, self.tls, self.reads_bodies = handler, limits, tls, reads_bodies
        self.parameters = HTTP1ConnectionParameters(
            chunk_size=CHUNK,
            max_header_size=limits.header_size,
            max_body_size=limits.body_size,
        )
        # Each in the order of arrival; the values are what is unread.
        self.silent: dict[Connection, bytes] = {}
        self.asking: dict[Connection, bytes] = {}
        self.answered: dict[Connection, bytes] = {}
        self.unread: dict[Connection, bytes] = {}
        self._groups = (self.silent, self.asking, self.answered, self.unread)
        self.closed: asyncio.Event | None = None

    @property
    def open(self) -> list[Connection]:
        """All of them."""
        return list(chain(*self._groups))

    def move(self, client: Connection, to: dict[Connection, bytes] | None, body: bytes = b"") -> None:
        """Note what a client does now, None where it has left; close another one if that is too much."""
        for group in self._groups:
            group.pop(client, None)
        if to is not None:
            to[client] = body
            self._make_room(client)
        elif self.closed and not any(self._groups):
            self.closed.set()

    def _make_room(self, client: Connection) -> None:
        most = self.limits.tls_connections if self.tls else self.limits.connections
        total, silent = sum(map(len, self._groups)), len(self.silent)
        if total > most and silent > max(1, most // 8):
            next(iter(self.silent)).abort()
        elif total - silent > most:
            others = (other for other in chain(self.asking, self.unread) if other is not client)
            next(others, client).abort()
        while len(self.unread) > self.limits.unread_responses or self._is_too_much():
            oldest = next(iter(self.unread.values()))
            for slow in [slow for slow, body in self.unread.items() if body is oldest]:
                slow.abort()
                if not self._is_too_much():
                    break

    def _is_too_much(self) -> bool:
        sizes = {id(body): len(body) for body in self.unread.values()}
        return len(sizes) > 1 and sum(sizes.values()) > self.limits.unread_bytes

    async def close(self) -> None:
        """Close idle connections now, busy ones after their response; return when all are closed."""
        self.closed = asyncio.Event()
        for client in (*self.silent, *self.asking):
            client.abort()
        if self.open:
            await self.closed.wait()


class Connection(HTTPServerConnectionDelegate, HTTPMessageDelegate):
    """One client, whose requests are answered in turn, with a deadline for whatever it is to do next.

    tornado gets the connection with its first bytes: a silent client costs a socket, and no more.
    """

    def __init__(self, all_: Connections, plain: socket.socket, address: str) -> None:
        self._all, self._plain, self._address = all_, plain, address
        self._loop = asyncio.get_running_loop()
        self._stream: _Stream | None = None
        self._context: ssl.SSLContext | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_early = False  # whether the next request has begun before the response was sent
        plain.setblocking(False)
        self._loop.add_reader(plain, self._begin)
        self._expect(all_.limits.header_time)
        all_.move(self, all_.silent)

    def _begin(self) -> None:
        self._loop.remove_reader(self._plain)
        kind, wire, context = _Stream, self._plain, self._all.tls and self._all.tls()
        try:
            if context:
                kind = _TlsStream
                wire = context.wrap_socket(self._plain, server_side=True, do_handshake_on_connect=False)
            self._stream = kind(wire, self, max_buffer_size=8 * CHUNK, read_chunk_size=CHUNK)
        except OSError:  # it has hung up already
            self.abort()
            return
        self._context = context
        self._all.move(self, self._all.asking)
        if not self._stream.closed():
            HTTP1ServerConnection(self._stream, self._all.parameters).start_serving(self)

    def abort(self) -> None:
        """Reset the connection."""
        if self._stream is None:
            self._loop.remove_reader(self._plain)
            self._plain.close()
            self.left()
        elif not self._stream.closed():
            self._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._stream.close()

    def _expect(self, seconds: float | None) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self.abort)

    # The stream tells

    def heard(self) -> None:
        """Note that bytes have come."""
        self._is_early = self in self._all.answered
        if self in self._all.silent:
            self._expect(self._all.limits.header_time)
            self._all.move(self, self._all.asking)

    def said_all(self) -> bool:
        """Note that nothing more will come; tell whether a response is owed, which has a deadline then."""
        is_owed = self in self._all.answered or self in self._all.unread
        if is_owed:
            self._expect(self._all.limits.reading_time)
        return is_owed

    def left(self) -> None:
        """Note that the connection is closed."""
        self._expect(None)
        self._all.move(self, None)
        if self._task:
            self._task.cancel()

    # tornado tells

    def start_request(self, _server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        if self._task and not request_conn.stream.closed():  # the response before is sent
            self._task = None
            limits = self._all.limits
            self._expect(limits.header_time if self._is_early else limits.idle_time)
            self._all.move(self, self._all.asking if self._is_early else self._all.silent)
            if self._all.closed:
                request_conn.stream.close()
        self._http, self._body = request_conn, bytearray()
        return self

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> None:
        self._line, self._headers = start_line, headers

    def data_received(self, chunk: bytes) -> None:
        if self._all.reads_bodies:
            self._body += chunk

    def finish(self) -> None:
        """Answer the request; not where a client would have to show its certificate anew."""
        newest = self._all.tls and self._all.tls()
        if newest and newest is not self._context and newest.verify_mode is not ssl.CERT_NONE:
            self._http.stream.close()
        if not self._http.stream.closed():
            self._expect(None)
            self._all.move(self, self._all.answered)
            self._task = self._loop.create_task(self._respond())

    # The response

    async def _respond(self) -> None:
        target = self._line.path
        if not target.startswith("/"):  # http://host/path, as proxies are asked
            target = "/" + target.partition("://")[2].partition("/")[2]
        path, _, query = target.partition("?")
        request = Request(
            method=self._line.method,
            path=unquote(path),
            query=query,
            headers=self._headers,
            client=self._address,
            body=bytes(self._body),
            stream=self._http.stream,
            is_open=self._is_open,
        )
        hosts = len(self._headers.get_list("Host"))
        try:
            if hosts == 1 or (hosts == 0 and self._line.version == "HTTP/1.0"):
                response = await self._all.handler(request)
            else:
                response = text(400, "there must be one Host header")
            if response is None:
                request.stream.close()
            else:
                self._write(response)
        except StreamClosedError:
            pass
        except Exception:  # noqa: BLE001 - the client is told, and the next one is served
            _log.exception("internal error in a response; please report it")
            self._write(text(500, "the server failed to answer"))

    def _is_open(self) -> bool:
        """Tell whether the client still waits, as far as the system knows."""
        poll = select.poll()
        if self._stream and not self._stream.closed():
            poll.register(self._stream.socket, 0)  # POLLERR and POLLHUP are always looked for
            return not poll.poll(0)
        return False

    def _write(self, response: Response) -> None:
        headers = HTTPHeaders({"Date": formatdate(usegmt=True)})
        for name, value in response.headers:
            headers.add(name, value)
        if response.status != 204:
            headers["Content-Length"] = str(len(response.body))
        body = b"" if self._line.method == "HEAD" else response.body
        line = ResponseStartLine("HTTP/1.1", response.status, responses.get(response.status, ""))
        fits = len(body) <= CHUNK
        self._http.write_headers(line, headers, body if fits else None)
        if not fits:  # never copied: a big page is the same bytes for all who ask for it
            self._http.write(body)
        self._http.finish()
        if self._http.stream.writing():
            self._expect(self._all.limits.reading_time)
            self._all.move(self, self._all.unread, body)


class _Stream(IOStream):
    """Tells its connection when bytes come, and when it is closed."""

    def __init__(self, wire: socket.socket, client: Connection, **limits: int) -> None:
        self._client = client
        self._has_ended = False
        super().__init__(wire, **limits)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        count = super().read_from_fd(buf)
        if count:
            self._client.heard()
        elif count == 0 and self._client.said_all():
            # tornado would close the connection of a client that has said all it will. An empty line before a
            # next request means nothing, and has tornado look for no more until the response is sent.
            buf[:1] = b"\n"
            count, self._has_ended = (None if self._has_ended else 1), True
        return count

    def close(self, exc_info: Any = False) -> None:
        if isinstance(exc_info, UnsatisfiableReadError) and not self.closed():
            with suppress(OSError):
                self.socket.send(_TOO_LARGE)
        if isinstance(exc_info, BaseException):
            exc_info.__traceback__ = None  # it would make a cycle of which the response is a part
        super().close(exc_info)

    def close_fd(self) -> None:
        super().close_fd()
        self._client.left()


class _TlsStream(_Stream, SSLIOStream):
    """The same over TLS."""

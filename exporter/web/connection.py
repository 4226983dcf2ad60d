"""Serves clients through tornado's HTTP/1.1, and limits what they can hold."""

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
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, HTTPServerConnectionDelegate, ResponseStartLine
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError, UnsatisfiableReadError

from exporter.handler import Handler, Request, Response, text

Tls: TypeAlias = Callable[[], ssl.SSLContext]
"""Returns the context for a new connection."""

CHUNK: Final = 16 * 1024
"""Bytes read at once. A body up to this size is copied behind its headers, so that both go in one packet."""

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER's value for a close that resets the connection, and frees unsent bytes in the kernel."""

_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on clients; times in seconds, sizes in bytes.

    A client has `idle_time` to send the headers of a request, as much again for the body, and `reading_time`
    to read a response. `idle_time` is longer than the usual scrape intervals, so that each Prometheus keeps
    its one connection. A TLS connection takes some 50 kB. `unread_bytes` limits the responses that clients
    have yet to read; clients that are sent the same response share it.
    """

    connections: int = 512
    tls_connections: int = 256
    unread_responses: int = 32
    unread_bytes: int = 24 << 20
    header_size: int = 16 * 1024
    body_size: int = 64 * 1024
    idle_time: float = 90.0
    reading_time: float = 20.0


class Connections:
    """The open connections by what they do. Where there are too many, the oldest is closed.

    `idle` ones send nothing. They may be an eighth of the limit, in addition to it, so they push out only
    each other. `receiving` ones are amid a handshake or a request; they are closed before `sending` ones,
    whose clients have yet to read a response. `handling` ones are never closed. Belongs to one event loop.
    """

    def __init__(self, handler: Handler, limits: Limits, tls: Tls | None, *, reads_bodies: bool) -> None:
        self.handler, self.limits, self.tls, self.reads_bodies = handler, limits, tls, reads_bodies
        self.parameters = HTTP1ConnectionParameters(
            chunk_size=CHUNK,
            max_header_size=limits.header_size,
            max_body_size=limits.body_size,
            header_timeout=limits.idle_time,
            body_timeout=limits.idle_time,
        )
        # Each in order of arrival; the values are the bodies that are unread.
        self.idle: dict[Connection, bytes] = {}
        self.receiving: dict[Connection, bytes] = {}
        self.handling: dict[Connection, bytes] = {}
        self.sending: dict[Connection, bytes] = {}
        self._busy = (self.receiving, self.sending, self.handling)
        self.closed: asyncio.Event | None = None

    @property
    def open(self) -> list[Connection]:
        """All open connections."""
        return list(chain(self.idle, *self._busy))

    def move(self, client: Connection, to: dict[Connection, bytes] | None, body: bytes = b"") -> None:
        """Record what a connection does now, None if it is closed; close others if there are too many."""
        for group in (self.idle, *self._busy):
            group.pop(client, None)
        if to is not None:
            to[client] = body
            self._make_room(client)
        elif self.closed and not self.open:
            self.closed.set()

    def _make_room(self, client: Connection) -> None:
        most = self.limits.tls_connections if self.tls else self.limits.connections
        if len(self.idle) > max(1, most // 8):
            next(iter(self.idle)).abort()
        if sum(map(len, self._busy)) > most:
            others = (other for other in chain(self.receiving, self.sending) if other is not client)
            next(others, client).abort()
        while len(self.sending) > self.limits.unread_responses or self._is_too_much():
            next(iter(self.sending)).abort()

    def _is_too_much(self) -> bool:
        sizes = {id(body): len(body) for body in self.sending.values()}
        return len(sizes) > 1 and sum(sizes.values()) > self.limits.unread_bytes

    async def close(self) -> None:
        """Close idle connections now, busy ones after their response; return when all are closed."""
        self.closed = asyncio.Event()
        for client in (*self.idle, *self.receiving):
            client.abort()
        if self.open:
            await self.closed.wait()


class Connection(HTTPServerConnectionDelegate, HTTPMessageDelegate):
    """One client, whose requests are handled one after the other.

    tornado gets the connection with its first bytes, so a client that sends nothing costs only a socket.
    """

    def __init__(self, all_: Connections, plain: socket.socket, address: str) -> None:
        self._all, self._plain, self._address = all_, plain, address
        self._loop = asyncio.get_running_loop()
        self._stream: _Stream | None = None
        self._context: ssl.SSLContext | None = None
        self._task: asyncio.Task[None] | None = None
        plain.setblocking(False)
        self._loop.add_reader(plain, self._begin)
        self._timer = self._loop.call_later(all_.limits.idle_time, self.abort)
        all_.move(self, all_.idle)

    def _begin(self) -> None:
        self._timer.cancel()
        self._loop.remove_reader(self._plain)
        kind, wire, context = _Stream, self._plain, self._all.tls and self._all.tls()
        try:
            if context:
                kind = _TlsStream
                wire = context.wrap_socket(self._plain, server_side=True, do_handshake_on_connect=False)
            self._stream = kind(wire, max_buffer_size=8 * CHUNK, read_chunk_size=CHUNK)
        except OSError:  # it has hung up already
            self.abort()
            return
        self._context = context
        self._all.move(self, self._all.receiving)
        if not self._stream.closed():
            HTTP1ServerConnection(self._stream, self._all.parameters).start_serving(self)

    def abort(self) -> None:
        """Reset the connection."""
        if self._stream is None:
            self._loop.remove_reader(self._plain)
            self._plain.close()
        elif not self._stream.closed():
            self._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._stream.close()
        self.on_close()

    # tornado calls the methods from here to `finish`.

    def on_close(self, _server_conn: object = None) -> None:
        self._timer.cancel()
        self._all.move(self, None)
        if self._task:
            self._task.cancel()

    def start_request(self, _server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        if self._task and not request_conn.stream.closed():  # the previous response is sent
            self._task = None
            self._timer.cancel()
            self._all.move(self, self._all.idle)
            if self._all.closed:
                request_conn.stream.close()
        self._http, self._body = request_conn, bytearray()
        return self

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> None:
        self._line, self._headers = start_line, headers
        self._all.move(self, self._all.receiving)

    def data_received(self, chunk: bytes) -> None:
        if self._all.reads_bodies:
            self._body += chunk

    def finish(self) -> None:
        """Handle the request, unless the client must show its certificate again, to a newer context."""
        newest = self._all.tls and self._all.tls()
        if newest and newest is not self._context and newest.verify_mode is not ssl.CERT_NONE:
            self._http.stream.close()
        if not self._http.stream.closed():
            self._all.move(self, self._all.handling)
            self._task = self._loop.create_task(self._respond())

    async def _respond(self) -> None:
        target = self._line.path
        if not target.startswith("/"):  # proxies are sent http://host/path
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
        # The system knows that a client has hung up before the event loop does.
        poll = select.poll()
        with suppress(TypeError, ValueError):  # closed just now
            poll.register(self._http.stream.socket, 0)  # POLLERR and POLLHUP are always looked for
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
        if not fits:  # never copied: all who ask for a big page share its bytes
            self._http.write(body)
        self._http.finish()
        if self._http.stream.writing():
            self._timer = self._loop.call_later(self._all.limits.reading_time, self.abort)
            self._all.move(self, self._all.sending, body)


class _Stream(IOStream):
    """Serves half-closed clients, answers headers that are too large, and makes no reference cycle."""

    _has_ended = False

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        count = super().read_from_fd(buf)
        if count == 0 and not self.reading():
            # A response is due, but the client will send no more, and so tornado would close the connection.
            # An empty line means nothing there, and tornado reads no more before it has used it.
            buf[:1] = b"\n"
            count, self._has_ended = (None if self._has_ended else 1), True
        return count

    def close(self, exc_info: Any = False) -> None:
        if isinstance(exc_info, UnsatisfiableReadError) and not self.closed():
            with suppress(OSError):
                self.socket.send(_TOO_LARGE)
        if isinstance(exc_info, BaseException):
            exc_info.__traceback__ = None  # it would make a cycle that holds the response
        super().close(exc_info)


class _TlsStream(_Stream, SSLIOStream):
    """The same over TLS."""

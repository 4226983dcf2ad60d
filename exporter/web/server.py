"""Serves a handler on listening sockets, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

from exporter.errors import ExporterError
from exporter.handler import Handler
from exporter.logs import fields
from exporter.web.address import parse_address
from exporter.web.connection import Connection, Connections, Limits, Tls

BACKLOG: Final = 512
"""Connections that the kernel holds while the event loop is busy."""

_GRACE: Final = 0.75
"""The part of the time to stop in which open requests may end. In the rest, those left are closed."""

SEND_BUFFER: Final = 128 * 1024
"""Bytes of a response that the kernel holds for a client (it doubles this). Its default is megabytes."""

_PAUSE: Final = 1.0
"""Seconds before the next connection is accepted after the system has refused a descriptor."""

_EVERY_IPV4: Final = "0.0.0.0"  # noqa: S104 - an address without a host means every interface

_log = logging.getLogger(__name__)


class ListenError(ExporterError):
    """The server cannot listen on an address: it is in use, unknown, or that of another machine."""


def listen(address: str) -> socket.socket:
    """Return a socket bound to an address in Prometheus's form; raises AddressError or ListenError.

    ":10054" is every interface, over IPv4 and IPv6 if the machine has both. "127.0.0.1:0" takes a free port.
    A host may be a name, or an IPv6 address in brackets. The server accepts the connections.
    """
    host, port = parse_address(address)
    try:
        both = not host and socket.has_dualstack_ipv6()
        family, where = socket.AF_INET6, ""
        if not both:
            family, _, _, _, found = socket.getaddrinfo(host or _EVERY_IPV4, port, type=socket.SOCK_STREAM)[0]
            where = str(found[0])
        return socket.create_server((where, port), family=family, dualstack_ipv6=both, backlog=BACKLOG)
    except (socket.gaierror, UnicodeError) as error:
        raise ListenError(
            f"cannot listen on {address!r}: no host is called {host!r} (check the name)"
        ) from error
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        advice = "choose another address or port with --web.listen-address"
        raise ListenError(f"cannot listen on {address!r}: {reason} ({advice})") from error


def address_of(listener: socket.socket) -> str:
    """Return where a socket listens, as "127.0.0.1:10054" or "[::]:10054"."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _log_error(error: BaseException) -> None:
    _log.error("internal error in the web server, which ended; please report it", exc_info=error)


class Server:
    """Serve `handler` on `listeners`, which become the server's, until stopped.

    One event loop runs in one daemon thread called `name`. `tls` returns the context for a new connection.
    If the loop ends before `stop`, that thread calls `on_error` with the reason.
    """

    def __init__(
        self,
        handler: Handler,
        listeners: Sequence[socket.socket],
        *,
        name: str,
        tls: Tls | None = None,
        on_error: Callable[[BaseException], None] = _log_error,
        limits: Limits | None = None,
        reads_bodies: bool = False,
    ) -> None:
        self._connections = Connections(handler, limits or Limits(), tls, reads_bodies=reads_bodies)
        self._listeners = tuple(listeners)
        self._on_error = on_error
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._runner = asyncio.Runner()
        self._stop = Future[float]()
        self._refused = False

    @property
    def alive(self) -> bool:
        """Whether the server's thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Accept connections from now on, or raise OSError if a listener is closed."""
        for listener in self._listeners:
            listener.setblocking(False)
            # Accepted connections inherit it.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            self._listen(listener)
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Accept no more, let open requests end, and return within `timeout` seconds."""
        if not self._stop.done():
            self._stop.set_result(timeout * _GRACE)
        if self._thread.ident:
            self._thread.join(timeout)
        if not self._thread.is_alive():
            self._runner.close()
            for listener in self._listeners:
                listener.close()

    def _run(self) -> None:
        try:
            self._runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - the last frame of the thread: `on_error` reports it
            self._on_error(error)

    async def _serve(self) -> None:
        try:
            grace = await asyncio.wrap_future(self._stop)
            for listener in self._listeners:
                self._runner.get_loop().remove_reader(listener)
                listener.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._connections.close(), grace)
        finally:
            for connection in self._connections.open:
                connection.abort()

    def _listen(self, listener: socket.socket) -> None:
        if not self._stop.done():
            self._runner.get_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        # One in each round of the event loop: its bytes are read before further connections can close it.
        try:
            plain, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            if not self._refused:
                advice = "raise the limit of open files"
                _log.warning("connections cannot be accepted", extra=fields(error=error, advice=advice))
            self._refused = True
            # Without this pause, the event loop would try again without end.
            self._runner.get_loop().remove_reader(listener)
            self._runner.get_loop().call_later(_PAUSE, self._listen, listener)
        else:
            if self._refused:
                _log.info("connections are accepted again")
            self._refused = False
            Connection(self._connections, plain, address[0])

"""Serves an ASGI application on listening sockets, from a thread of its own that never outstays its stop."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from exporter.errors import ExporterError, WrongUsage
from exporter.web.asgi import App
from exporter.web.connection import Connection, Door, Limits

BACKLOG: Final = 512
"""Connections the kernel holds for us while the event loop is busy."""

START_TIME: Final = 10.0
"""Seconds within which a server accepts connections, or has failed to start."""

_GRACE: Final = 0.75
"""The share of the time to stop that open requests get; the rest is for dropping those left."""

_ROUNDS: Final = 3
"""Rounds of the event loop from taking a connection to having made it."""

_EVERY_IPV4: Final = "0.0.0.0"  # noqa: S104 - what an address without a host asks for

_log = logging.getLogger(__name__)


class ListenError(ExporterError):
    """An address cannot be listened on: it is taken, unknown, or not this machine's."""


class AddressError(ListenError, WrongUsage):
    """It is no address at all."""


def listen(address: str) -> socket.socket:
    """Return a socket bound to an address in Prometheus's form, or raise ListenError.

    ":10054" is every interface, over IPv4 and IPv6 where the machine has both; "127.0.0.1:0" takes a
    free port; a host may be a name, or an IPv6 address in brackets. Accepting starts with the server.
    """
    host, port = _split(address)
    try:
        if not host and socket.has_dualstack_ipv6():
            return socket.create_server(
                ("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
            )
        family, _, _, _, where = socket.getaddrinfo(host or _EVERY_IPV4, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((str(where[0]), port), family=family, backlog=BACKLOG)
    except (socket.gaierror, UnicodeError) as error:
        raise ListenError(
            f"cannot listen on {address!r}: no host is called {host!r} (check the name)"
        ) from error
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        advice = "choose another address or port with --web.listen-address"
        raise ListenError(f"cannot listen on {address!r}: {reason} ({advice})") from error


def _split(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    is_port = port.isascii() and port.isdecimal() and int(port) < 1 << 16
    if not (colon and is_port) or (host != bare) != (":" in bare):
        raise AddressError(
            f"{address!r} is not an address to listen on "
            "(write :10054 for every interface, 127.0.0.1:10054 or [::1]:10054 for one)"
        )
    return bare, int(port)


def address_of(listener: socket.socket) -> str:
    """Return where a socket listens, as "127.0.0.1:10054" or "[::]:10054"."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _log_error(error: BaseException) -> None:
    _log.error("web server ended", exc_info=error)


class Server:
    """Serve `app` on `listeners`, which become the server's, until stopped.

    Runs one event loop in one daemon thread called `name`. `on_error` is told, in that thread, why
    the loop ended when nobody asked it to.
    """

    def __init__(
        self,
        app: App,
        listeners: Sequence[socket.socket],
        *,
        name: str,
        tls: ssl.SSLContext | None = None,
        on_error: Callable[[BaseException], None] = _log_error,
        limits: Limits | None = None,
    ) -> None:
        self._app = app
        self._listeners = tuple(listeners)
        self._tls = tls
        self._on_error = on_error
        self._limits = limits or Limits()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._settled = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Future[float]

    @property
    def alive(self) -> bool:
        """Whether the server's thread runs and has started."""
        return self._loop is not None and self._thread.is_alive()

    def start(self) -> None:
        """Return once connections are accepted; raise what prevented it."""
        self._thread.start()
        if not self._settled.wait(START_TIME):
            raise ListenError(
                f"the server did not start within {START_TIME:g} s (is this machine overloaded?)"
            )
        if self._failure is not None:
            raise self._failure

    def stop(self, timeout: float) -> None:
        """Accept nothing more, finish what is being answered, and return within `timeout` seconds."""
        if self._loop is not None:
            # A loop that ended by itself is closed, and says so.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ask_to_stop, timeout * _GRACE)
            self._thread.join(timeout)
        if not self._thread.is_alive():
            for listener in self._listeners:
                listener.close()

    def _ask_to_stop(self, grace: float) -> None:
        if not self._stop.done():
            self._stop.set_result(grace)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - the last frame of a thread: whoever waits must hear of it
            if self._settled.is_set():
                self._on_error(error)
            self._failure = error
        finally:
            self._settled.set()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        door = Door(self._limits, tls=self._tls is not None)
        self._stop = loop.create_future()
        servers = [
            await loop.create_server(
                lambda: Connection(self._app, door, self._tls), sock=listener, backlog=BACKLOG
            )
            for listener in self._listeners
        ]
        self._loop = loop
        self._settled.set()
        try:
            grace = await self._stop
            await _take_no_more(self._listeners)
            for server in servers:
                server.close()
            await _until_empty(door, grace)
        finally:
            for server in servers:
                server.close()
            for connection in tuple(door.inside):
                connection.abort()


async def _take_no_more(listeners: Sequence[socket.socket]) -> None:
    # asyncio leaks a connection that is taken, but not yet made, when its server closes.
    for listener in listeners:
        asyncio.get_running_loop().remove_reader(listener)
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


async def _until_empty(door: Door, grace: float) -> None:
    empty = asyncio.Event()
    door.close(empty.set)
    with suppress(TimeoutError):
        await asyncio.wait_for(empty.wait(), grace)

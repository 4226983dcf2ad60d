"""A server on a free port that serves each request by a behaviour, a thread for each connection."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tools.wire.behaviours import CALM, Behaviour
from tools.wire.exchange import Exchange


@dataclass(frozen=True)
class Request:
    """A request as it came, and what its connection has gone through before.

    `suspect` names the first behaviour on it that was not calm. `kept` says that it came on a
    connection that should have been closed; `crossed` with this decoy, that it and an unasked answer
    were on their way at the same time, which nobody can tell apart: it gets no answer of its own.
    """

    path: str
    query: str
    fresh: bool
    suspect: str
    kept: bool
    crossed: int | None


@dataclass(frozen=True)
class Part:
    """How one request is served, with which numbers, and what was sent first."""

    behaviour: Behaviour
    number: int
    decoy: int
    random: Random
    sent: bytearray = field(default_factory=bytearray)


class Server:
    """Serves until it is stopped; `cast` gives each request its part."""

    def __init__(self, cast: Callable[[Request], Part], tls: ssl.SSLContext | None = None) -> None:
        self._cast = cast
        self._tls = tls
        self._threads: set[threading.Thread] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        threading.Thread(target=self._accept, name="wire server", daemon=True).start()

    def stop(self) -> None:
        """Accept no more connections, and wait for the last ones, which clients have closed, to end."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in tuple(self._threads):
            thread.join(10.0)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(sock,), name="wire", daemon=True)
                self._threads.add(thread)
                thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            self._talk(sock)
        sock.close()
        self._threads.discard(threading.current_thread())

    def _talk(self, sock: socket.socket) -> None:
        suspect = ""
        unclean: Exchange | None = None
        fresh = True
        while target := _target(sock):
            request = _request(target, fresh, suspect, unclean)
            part = self._cast(request)
            if request.crossed is not None:
                return
            exchange = Exchange(sock, part.number, part.decoy, part.random, part.sent)
            part.behaviour.act(exchange)
            if not exchange.open:
                return
            fresh = False
            if part.behaviour not in CALM:
                suspect = suspect or part.behaviour.name
            if exchange.unasked_at or not part.behaviour.clean:
                exchange.late &= part.behaviour.clean  # otherwise there is no next request to cross
                unclean = unclean or exchange


def _target(sock: socket.socket) -> str:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = sock.recv(65536)
        if not part:
            return ""
        head += part
    return head.split(b" ", 2)[1].decode()


def _request(target: str, fresh: bool, suspect: str, unclean: Exchange | None) -> Request:
    url = urlsplit(target)
    query = parse_qs(url.query).get("query", ["{}"])[0]
    asked_at = predicate(query).get("asked", 0.0)
    crossed = unclean is not None and unclean.late and asked_at < unclean.unasked_at
    return Request(
        path=url.path,
        query=query,
        fresh=fresh,
        suspect=suspect,
        kept=unclean is not None and not crossed,
        crossed=unclean.decoy if crossed and unclean else None,
    )


def predicate(query: str) -> dict[str, Any]:
    """Return a predicate from its text."""
    read: dict[str, Any] = json.loads(query)
    return read

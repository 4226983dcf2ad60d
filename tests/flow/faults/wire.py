"""The server's end of one connection, and the scripts that use it well or badly."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Mapping

from tests import server

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Wire(server.Wire):
    """One connection as a script sees it; `connection` is its number at its peer, from 0.

    `number` is the count that a good answer gives.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        contexts: Mapping[str, ssl.SSLContext],
        over: threading.Event,
        elsewhere: str,
        number: int,
        connection: int,
    ) -> None:
        super().__init__(sock, over)
        self.elsewhere = elsewhere
        self.number = number
        self.connection = connection
        self._contexts = contexts

    def secure(self, certificate: str) -> None:
        """Shake hands, and show this certificate."""
        self._sock = self._contexts[certificate].wrap_socket(self._sock, server_side=True)

    def read(self) -> bool:
        """Read a request's head; return whether there was one."""
        with self._sock.makefile("rb") as reader:
            while (line := reader.readline()) not in {b"\r\n", b""}:
                self.head += line
        return bool(self.head)

    def read_some(self, size: int) -> None:
        """Read so many bytes of what comes, and no more."""
        self._sock.recv(size, socket.MSG_WAITALL)

    def count(self) -> None:
        """Answer well."""
        self.answer(b'{"count": %d}' % self.number, 200, "Connection: close")


Script = Callable[[Wire], object]


def at_once(*steps: Script) -> Script:
    """Take these steps one after the other, whatever the request."""

    def script(wire: Wire) -> None:
        for step in steps:
            step(wire)

    return script


def asked(*steps: Script) -> Script:
    """Read the request, and take these steps one after the other."""

    def script(wire: Wire) -> None:
        if wire.read():
            at_once(*steps)(wire)

    return script


def sends(data: bytes) -> Script:
    """Send these bytes for an answer, and close."""
    return asked(lambda wire: wire.send(data))


def body(text: bytes, *headers: str) -> Script:
    """Answer 200 with this body."""
    return asked(lambda wire: wire.answer(text, 200, *headers))


def status(code: int, *headers: str) -> Script:
    """Answer with a failure whose body looks like a count."""
    return asked(lambda wire: wire.answer(b'{"count": 12}', code, *headers))


def certificate(name: str) -> Script:
    """Show this certificate; whoever accepts it gets a count."""

    def script(wire: Wire) -> None:
        wire.secure(name)
        asked(Wire.count)(wire)

    return script


def every_other(bad: Script) -> Script:
    """Behave badly on each second connection, the first one included."""
    return lambda wire: asked(Wire.count)(wire) if wire.connection % 2 else bad(wire)

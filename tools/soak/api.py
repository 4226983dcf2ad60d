"""An API that goes wrong: each connection on a thread of its own, each answer good or a fault."""

from __future__ import annotations

import gzip
import random
import socket
import threading
import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from tools.soak.oracle import Oracle


class Api:
    """A fault server on a free port; `trouble` is the share of requests that go wrong."""

    def __init__(self, oracle: Oracle, seed: int) -> None:
        self.trouble = 0.3
        self.answers = 0
        self._oracle = oracle
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                while line := reader.readline():
                    while reader.readline() not in {b"\r\n", b""}:
                        pass
                    if not self._answer(connection, line.decode().split()[1]):
                        return
            except OSError:
                return

    def _answer(self, connection: socket.socket, target: str) -> bool:
        """Answer one request; return whether the connection is good for another."""
        self.answers += 1
        url = urlsplit(target)
        bot = url.path.split("/")[3]
        predicate = parse_qs(url.query).get("query", [""])[0]
        good = self._random.random() >= self.trouble
        number = self._oracle.give(bot, predicate, good=good)
        if good:
            connection.sendall(_answer(b'{"count": %d}' % number))
            return True
        fault = self._random.choice(FAULTS)
        fault(connection, number)
        return False


def _answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _sending(make: Callable[[int], bytes]) -> Callable[[socket.socket, int], None]:
    return lambda connection, number: connection.sendall(make(number))


def _status(status: str, *headers: str) -> Callable[[socket.socket, int], None]:
    return _sending(lambda number: _answer(b'{"count": %d}' % number, status, *headers))


def _body(template: str) -> Callable[[socket.socket, int], None]:
    return _sending(lambda number: _answer(template.replace("N", str(number)).encode()))


def _hang(connection: socket.socket, number: int) -> None:  # noqa: ARG001 - it says nothing
    time.sleep(2.0)


def _drip(connection: socket.socket, number: int) -> None:
    for byte in _answer(b'{"count": %d}' % number):
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def _reset(connection: socket.socket, number: int) -> None:
    connection.sendall(_answer(b'{"count": %d}' % number)[:-3])
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def _endless(connection: socket.socket, number: int) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\n\r\n{"count": %d' % number)
    for _ in range(100):
        connection.sendall(b" " * 4096)


FAULTS: tuple[Callable[[socket.socket, int], None], ...] = (
    *map(_status, ("401 No", "403 No", "404 No", "400 No", "429 Slow", "500 No", "502 No", "503 No")),
    _status("429 Slow", "Retry-After: 1"),
    _status("302 Found", "Location: http://127.0.0.1:9/"),
    _status("204 No Content"),
    *map(_body, ("", "<p>N", '{"count":-N}', '{"count":N.5}', '{"count":"N"}', '{"count":true}', "[N]")),
    *map(_body, ('{"count":N,"Result":0}', '{"count":N,"error":"x"}', '{"Count":N,"Result":[]}', "Nx")),
    _sending(lambda number: _answer(b'{"count": %d}' % number)[:-2]),
    _sending(lambda number: _answer(b'{"count": %d} ' % number * 1)[:-9] + b"                    "),
    _sending(lambda number: b"SSH-2.0-nonsense\r\n%d" % number),
    _sending(
        lambda number: _answer(
            gzip.compress(b'{"count": %d}' % number + b" " * 10_000_000), "200 OK", "Content-Encoding: gzip"
        )
    ),
    _hang,
    _drip,
    _reset,
    _endless,
)

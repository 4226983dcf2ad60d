"""An API on plain sockets that answers each bot well or badly, as a test tells it."""

from __future__ import annotations

import itertools
import re
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

import pytest


class Wire:
    """The server's end of one connection, when it has read one request."""

    def __init__(self, sock: socket.socket, over: threading.Event, elsewhere: str) -> None:
        self.send = sock.sendall
        self.hang = over.wait
        self.elsewhere = elsewhere
        self._sock = sock
        self._over = over

    def answer(self, body: bytes, status: int = 200, *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def refuse(self, status: int, *headers: str) -> None:
        """Answer with a failure whose body looks like a count."""
        self.answer(b'{"count": 12}', status, *headers)

    def drip(self, data: bytes, head: bytes = b"") -> None:
        """Send a byte each 50 ms, the last one again and again."""
        self.send(head)
        for position in range(1_000):
            self.send(data[position : position + 1] or data[-1:])
            if self._over.wait(0.05):
                break

    def flood(self, data: bytes, head: bytes) -> None:
        """Send the same data until the other side has enough."""
        self.send(head)
        while not self._over.is_set():
            self.send(data)

    def reset(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()


Script = Callable[[Wire], object]


def reserved(port: int = 0) -> socket.socket:
    """Return a socket that holds a port, which refuses connections until somebody listens."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


class Api(socketserver.ThreadingTCPServer):
    """Answers each bot by the name in its path: well, or by its script while `faulty`.

    The bot `well` always gets a count, one more with each answer; the others always the same.
    """

    GOOD = 4711
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, scripts: Mapping[str, Script], elsewhere: str) -> None:
        self.scripts = scripts
        self.elsewhere = elsewhere
        self.faulty = False
        self.over = threading.Event()
        self.heads: list[bytes] = []
        self.steps = itertools.count(1)
        super().__init__(("127.0.0.1", 0), Requests, bind_and_activate=False)
        self.socket.close()
        self.socket = reserved()
        self.port: int = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.appear()

    def appear(self) -> None:
        """Listen, at the start or after it had vanished."""
        self.server_activate()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def vanish(self) -> None:
        """Refuse connections, and let nobody else have the port."""
        self.shutdown()
        self.socket.close()
        self.socket = reserved(self.port)

    def close(self) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()


class Requests(socketserver.StreamRequestHandler):
    """One connection, for one request."""

    server: Api

    def handle(self) -> None:
        with suppress(OSError):
            head = b""
            while (line := self.rfile.readline()) not in {b"\r\n", b""}:
                head += line
            self._serve(head)

    def _serve(self, head: bytes) -> None:
        api = self.server
        api.heads.append(head)
        found = re.match(rb"GET /v1/bots/(\w+)/", head)
        bot = found[1].decode() if found else ""
        wire = Wire(self.connection, api.over, api.elsewhere)
        if api.faulty and bot in api.scripts:
            api.scripts[bot](wire)
        else:
            wire.answer(b"%d" % (next(api.steps) if bot == "well" else api.GOOD), 200, "Connection: close")


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[..., Api]]:
    """Make an API that obeys these scripts, and redirects elsewhere."""
    apis: list[Api] = []

    def start(scripts: Mapping[str, Script] | None = None, elsewhere: str = "") -> Api:
        apis.append(Api(scripts or {}, elsewhere))
        return apis[-1]

    yield start
    for api in apis:
        api.close()

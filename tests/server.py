"""A NativeChat on plain sockets, which answers or misbehaves as a test specifies."""

from __future__ import annotations

import gzip
import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import parse_qs, urlsplit

AMPLE = 20.0


def response(
    body: bytes = b'{"count":7}', status: int = 200, *headers: str, length: int | None = None
) -> bytes:
    """Return a response as bytes, with a wrong Content-Length if one is passed."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {size}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Wire:
    """The server's end of one connection, after it has read one request."""

    def __init__(self, sock: socket.socket, stopped: threading.Event, head: bytes = b"") -> None:
        self.head = head
        self._sock = sock
        self._stopped = stopped

    @property
    def true(self) -> bytes:
        """The right count for the request's predicate: `{"n": 5}` counts 1005."""
        query = parse_qs(urlsplit(self.head.split()[1].decode()).query)["query"][0]
        return b'{"count":%d}' % (1000 + json.loads(query)["n"])

    @property
    def port(self) -> int:
        """The client's port of this connection."""
        port: int = self._sock.getpeername()[1]
        return port

    @property
    def token(self) -> str:
        """The token that the request carries."""
        [line] = [line for line in self.head.split(b"\r\n") if line.startswith(b"Authorization: ")]
        return line.split()[-1].decode()

    def pause(self, seconds: float) -> Self:
        self._stopped.wait(seconds)
        return self

    def ended(self) -> bool:
        """Wait until the client closes the connection; return whether it did so without another request."""
        self._sock.settimeout(AMPLE)
        with suppress(ConnectionResetError):
            return self._sock.recv(1) == b""
        return True

    def send(self, data: bytes) -> Self:
        self._sock.sendall(data)
        return self

    def answer(
        self, body: bytes = b'{"count":7}', status: int = 200, *headers: str, length: int | None = None
    ) -> Self:
        return self.send(response(body, status, *headers, length=length))

    def gzipped(self, body: bytes, cut: int | None = None) -> Self:
        return self.answer(gzip.compress(body)[:cut], 200, "Content-Encoding: gzip")

    def chunks(self, *chunks: bytes, end: bytes = b"0\r\n\r\n") -> Self:
        self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for chunk in chunks:
            self.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        return self.send(end)

    def drip(self, data: bytes) -> Self:
        """Send a byte every 50 ms, and repeat the last one forever."""
        position = 0
        while not self._stopped.wait(0.05):
            self.send(data[position : position + 1])
            position = min(position + 1, len(data) - 1)
        return self

    def flood(self, data: bytes) -> Self:
        """Send the same data forever."""
        while not self._stopped.is_set():
            self.send(data)
        return self

    def join(self, other: socket.socket) -> Self:
        """Relay bytes in both directions until one side ends, as a proxy's tunnel does."""
        pair = {self._sock: other, other: self._sock}
        while not self._stopped.is_set():
            for ready in select.select(list(pair), [], [], 0.05)[0]:
                part = ready.recv(65536)
                if not part:
                    return self
                pair[ready].sendall(part)
        return self

    def hang(self) -> Self:
        self._stopped.wait()
        return self

    def reset(self) -> Self:
        """Reset the connection with RST, as a crash does."""
        linger = struct.pack("ii", 1, 0)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return self.close()

    def close(self) -> Self:
        self._sock.close()
        return self


Script = Callable[[Wire], object]


class Server:
    """Runs one script for each request, the last one repeatedly; runs `greeting` at each accept."""

    def __init__(
        self,
        *scripts: Script,
        greeting: Script | None = None,
        tls: ssl.SSLContext | None = None,
        address: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.heads: list[bytes] = []
        self.accepts = 0
        self._scripts = list(scripts or (Wire.answer,))
        self._greeting = greeting
        self._tls = tls
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._listener = socket.create_server(address, backlog=64)
        self._stop_read, self._stop_write = socket.socketpair()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}/v1"

    def request_lines(self) -> list[str]:
        return [head.split(b"\r\n", 1)[0].decode() for head in self.heads]

    def stop(self) -> None:
        """Break every connection off, and refuse others."""
        self._stopped.set()
        self._stop_write.close()
        for thread in self._threads:
            thread.join()
        self._listener.close()
        self._stop_read.close()

    def _accept(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._stop_read], [], [])
            if self._stop_read in ready:
                break
            sock, _ = self._listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepts += 1
            with self._lock:
                self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            if self._greeting:
                self._greeting(Wire(sock, self._stopped))
            if self._tls:
                with self._lock:
                    self._open.remove(sock)
                sock = self._tls.wrap_socket(sock, server_side=True)
                with self._lock:
                    self._open.append(sock)
            while head := self._head(sock):
                with self._lock:
                    self.heads.append(head)
                    script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
                script(Wire(sock, self._stopped, head))
        with self._lock:
            if sock in self._open:
                self._open.remove(sock)
        sock.close()

    @staticmethod
    def _head(sock: socket.socket) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            part = sock.recv(65536)
            if not part:
                return b""
            head += part
        return head

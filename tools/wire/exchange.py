"""The server's end of one exchange: builds answers, and writes them in one piece or torn."""

from __future__ import annotations

import json
import socket
import struct
import time
from dataclasses import dataclass
from random import Random
from typing import Final

LISTENS: Final = 0.0025
"""Seconds in which an unasked answer must be found: a client listens for 3 ms before it asks again."""


@dataclass
class Exchange:
    """One request to be answered: its true `number`, and a `decoy` that answers another or nobody.

    `unasked_at` is when bytes behind the answer were on the wire, 0 where there were none; they are
    `late` where a client that listens for 3 ms could have asked its next question before they came.
    `sent` is the beginning of what was sent.
    """

    sock: socket.socket
    number: int
    decoy: int
    random: Random
    sent: bytearray
    sent_at: float = 0.0
    unasked_at: float = 0.0
    late: bool = False
    open: bool = True

    def send(self, *parts: bytes) -> None:
        """Send all of it in one write, and so in one TLS record."""
        data = b"".join(parts)
        self.sent += data[: max(0, 300 - len(self.sent))]
        self.sent_at = time.monotonic()
        self.sock.sendall(data)

    def write(self, data: bytes) -> None:
        """Send in one write, or torn anywhere, at times a byte a write, with or without pauses."""
        pieces = min(self.random.choice((1, 1, 2, 5, 300)), len(data))
        cuts = sorted(self.random.sample(range(1, len(data)), pieces - 1))
        pause = self.random.choice((0.0, 0.0, 0.005)) / pieces
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            self.send(data[start:end])
            if pause and end < len(data):
                time.sleep(pause)

    def unasked(self, data: bytes, after: float) -> None:
        """Send what nobody asked for, so many seconds behind what was sent last."""
        answered_at = self.sent_at
        time.sleep(after)
        self.send(data)
        self.unasked_at = time.monotonic()
        self.late = self.unasked_at - answered_at > LISTENS

    def close(self) -> None:
        """Close the connection, as a server that ends."""
        self.open = False
        self.sock.close()

    def reset(self) -> None:
        """Break the connection off as a crash does: with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def body(self, number: int | None = None) -> bytes:
        """Return a count as NativeChat may write it: an object, or a bare number."""
        return str(self._number(number)).encode() if self.random.random() < 0.3 else self.object(number)

    def object(self, number: int | None = None) -> bytes:
        """Return a count as an object."""
        key = self.random.choice(("count", "count", "Count", "Result"))
        return json.dumps({key: self._number(number)}).encode()

    def head(self, *lines: bytes, status: bytes = b"200 OK") -> bytes:
        """Return a status line and headers: these, among some that mean nothing here."""
        noise = (b"Server: wire", b"Content-Type: application/json", b"Set-Cookie: a=b; Path=/", b"Age: 0")
        headers = [*lines, *self.random.sample(noise, self.random.randrange(4))]
        self.random.shuffle(headers)
        return b"\r\n".join((b"HTTP/1.1 " + status, *headers, b"", b""))

    def sized(
        self, body: bytes, *lines: bytes, status: bytes = b"200 OK", length: int | None = None
    ) -> bytes:
        """Return an answer that announces its length, or another one."""
        name = self.random.choice((b"Content-Length", b"content-length"))
        length = len(body) if length is None else length
        return self.head(b"%b: %d" % (name, length), *lines, status=status) + body

    def chunked(
        self, body: bytes, *lines: bytes, status: bytes = b"200 OK", end: bytes = b"0\r\n\r\n"
    ) -> bytes:
        """Return an answer in one chunk or two."""
        cut = self.random.randrange(len(body))
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:cut], body[cut:]) if part)
        coding = self.random.choice((b"chunked", b"Chunked"))
        return self.head(b"Transfer-Encoding: " + coding, *lines, status=status) + chunks + end

    def whole(self, number: int | None = None) -> bytes:
        """Return a whole, clean answer."""
        body = self.body(number)
        return self.chunked(body) if self.random.random() < 0.3 else self.sized(body)

    def _number(self, number: int | None) -> int:
        return self.number if number is None else number

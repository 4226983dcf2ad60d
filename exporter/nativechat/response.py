"""Reads one HTTP response strictly: a final one, whole, with nothing behind it."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from email.message import Message
from http.client import HTTPResponse, IncompleteRead, parse_headers
from typing import Final

from exporter.errors import BadAnswer
from exporter.nativechat.attempt import Attempt

INTERIM_RESPONSES: Final = 10
"""How many interim responses (1xx) may come before the final one; Go's client skips five."""

_LONGEST_LINE: Final = 4096
_CHUNK_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")


class StrictResponse(HTTPResponse):
    """A response of which no byte can be taken for that of another one.

    http.client takes 102 and 103 for final, believes a body that has more or fewer bytes than it said,
    and loses what it has read beyond one. Here interim responses are skipped, and what is not plain
    raises BadAnswer, whose message continues "answered 200 with …". The connection is closed unless the
    status is 200 and the body ended where it said; `on_end` is told of that.
    """

    def __init__(
        self, sock: socket.socket, method: str | None, attempt: Attempt, on_end: Callable[[], None]
    ) -> None:
        super().__init__(sock, method=method)
        self._attempt = attempt
        self._on_end = on_end
        self._left: int | None = None

    def begin(self) -> None:
        """Read status and headers, and decide how long the body is."""
        super().begin()
        self._attempt.status = self.status
        if self.status != 200:
            self.will_close = True
            return
        self.chunked, self._left = _framing(self.headers)
        if self._left is None:
            self.will_close = True

    def _read_status(self) -> tuple[str, int, str]:
        # http.client calls this for each status line, and skips 100 itself.
        for _ in range(INTERIM_RESPONSES + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status == 101 or not 100 <= status < 200:
                return version, status, reason
            parse_headers(self.fp)
        raise BadAnswer(f"more than {INTERIM_RESPONSES} interim responses")

    def read(self, amt: int | None = None) -> bytes:
        """Return the next part of the body, at most `amt` bytes; nothing after its end."""
        if self.fp is None:
            return b""
        if self._left is None:  # only the end of the connection ends it
            part = self.fp.read(amt)
            if not part:
                self.close()
            return part
        if self.chunked and self._left == 0:
            self._left = self._next_chunk()
        size = self._left if amt is None else min(amt, self._left)
        part = self.fp.read(size)
        if len(part) < size:
            raise IncompleteRead(part, size - len(part))
        self._left -= size
        if self._left == 0:
            if self.chunked and part:
                self._end_chunk()
            else:
                self._end()
        return part

    def _next_chunk(self) -> int:
        """Return the size of the next chunk; after the last one, skip the trailer and return 0."""
        line = _CHUNK_SIZE.fullmatch(self._line())
        if not line:
            raise BadAnswer("a chunk whose size cannot be read")
        size = int(line[1], 16)
        while size == 0 and self._line() != b"\r\n":
            pass
        return size

    def _end_chunk(self) -> None:
        if self.fp.read(2) != b"\r\n":
            raise BadAnswer("a chunk that does not end where it said")

    def _line(self) -> bytes:
        line = self.fp.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise IncompleteRead(line)
        return line

    def _end(self) -> None:
        """Look for bytes behind the body: in this response's buffer, in OpenSSL's and in the system's."""
        with self._attempt.listening(0.0):
            behind = self.fp.peek(1)
        self.close()
        if behind:
            raise BadAnswer("more bytes than it said")
        self._on_end()


def _framing(headers: Message) -> tuple[bool, int | None]:
    """Return whether the body comes in chunks, and else its length, None if the connection's end is its end.

    Two statements about the length, or one that is not plain, could be read in two ways (RFC 9112,
    section 6.3): they raise BadAnswer.
    """
    if headers.defects:
        raise BadAnswer("a header that cannot be read")
    codings = headers.get_all("Transfer-Encoding", [])
    lengths = headers.get_all("Content-Length", [])
    if headers.get("Content-Range") is not None:
        raise BadAnswer("a part of an answer")
    if codings:
        if lengths or [coding.strip().lower() for coding in codings] != ["chunked"]:
            raise BadAnswer("a transfer coding other than chunked alone")
        return True, 0
    if not lengths:
        return False, None
    sizes = {length.strip() for line in lengths for length in line.split(",")}
    if len(sizes) > 1 or not re.fullmatch("[0-9]{1,18}", size := sizes.pop()):
        raise BadAnswer("a Content-Length that is not one number")
    return False, int(size)

"""Reads one HTTP response strictly: final, complete, and with nothing after it."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from http.client import HTTPMessage, HTTPResponse, IncompleteRead, RemoteDisconnected
from typing import Final

from exporter.errors import BadAnswer
from exporter.nativechat.attempt import Attempt
from exporter.nativechat.sockets import is_silent
from exporter.nativechat.statuses import BROKEN_HTTP

INTERIM_RESPONSES: Final = 10
"""Most interim responses (1xx) before the final one; Go's client skips five."""

_HEADERS: Final = 100
_LONGEST_LINE: Final = 64 * 1024
_STATUS_LINE: Final = re.compile(rb"(HTTP/1\.[01]) ([0-9]{3})(?: [^\r\n]*)?\r?\n")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*\r?\n")
_FOLDED: Final = re.compile(rb"[ \t]+([^\r\n\0]*?)[ \t]*\r?\n")
_CHUNK_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")
_BLANK: Final = frozenset({b"\r\n", b"\n"})


class StrictResponse(HTTPResponse):
    """A response whose bytes cannot be mistaken for those of another response.

    http.client accepts 102 and 103 as final, stops reading headers at an invalid line, accepts a body of
    another length than announced, and drops bytes that it has read after the body. This class skips interim
    responses, and raises BadAnswer for everything that is ambiguous (RFC 9112); the message continues
    "answered 200 with …".

    `on_end` is called once the body is read, with whether the connection is clean, and whether there are
    bytes behind the body. To find such bytes, it listens for `listens()` seconds, or until the connection
    ends. A connection that is not clean is closed. After any status but 200, the connection is closed too.
    """

    def __init__(
        self,
        sock: socket.socket,
        method: str | None,
        attempt: Attempt,
        listens: Callable[[], float],
        on_end: Callable[[bool, bool], None],
    ) -> None:
        super().__init__(sock, method=method)
        self._sock = sock
        self._attempt = attempt
        self._on_end = on_end
        self._listens = listens
        self._left: int | None = None
        """Bytes left of the body or its chunk; None if the body ends with the connection."""

    def begin(self) -> None:
        """Read status and headers, and find out the length of the body."""
        version, self.status, self.reason = self._read_status()
        self.code = self._attempt.status = self.status
        self.version = 10 if version == "HTTP/1.0" else 11
        self.headers = self.msg = self._read_final_headers()
        self.chunked, self.length, self.will_close = False, None, True
        if self.status == 200:
            self.chunked, self._left = _framing(self.headers)
            self.will_close = self._left is None or self._ends_the_connection()

    def _read_status(self) -> tuple[str, int, str]:
        # urllib3 also calls this for a proxy's response to CONNECT, and would show the reason: none is kept.
        for _ in range(INTERIM_RESPONSES + 1):
            line = self.fp.readline(_LONGEST_LINE)
            if not line:
                raise RemoteDisconnected("the connection was closed without a response")
            found = _STATUS_LINE.fullmatch(line)
            if not found:
                raise BadAnswer("HTTP that is broken or cut off")
            version, status = found[1].decode(), int(found[2])
            if status == 101 or not 100 <= status < 200:
                return version, status, ""
            self._read_headers()
        raise _broken(f"more than {INTERIM_RESPONSES} interim responses")

    def _read_final_headers(self) -> HTTPMessage:
        try:
            return self._read_headers()
        except BadAnswer:
            if self.status == 200:
                raise
            return HTTPMessage()  # the status is enough for the error

    def _read_headers(self) -> HTTPMessage:
        headers: list[tuple[str, str]] = []
        while (line := self._line()) not in _BLANK:
            if found := _HEADER.fullmatch(line):
                headers.append((found[1].decode(), found[2].decode("latin-1")))
            elif headers and (folded := _FOLDED.fullmatch(line)):
                name, value = headers.pop()
                headers.append((name, f"{value} {folded[1].decode('latin-1')}"))
            else:
                is_ascii = line.partition(b":")[0].isascii()
                raise _broken(
                    "a header that cannot be read" if is_ascii else "a header whose name is not ASCII"
                )
            if len(headers) > _HEADERS:
                raise _broken(f"more than {_HEADERS} headers")
        message = HTTPMessage()
        for name, value in headers:
            message[name] = value
        return message

    def _ends_the_connection(self) -> bool:
        options = _tokens(self.headers, "Connection")
        return "close" in options or (self.version == 10 and (self.chunked or "keep-alive" not in options))

    def read(self, amt: int | None = None) -> bytes:
        """Return the next part of the body, at most `amt` bytes; nothing after its end."""
        if self.fp is None:
            return b""
        if self._left is None:
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
            raise _broken("a chunk whose size cannot be read")
        size = int(line[1], 16)
        while size == 0 and self._line() != b"\r\n":
            pass
        return size

    def _end_chunk(self) -> None:
        if self.fp.read(2) != b"\r\n":
            raise _broken("a chunk that does not end where it said")

    def _line(self) -> bytes:
        line = self.fp.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise IncompleteRead(line)
        return line

    def _end(self) -> None:
        """Check for bytes after the body: in the buffers of this response, of OpenSSL and of the system.

        The answer is still valid after the connection's end or an incomplete TLS record, but the connection
        is not reused: the rest could belong to any answer.
        """
        clean = is_silent(self._sock, self._listens())
        try:
            with self._attempt.listening():
                behind = self.fp.peek(1)
        except OSError:  # a reset after a complete answer
            behind, clean = b"", False
        self.close()
        self._on_end(clean, bool(behind))
        if behind:
            raise _broken("more bytes than it said")


def _framing(headers: HTTPMessage) -> tuple[bool, int | None]:
    """Return whether the body is chunked, and its length if not; None if it ends with the connection.

    Raises BadAnswer if the headers give the length twice or in an ambiguous form (RFC 9112, section 6.3).
    """
    if headers.get("Content-Range") is not None:
        raise _broken("a part of an answer")
    codings, lengths = headers.get_all("Transfer-Encoding", []), headers.get_all("Content-Length", [])
    if codings:
        if [coding.lower() for coding in codings] != ["chunked"]:
            raise _broken("a transfer coding other than chunked alone")
        if lengths:
            raise _broken("a Content-Length beside a Transfer-Encoding")
        return True, 0
    if not lengths:
        return False, None
    sizes = _tokens(headers, "Content-Length")
    if len(sizes) > 1:
        raise _broken("two Content-Length headers that disagree")
    if not re.fullmatch("[0-9]{1,18}", size := sizes.pop()):
        raise _broken("a Content-Length that is not a number")
    return False, int(size)


def _broken(why: str) -> BadAnswer:
    return BadAnswer(why, advice=BROKEN_HTTP)


def _tokens(headers: HTTPMessage, name: str) -> set[str]:
    return {token.strip().lower() for line in headers.get_all(name, []) for token in line.split(",")}

"""What the web server hands to a handler, and what a handler returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from tornado.iostream import IOStream


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request.

    `path` is percent-decoded, `query` is as it was sent, `headers` takes names in any case. `client` is the
    client's address. `body` is empty where the server was not told to read bodies. `stream` is the
    connection, and `is_open` tells whether the client still waits; both belong to the event loop's thread.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    client: str
    body: bytes
    stream: IOStream
    is_open: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response. The server adds Date and Content-Length, and sends no body to a HEAD request."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


Handler: TypeAlias = Callable[[Request], Awaitable[Response | None]]
"""Answers a request, in the event loop; it is cancelled when the client hangs up.

It returns None where it has written to the stream itself, as the simulator's faults do; the server closes it.
"""


def text(status: int, *lines: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Return lines of plain text as a response."""
    body = "".join(f"{line}\n" for line in lines).encode()
    return Response(status, body, (("Content-Type", "text/plain; charset=utf-8"), *headers))

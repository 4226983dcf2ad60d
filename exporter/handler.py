"""The request that the web server passes to a handler, and the response that the handler returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from tornado.iostream import IOStream


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request.

    `path` is percent-decoded; `query` is not. `headers` ignores the case of names. `client` is the client's
    address. `body` is empty unless the server was told to read bodies. Use `stream`, the connection, only in
    the event loop. Any thread may call `is_open`, which returns whether the client still waits.
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
"""Handles a request in the event loop. It is cancelled when the client hangs up.

It returns None if it has written to the stream itself, as the simulator's faults do; then the server closes
the stream.
"""


def text(status: int, *lines: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Return lines of plain text as a response."""
    body = "".join(f"{line}\n" for line in lines).encode()
    return Response(status, body, (("Content-Type", "text/plain; charset=utf-8"), *headers))

"""The words of ASGI that this room speaks: https://asgi.readthedocs.io/en/latest/specs/www.html."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; its length is added to its headers, whose names are in lower case."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]

    async def send(self, send: Send) -> None:
        """Send the answer."""
        headers = encoded((*self.headers, ("content-length", str(len(self.body)))))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def text(status: int, *lines: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return lines of plain text as an answer."""
    body = "".join(f"{line}\n" for line in lines).encode()
    return Answer(status, body, (("content-type", "text/plain; charset=utf-8"), *headers))


def encoded(headers: tuple[tuple[str, str], ...]) -> list[tuple[bytes, bytes]]:
    """Return headers as they go over the wire."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def header(scope: Scope, name: str) -> str:
    """Return a header of the request, all its values in one; the empty text where it is absent."""
    wanted = name.encode("latin-1")
    return ", ".join(value.decode("latin-1") for given, value in scope["headers"] if given == wanted)

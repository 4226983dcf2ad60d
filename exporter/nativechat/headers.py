"""Writes a request's headers; the one place where a token is revealed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exporter import __version__
from exporter.errors import ExporterError, Unauthorized
from exporter.model import Secret

_ALWAYS: Final = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Cache-Control": "no-cache",
    "User-Agent": f"nativechat-exporter/{__version__}",
}


def request_headers(token: Callable[[], Secret], accept_encoding: str) -> dict[str, str]:
    """Return the headers that the API documents, and our own, with the current token.

    Raises Unauthorized if `token` raises an ExporterError, or if a header cannot hold the token.
    """
    try:
        authorization = f"Bot-Server-Access-Token {token().reveal()}"
    except ExporterError as error:
        raise Unauthorized(str(error)) from error
    if not (authorization.isascii() and authorization.isprintable()):
        raise Unauthorized("the token holds a line break or another character that no header can carry")
    return {**_ALWAYS, "Accept-Encoding": accept_encoding, "Authorization": authorization}

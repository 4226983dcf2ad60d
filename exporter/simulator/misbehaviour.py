"""Sends faults over the wire instead of responses.

What HTTP does not allow (a reset, a truncated body, a wrong length) is written to the connection directly,
which is then closed. Faults below TCP, such as lost packets or a silent host, cannot be simulated.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Final

from exporter.handler import Handler, Request, Response
from exporter.simulator.faults import BAD_COUNTS, Fault, Faults

_GOOD: Final = b'{"count": 12}'
_SLOW: Final = _GOOD.rjust(120)
_CHUNK: Final = b" " * 65_536
_ABORTIVE_CLOSE: Final = struct.pack("ii", 1, 0)
_JSON: Final = ("Content-Type", "application/json")


class Misbehaving:
    """A handler that passes requests to `handler`, unless a fault is set for the bot of the path.

    `bot_of` returns the name of the bot that a path belongs to, or None.
    """

    def __init__(self, handler: Handler, faults: Faults, bot_of: Callable[[str], str | None]) -> None:
        self._handler = handler
        self._faults = faults
        self._bot_of = bot_of

    async def __call__(self, request: Request) -> Response | None:
        bot = self._bot_of(request.path)
        fault = self._faults.take(bot) if bot is not None else None
        if fault is None:
            return await self._handler(request)
        if fault.kind in BAD_COUNTS:
            return Response(200, BAD_COUNTS[fault.kind], (_JSON,))
        if fault.kind == "status":
            return _status(fault)
        if fault.kind == "redirect":
            return Response(302, b"", (_JSON, ("Location", "http://127.0.0.1:9/elsewhere")))
        await _ACTS[fault.kind](fault, request)
        return None


def _status(fault: Fault) -> Response:
    headers = () if fault.retry_after is None else (("Retry-After", fault.retry_after),)
    body = b"" if fault.status in (204, 304) else b'{"error": "a simulated fault"}'
    return Response(fault.status, body, (_JSON, *headers))


async def _hang(_: Fault, __: Request) -> None:
    await asyncio.Event().wait()  # until the client closes the connection


async def _drip(fault: Fault, request: Request) -> None:
    await request.stream.write(_head(f"content-length: {len(_SLOW)}"))
    for byte in _SLOW[:-1]:
        await request.stream.write(bytes([byte]))
        await asyncio.sleep(fault.seconds)
    await request.stream.write(_SLOW[-1:])


async def _endless(_: Fault, request: Request) -> None:
    await request.stream.write(_head("transfer-encoding: chunked"))
    while True:
        await request.stream.write(b"%x\r\n%b\r\n" % (len(_CHUNK), _CHUNK))
        await asyncio.sleep(0)


async def _reset(_: Fault, request: Request) -> None:
    request.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTIVE_CLOSE)


async def _truncated(_: Fault, request: Request) -> None:
    await request.stream.write(_head(f"content-length: {len(_GOOD)}") + _GOOD[:7])


async def _wrong_length(_: Fault, request: Request) -> None:
    await request.stream.write(_head(f"content-length: {len(_GOOD) - 1}") + _GOOD)


_ACTS: Final[dict[str, Callable[[Fault, Request], Awaitable[None]]]] = {
    "hang": _hang,
    "drip": _drip,
    "reset": _reset,
    "truncated": _truncated,
    "wrong-length": _wrong_length,
    "endless": _endless,
}


def _head(length: str) -> bytes:
    return "\r\n".join(("HTTP/1.1 200 OK", "content-type: application/json", length, "", "")).encode()

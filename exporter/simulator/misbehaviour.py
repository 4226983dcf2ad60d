"""Sends faults over the wire in place of answers.

All of them are exact, as long as our own server (or uvicorn's h11) serves the application itself, without
another one around it: what ASGI cannot say (a reset, a body cut short, a wrong length) is written to the
connection's transport, which belongs to the object whose method `send` is. Faults below TCP, such as lost
packets, or a silent host, are out of reach.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Final, cast

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.simulator.faults import BAD_COUNTS, Fault, Faults

_GOOD: Final = b'{"count": 12}'
_SLOW: Final = _GOOD.rjust(120)
_CHUNK: Final = b" " * 65_536
_ABORTIVE_CLOSE: Final = struct.pack("ii", 1, 0)
_JSON: Final = (b"content-type", b"application/json")


class Misbehaving:
    """An application that serves `app`, except where a fault is set for the bot that is asked.

    `bot_of` returns the name of the bot that a path belongs to, None where it is no bot's.
    """

    def __init__(self, app: ASGIApp, faults: Faults, bot_of: Callable[[str], str | None]) -> None:
        self._app = app
        self._faults = faults
        self._bot_of = bot_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        bot = self._bot_of(scope["path"]) if scope["type"] == "http" else None
        fault = self._faults.take(bot) if bot is not None else None
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind in BAD_COUNTS:
            await _reply(send, 200, BAD_COUNTS[fault.kind])
        else:
            await _ACTS[fault.kind](fault, receive, send)


async def _status(fault: Fault, _: Receive, send: Send) -> None:
    bodiless = fault.status in (204, 304)
    headers = () if fault.retry_after is None else ((b"retry-after", fault.retry_after.encode()),)
    await _reply(send, fault.status, b"" if bodiless else b'{"error": "a simulated fault"}', *headers)


async def _redirect(_: Fault, __: Receive, send: Send) -> None:
    await _reply(send, 302, b"", (b"location", b"http://127.0.0.1:9/elsewhere"))


async def _hang(_: Fault, receive: Receive, __: Send) -> None:
    await _gone(receive)


async def _drip(fault: Fault, receive: Receive, send: Send) -> None:
    await _start(send, 200, (b"content-length", str(len(_SLOW)).encode()))
    left = asyncio.ensure_future(_gone(receive))
    for byte in _SLOW[:-1]:
        await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
        await asyncio.wait((left,), timeout=fault.seconds)
        if left.done():
            return
    left.cancel()
    await send({"type": "http.response.body", "body": _SLOW[-1:]})


async def _endless(_: Fault, receive: Receive, send: Send) -> None:
    await _start(send, 200)
    left = asyncio.ensure_future(_gone(receive))
    while not left.done():
        await send({"type": "http.response.body", "body": _CHUNK, "more_body": True})
        await asyncio.sleep(0)


async def _reset(_: Fault, receive: Receive, send: Send) -> None:
    transport = _transport(send)
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTIVE_CLOSE)
    transport.abort()
    await _gone(receive)


async def _truncated(_: Fault, receive: Receive, send: Send) -> None:
    await _raw(send, receive, stated=len(_GOOD), body=_GOOD[:7])


async def _wrong_length(_: Fault, receive: Receive, send: Send) -> None:
    await _raw(send, receive, stated=len(_GOOD) - 1, body=_GOOD)


_ACTS: Final[dict[str, Callable[[Fault, Receive, Send], Awaitable[None]]]] = {
    "status": _status,
    "hang": _hang,
    "drip": _drip,
    "reset": _reset,
    "truncated": _truncated,
    "wrong-length": _wrong_length,
    "redirect": _redirect,
    "endless": _endless,
}


async def _raw(send: Send, receive: Receive, *, stated: int, body: bytes) -> None:
    """Write an answer whose stated length is not its body's, and close."""
    transport = _transport(send)
    head = ("HTTP/1.1 200 OK", "content-type: application/json", f"content-length: {stated}", "", "")
    transport.write("\r\n".join(head).encode() + body)
    transport.close()
    await _gone(receive)


def _transport(send: Send) -> asyncio.Transport:
    return cast("asyncio.Transport", send.__self__.transport)  # type: ignore[attr-defined]


async def _reply(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    lengths = () if status == 204 else ((b"content-length", str(len(body)).encode()),)
    await _start(send, status, *lengths, *headers)
    await send({"type": "http.response.body", "body": body})


async def _start(send: Send, status: int, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [_JSON, *headers]})


async def _gone(receive: Receive) -> None:
    """Return when the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass

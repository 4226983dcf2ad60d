"""The faults of the simulated API: which are set, and what they send instead of a response.

What HTTP does not allow (a reset, a truncated body, a wrong length) is written to the connection directly,
which is then closed. Faults below TCP, such as lost packets or a silent host, cannot be simulated.
"""

from __future__ import annotations

import asyncio
import math
import re
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType, NoneType
from typing import Final

from exporter.handler import Request, Response

BAD_COUNTS: Final[Mapping[str, bytes]] = MappingProxyType(
    {
        "count-negative": b'{"count": -1}',
        "count-fraction": b'{"count": 1.5}',
        "count-boolean": b'{"count": true}',
        "count-null": b'{"count": null}',
        "count-nan": b'{"count": NaN}',
        "count-text": b'{"count": "12"}',
        "count-array": b"[12]",
        "count-empty": b"",
        "count-html": b"<!doctype html><title>Sign in</title><p>Please sign in.",
        "count-disagrees": b'{"count": 12, "Result": 13}',
        "count-error": b'{"count": 12, "error": "InternalError", "errorCode": 1}',
        "count-message": b'{"count": 12, "message": "partial result"}',
        "count-envelope": b'{"Count": 2, "Result": [{"_id": "1"}, {"_id": "2"}]}',
    }
)
"""Bodies that are not counts, by the kind of fault that sends them with a 200."""

KINDS: Final = (
    "status",
    "hang",
    "drip",
    "reset",
    "truncated",
    "wrong-length",
    "redirect",
    "endless",
    *BAD_COUNTS,
)

_GOOD: Final = b'{"count": 12}'
_SLOW: Final = _GOOD.rjust(120)
_CHUNK: Final = b" " * 65_536
_ABORTIVE_CLOSE: Final = struct.pack("ii", 1, 0)
_JSON: Final = ("Content-Type", "application/json")
_PRINTABLE: Final = re.compile("[ -~]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault for the next `times` requests; without `times`, until it is cleared.

    `status` and `retry_after` (a header's text) belong to kind status; a 204 has no body. `seconds` is the
    time between two bytes of kind drip. ValueError for a wrong value, of whatever type.
    """

    kind: str
    status: int = 500
    retry_after: str | int | None = None
    seconds: float = 1.0
    times: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if type(self.status) is not int or not 200 <= self.status <= 599:
            raise ValueError("status must be a whole number from 200 to 599")
        header = self.retry_after
        if type(header) not in (str, int, NoneType) or not _PRINTABLE.fullmatch(str(header)):
            raise ValueError("retry_after must be seconds or an HTTP date")
        if type(self.seconds) not in (int, float) or not 0 <= self.seconds < math.inf:
            raise ValueError("seconds must be a number from 0")
        if self.times is not None and (type(self.times) is not int or self.times < 1):
            raise ValueError("times must be a whole number from 1 (leave it out for a fault that stays)")


class Faults:
    """The faults that are set: at most one per bot, which has precedence, and one for all. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set: dict[str | None, Fault] = {}

    def set(self, fault: Fault, bot: str | None = None) -> None:
        """Set the fault of one bot, by name, or that of all bots."""
        with self._lock:
            self._set[bot] = fault

    def clear(self, bot: str | None = None) -> None:
        """Clear the fault of one bot; without a name, clear all faults."""
        with self._lock:
            if bot is None:
                self._set.clear()
            else:
                self._set.pop(bot, None)

    def take(self, bot: str) -> Fault | None:
        """Return the fault for the next request of this bot, and count down its `times`."""
        with self._lock:
            where = bot if bot in self._set else None
            fault = self._set.get(where)
            if fault is not None and fault.times is not None:
                if fault.times == 1:
                    del self._set[where]
                else:
                    self._set[where] = replace(fault, times=fault.times - 1)
            return fault

    def now(self) -> dict[str | None, Fault]:
        """Return the faults by bot name; the key None is the fault of all bots."""
        with self._lock:
            return dict(self._set)


async def misbehave(fault: Fault, request: Request) -> Response | None:
    """Return the response of a fault, or None after it has written to the stream itself."""
    if fault.kind in BAD_COUNTS:
        return Response(200, BAD_COUNTS[fault.kind], (_JSON,))
    if fault.kind == "status":
        headers = () if fault.retry_after is None else (("Retry-After", str(fault.retry_after)),)
        body = b"" if fault.status in (204, 304) else b'{"error": "a simulated fault"}'
        return Response(fault.status, body, (_JSON, *headers))
    if fault.kind == "redirect":
        return Response(302, b"", (_JSON, ("Location", "http://127.0.0.1:9/elsewhere")))
    await _write(fault, request)
    return None


async def _write(fault: Fault, request: Request) -> None:
    stream = request.stream
    match fault.kind:
        case "hang":
            await asyncio.Event().wait()  # until the client closes the connection
        case "reset":
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTIVE_CLOSE)
        case "truncated":
            await stream.write(_head(f"content-length: {len(_GOOD)}") + _GOOD[:7])
        case "wrong-length":
            await stream.write(_head(f"content-length: {len(_GOOD) - 1}") + _GOOD)
        case "drip":
            await stream.write(_head(f"content-length: {len(_SLOW)}"))
            for byte in _SLOW[:-1]:
                await stream.write(bytes([byte]))
                await asyncio.sleep(fault.seconds)
            await stream.write(_SLOW[-1:])
        case "endless":
            await stream.write(_head("transfer-encoding: chunked"))
            while True:
                await stream.write(b"%x\r\n%b\r\n" % (len(_CHUNK), _CHUNK))
                await asyncio.sleep(0)


def _head(length: str) -> bytes:
    return "\r\n".join(("HTTP/1.1 200 OK", "content-type: application/json", length, "", "")).encode()

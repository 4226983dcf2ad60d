"""Answers every request with a count, after a latency: the least of an API, in a process of its own.

Each count differs from the one before, and all are equally long. `/-/log` answers with the requests since it
was read last.
"""

from __future__ import annotations

import asyncio
import json
import selectors
import sys
import time
from typing import Final

LOG: Final = b"/-/log"
_END_OF_HEAD: Final = b"\r\n\r\n"
_COUNTS: Final = 80_000
_LEAST_COUNT: Final = 10_000


class Log:
    """Requests: when each came and when its response left, in monotonic seconds, and its target."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, float, str]] = []
        self._counted = 0

    def next_count(self) -> int:
        """Return a count of five digits, another one than before."""
        self._counted += 1
        return _LEAST_COUNT + self._counted % _COUNTS

    def add(self, came: float, target: bytes) -> None:
        """Add a request whose response leaves now."""
        self._entries.append((came, time.monotonic(), target.decode()))

    def take(self) -> bytes:
        """Return all entries as JSON, and forget them."""
        entries, self._entries = self._entries, []
        return json.dumps(entries).encode()


class Connection(asyncio.Protocol):
    """One client, whose requests are answered in their order."""

    def __init__(self, log: Log, latency: float) -> None:
        self._log = log
        self._latency = latency
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        came = time.monotonic()
        *heads, self._read = (self._read + data).split(_END_OF_HEAD)
        for head in heads:
            target = head.split(b" ", 2)[1]
            if target == LOG:
                self._transport.write(_response(self._log.take()))
            elif self._latency:
                # At a time rather than after one: what this process does meanwhile is no latency of the API.
                self._loop.call_at(came + self._latency, self._count, came, target)
            else:
                self._count(came, target)

    def _count(self, came: float, target: bytes) -> None:
        self._transport.write(_response(b'{"count":%d}' % self._log.next_count()))
        self._log.add(came, target)


def _response(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


async def serve(latency: float) -> None:
    """Serve on a free port, which is printed, until the process is ended."""
    log = Log()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(log, latency), "127.0.0.1", 0, backlog=512
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve with the latency that the command line gives, in seconds."""
    latency = float(sys.argv[1])
    # select(2) waits to the microsecond, epoll(7) only to the millisecond: 2 % of 50 ms. But select(2) has no
    # more than 1,024 connections, and a thousand bots have one each.
    kind = selectors.SelectSelector if latency else selectors.DefaultSelector
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(kind())) as runner:
        runner.run(serve(latency))


if __name__ == "__main__":
    main()

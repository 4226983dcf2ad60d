"""The least of an API, in a process of its own: a count to every request, after a latency.

It answers counts as NativeChat does and searches as Elasticsearch does. Each count differs from the one
before, and all are equally long. `/-/log` answers with what was asked since the last such question.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import selectors
import sys
import time
from typing import Final

LOG: Final = b"/-/log"
SEARCH: Final = b"/_search"
ELASTICSEARCH: Final = b"X-Elastic-Product: Elasticsearch\r\n"
_END_OF_HEAD: Final = b"\r\n\r\n"
_COUNTS: Final = 80_000
_LEAST_COUNT: Final = 10_000


class Book:
    """What was asked: when each request came and when its answer left, in monotonic seconds."""

    def __init__(self) -> None:
        self.entries: list[tuple[float, float, str]] = []
        self.asked = 0

    def next_count(self) -> int:
        """Return a count of five digits, another one than before."""
        self.asked += 1
        return _LEAST_COUNT + self.asked % _COUNTS

    def torn_out(self) -> bytes:
        """Return all entries as JSON, and forget them."""
        entries, self.entries = self.entries, []
        return json.dumps(entries).encode()


class Connection(asyncio.Protocol):
    """One client, whose requests are answered in their order."""

    def __init__(self, book: Book, latency: float) -> None:
        self._book = book
        self._latency = latency
        self._loop = asyncio.get_running_loop()
        self._wire: asyncio.Transport
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._wire = transport

    def data_received(self, data: bytes) -> None:
        came = time.monotonic()
        self._read += data
        while (target := self._next_target()) is not None:
            if target == LOG:
                self._wire.write(answer(self._book.torn_out()))
            elif self._latency:
                # At a time rather than after one: what this process does meanwhile is no latency of the API.
                self._loop.call_at(came + self._latency, self._give, came, target)
            else:
                self._give(came, target)

    def _next_target(self) -> bytes | None:
        head, end, rest = self._read.partition(_END_OF_HEAD)
        length = _content_length(head) if head.startswith(b"POST") else 0
        if not end or len(rest) < length:
            return None
        self._read = rest[length:]
        return head.split(b" ", 2)[1]

    def _give(self, came: float, target: bytes) -> None:
        count = self._book.next_count()
        if SEARCH in target:
            hits = b'{"took":1,"timed_out":false,"hits":{"total":{"value":%d,"relation":"eq"},"hits":[]}}'
            self._wire.write(answer(hits % count, ELASTICSEARCH))
        else:
            self._wire.write(answer(b'{"count":%d}' % count))
        self._book.entries.append((came, time.monotonic(), target.decode()))


def answer(body: bytes, headers: bytes = b"") -> bytes:
    """Return a whole HTTP answer with a body of JSON."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b" % (
        headers,
        len(body),
        body,
    )


def _content_length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next((int(value) for name, _, value in lines if name == b"content-length"), 0)


async def serve(latency: float) -> None:
    """Serve on a free port, which is printed, until the process is ended."""
    book = Book()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(book, latency), "127.0.0.1", 0, backlog=512
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Read the latency, and serve."""
    flags = argparse.ArgumentParser(prog="python -m bench.responder")
    flags.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    latency = flags.parse_args().latency
    # epoll would round each wait up to a whole millisecond, which is 2 % of 50 of them.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    asyncio.set_event_loop(loop)
    loop.run_until_complete(serve(latency))


if __name__ == "__main__":
    main()

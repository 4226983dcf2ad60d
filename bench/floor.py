"""The bare operations, in a process of their own: the least that a count, a page or an import can cost.

Each prints a line when it is ready. The loops then read a number of requests from each line of their
input, make them, and print the microseconds of CPU that each took.
"""

from __future__ import annotations

import gzip
import http.client
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench.configs import AUTHORIZATION

IMPORTS: Final = "import requests, prometheus_client, yaml, schedule"
"""What any exporter written with these four packages begins with."""

HEADERS: Final = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}


ANEW: Final = "/anew"
"""Where the static page is compressed anew each time."""


def adapter(url: str) -> Callable[[], object]:
    """Return one call of requests' transport adapter with a request that is prepared already."""
    import requests
    from requests.adapters import HTTPAdapter

    request = requests.Request("GET", url, HEADERS).prepare()
    transport = HTTPAdapter()
    return lambda: transport.send(request, timeout=10.0).content


def client(url: str) -> Callable[[], object]:
    """Return one request of http.client on a connection that stays open."""
    split = urlsplit(url)
    connection = http.client.HTTPConnection(split.netloc)

    def ask() -> bytes:
        connection.request("GET", f"{split.path}?{split.query}", headers=HEADERS)
        return connection.getresponse().read()

    return ask


def static(plain_file: str, gzip_file: str, port: str) -> None:
    """Serve a page that never changes, and its gzip for those who take that, from our own web server."""
    from exporter.handler import Request, Response
    from exporter.web.server import Server, listen

    plain, zipped = Path(plain_file).read_bytes(), Path(gzip_file).read_bytes()

    async def answer(request: Request) -> Response:
        takes_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
        body = zipped if takes_gzip else plain
        if request.path == ANEW:
            body = gzip.compress(plain, 1)
        headers = (("Content-Type", "text/plain"), *((("Content-Encoding", "gzip"),) if takes_gzip else ()))
        return Response(200, body, headers)

    Server(answer, [listen(f"127.0.0.1:{port}")], name="static").start()
    signal.pause()


def loop(ask: Callable[[], object]) -> None:
    """Make as many requests as each line of the input says; print what one cost, in microseconds of CPU."""
    ask()
    print("ready", flush=True)
    for line in sys.stdin:
        times = int(line)
        began = time.process_time()
        for _ in range(times):
            ask()
        print((time.process_time() - began) / times * 1e6, flush=True)


def main() -> None:
    """Run the floor that the command line names."""
    name, *rest = sys.argv[1:]
    if name == "static":
        static(*rest)
    else:
        loop({"adapter": adapter, "client": client}[name](*rest))


if __name__ == "__main__":
    main()

"""A real server on a free port, and a client of the standard library."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator, Mapping

import pytest

from exporter.handler import Handler, Request, Response
from exporter.web.connection import Limits
from exporter.web.server import Server, listen

Answer = tuple[int, http.client.HTTPMessage, bytes]


async def hello(_: Request) -> Response:
    return Response(200, b"hello", (("Content-Type", "text/plain"),))


@pytest.fixture(name="hello")
def _hello() -> Handler:
    """A handler that responds with `hello`."""
    return hello


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Serve a handler until the end of the test; returns its port on 127.0.0.1."""
    servers: list[Server] = []

    def start(
        handler: Handler,
        *,
        tls: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        reads_bodies: bool = False,
    ) -> int:
        listener = listen("127.0.0.1:0")
        port: int = listener.getsockname()[1]
        server = Server(
            handler,
            [listener],
            name="web under test",
            tls=(lambda: tls) if tls else None,
            limits=limits,
            reads_bodies=reads_bodies,
        )
        servers.append(server)
        servers[-1].start()
        return port

    yield start
    for server in servers:
        server.stop(5.0)
        assert not server.alive


@pytest.fixture
def ask() -> Callable[..., Answer]:
    """Make one request over a new connection; returns status, headers and body."""

    def request(
        port: int,
        path: str = "/",
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Answer:
        connection = (
            http.client.HTTPSConnection("127.0.0.1", port, timeout=30.0, context=tls)
            if tls
            else http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)
        )
        try:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    return request

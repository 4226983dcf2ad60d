"""A real server on a free port for each test that asks, and a client of the standard library."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator, Mapping

import pytest

from exporter.web.asgi import App, Receive, Scope, Send
from exporter.web.connection import Limits
from exporter.web.server import Server, listen

Answer = tuple[int, http.client.HTTPMessage, bytes]


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"5"), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture(name="hello")
def _hello() -> App:
    """An application that says hello."""
    return hello


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Serve an application until the test's end; gives its port on 127.0.0.1."""
    servers: list[Server] = []

    def start(app: App, *, tls: ssl.SSLContext | None = None, limits: Limits | None = None) -> int:
        listener = listen("127.0.0.1:0")
        port: int = listener.getsockname()[1]
        servers.append(Server(app, [listener], name="web under test", tls=tls, limits=limits))
        servers[-1].start()
        return port

    yield start
    for server in servers:
        server.stop(5.0)
        assert not server.alive


@pytest.fixture
def ask() -> Callable[..., Answer]:
    """Make one request over a connection of its own; gives status, headers and body."""

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

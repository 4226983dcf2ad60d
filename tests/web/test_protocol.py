"""Laws of HTTP/1.1 on one connection, as its client sees them."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from exporter.handler import Handler, Request, Response, text

Serve = Callable[..., int]
GET = b"GET / HTTP/1.1\r\nHost: here\r\n"


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30.0) as client:
        yield client


def received(port: int, request: bytes) -> bytes:
    """Send bytes, and return all that comes back until the connection is closed."""
    with connected(port) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


async def echo(request: Request) -> Response:
    """Respond with the parts of the request."""
    return text(200, f"{request.method} {request.path} {request.query} {len(request.body)}")


async def failing(_: Request) -> Response:
    raise RuntimeError("token=hunter2")


def answered(port: int, request: bytes) -> bytes:
    """Return the body of one response, on a connection that is closed after it."""
    answer = received(port, request)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
    return answer.partition(b"\r\n\r\n")[2]


POST = b"POST /?a=b HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"


@pytest.mark.parametrize("size", [0, 5, 60_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_reaches_a_handler_that_reads_bodies_whole(serve: Serve, size: int, chunked: bool) -> None:
    port, body = serve(echo, reads_bodies=True), b"x" * size
    if chunked:
        part = b"%x\r\n%b\r\n" % (size, body) if size else b""
        request = POST + b"Transfer-Encoding: chunked\r\n\r\n" + part + b"0\r\n\r\n"
    else:
        request = POST + b"Content-Length: %d\r\n\r\n" % size + body
    assert answered(port, request) == b"POST / a=b %d\n" % size


def test_a_body_is_discarded_unless_the_handler_reads_bodies(serve: Serve) -> None:
    with connected(serve(echo)) as client:
        for _ in range(2):
            client.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000)
            assert client.recv(1 << 16).endswith(b"\r\n\r\nPOST /  0\n")


@pytest.mark.parametrize("how", [b"Content-Length: 65537", b"Transfer-Encoding: chunked"])
def test_a_body_beyond_the_limit_is_refused(serve: Serve, how: bytes) -> None:
    with connected(serve(echo, reads_bodies=True)) as client:
        client.sendall(POST + how + b"\r\n\r\n")
        if b"chunked" in how:
            client.sendall(b"10001\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_expects_100_continue_gets_it(serve: Serve) -> None:
    with connected(serve(echo, reads_bodies=True)) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"ok")
        assert client.recv(1 << 16).endswith(b"\r\n\r\nPUT /  2\n")


def test_http_1_0_gets_a_response_and_a_close(serve: Serve) -> None:
    assert answered(serve(echo), b"GET /a HTTP/1.0\r\n\r\n") == b"GET /a  0\n"


def test_http_1_0_may_keep_its_connection(serve: Serve) -> None:
    answer = received(
        serve(echo), b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + b"GET /b HTTP/1.0\r\n\r\n"
    )
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.endswith(b"GET /b  0\n")


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        (b"/metrics", b"/metrics "),
        (b"/a%20b?c=%20", b"/a b c=%20"),
        (b"http://here/metrics?a=b", b"/metrics a=b"),
        (b"https://here:1234/metrics", b"/metrics "),
        (b"http://here", b"/ "),
    ],
)
def test_a_target_may_be_a_path_or_a_whole_url(serve: Serve, target: bytes, asked: bytes) -> None:
    request = b"GET %b HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n" % target
    assert answered(serve(echo), request) == b"GET %b 0\n" % asked


def test_an_empty_line_before_a_request_is_ignored(serve: Serve, hello: Handler) -> None:
    with connected(serve(hello)) as client:
        for _ in range(2):
            client.sendall(b"\r\n" + GET + b"\r\n")
            assert client.recv(1 << 16).endswith(b"\r\n\r\nhello")


def test_headers_and_a_short_body_come_in_one_packet(serve: Serve, hello: Handler) -> None:
    with connected(serve(hello)) as client:
        client.sendall(GET + b"\r\n")
        assert client.recv(1 << 16).endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: b\r\n"])
def test_a_request_without_one_host_is_refused(serve: Serve, hello: Handler, hosts: bytes) -> None:
    with connected(serve(hello)) as client:
        client.sendall(b"GET / HTTP/1.1\r\n" + hosts + b"\r\n")
        answer = client.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"\r\n\r\nthere must be one Host header\n")


@pytest.mark.parametrize(
    "request_", [b"NONSENSE\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\nHost\r\n\r\n"]
)
def test_a_malformed_request_gets_a_400(serve: Serve, hello: Handler, request_: bytes) -> None:
    answer = received(serve(hello), request_)
    assert answer == b"HTTP/1.1 400 Bad Request\r\n\r\n"


def test_a_malformed_second_request_closes_the_connection(serve: Serve, hello: Handler) -> None:
    answer = received(serve(hello), GET + b"\r\nNONSENSE\r\n\r\n")
    assert answer.count(b"HTTP/1.1") == 2
    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_a_malformed_body_closes_the_connection(serve: Serve) -> None:
    head = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert received(serve(echo), head + b"nonsense\r\n") == b"HTTP/1.1 400 Bad Request\r\n\r\n"


def test_a_handler_that_fails_is_a_500_without_details_and_is_logged_once(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    answer = received(serve(failing), GET + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert answer.endswith(b"\r\n\r\nthe server failed to answer\n")
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1


def test_a_request_to_upgrade_gets_an_ordinary_response(serve: Serve, hello: Handler) -> None:
    with connected(serve(hello)) as client:
        client.sendall(GET + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")

"""Laws of HTTP/1.1 on one connection, as seen from its other end."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from exporter.web.asgi import App, Receive, Scope, Send, text

Serve = Callable[..., int]
GET = b"GET / HTTP/1.1\r\nHost: here\r\n"


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30.0) as client:
        yield client


def said(port: int, request: bytes) -> bytes:
    """Say something, and return all that is answered until the connection is closed."""
    with connected(port) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the request's body."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    await text(200, f"{len(body)} {scope['query_string'].decode()}").send(send)


async def streaming(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for part in (b"one ", b"two "):
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"three"})


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/late":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
    if scope["path"] != "/silent":
        raise RuntimeError("token=hunter2")


@pytest.mark.parametrize("size", [0, 5, 1 << 20])
def test_a_body_reaches_the_application_whole(serve: Serve, size: int) -> None:
    head = b"POST /?a=b HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
    assert said(serve(echo), head + b"x" * size).endswith(b"\r\n\r\n%d a=b\n" % size)


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(serve: Serve) -> None:
    with connected(serve(echo)) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"ok")
        assert client.recv(1 << 16).endswith(b"\r\n\r\n2 \n")


def test_an_answer_in_parts_arrives_in_chunks(serve: Serve) -> None:
    answer = said(serve(streaming), GET + b"Connection: close\r\n\r\n")
    assert b"transfer-encoding: chunked" in answer.lower()
    assert answer.endswith(b"\r\n\r\n4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n")


def test_an_old_client_gets_the_same_without_chunks_and_its_end(serve: Serve) -> None:
    answer = said(serve(streaming), b"GET / HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\none two three")


def test_head_and_body_come_in_one_packet(serve: Serve, hello: App) -> None:
    with connected(serve(hello)) as client:
        client.sendall(GET + b"\r\n")
        assert client.recv(1 << 16).endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize(
    "request_",
    [b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
)
def test_what_is_no_request_is_told_so(serve: Serve, hello: App, request_: bytes) -> None:
    answer = said(serve(hello), request_)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"\r\n\r\nthis is no HTTP request, or its headers are longer than is taken here\n")


def test_nonsense_after_a_request_ends_the_connection(serve: Serve, hello: App) -> None:
    answer = said(serve(hello), GET + b"\r\nNONSENSE\r\n\r\n")
    assert answer.count(b"HTTP/1.1") == 2
    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_nonsense_amid_a_body_ends_the_connection(serve: Serve) -> None:
    head = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert said(serve(echo), head + b"nonsense\r\n") == b""


@pytest.mark.parametrize(
    ("path", "start", "end"),
    [
        (b"/", b"HTTP/1.1 500 Internal Server Error\r\n", b"\r\n\r\nthe server failed to answer\n"),
        (b"/silent", b"HTTP/1.1 500 Internal Server Error\r\n", b"\r\n\r\nthe server failed to answer\n"),
        (b"/late", b"HTTP/1.1 200 OK\r\n", b"\r\n\r\nhalf"),
    ],
)
def test_an_application_that_fails_ends_its_connection_and_shows_nothing(
    serve: Serve, caplog: pytest.LogCaptureFixture, path: bytes, start: bytes, end: bytes
) -> None:
    answer = said(serve(failing), GET.replace(b" / ", b" %b " % path) + b"\r\n")
    assert answer.startswith(start)
    assert answer.endswith(end)
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) <= 1


def test_an_upgrade_that_is_not_ours_is_answered_as_if_it_were_not_asked_for(
    serve: Serve, hello: App
) -> None:
    answer = said(serve(hello), GET + b"Connection: close, upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK")

"""Laws of the limits on clients: none of them keeps a scrape from its response."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.client
import logging
import resource
import select
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from time import monotonic, process_time

import pytest
import trustme

from exporter.handler import Handler, Request, Response
from exporter.web.connection import Limits

Ask = Callable[..., tuple[int, http.client.HTTPMessage, bytes]]
Serve = Callable[..., int]
Tls = tuple[ssl.SSLContext, ssl.SSLContext]

PATIENCE = 30.0
"""Seconds that a client waits before its test fails."""

LONG = 2 * PATIENCE
"""Seconds before a client that does nothing is closed: a scrape that waits for this fails its test."""

BIG = b"x" * (16 << 20)


async def big(_: Request) -> Response:
    return Response(200, BIG)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> Tls:
    """The contexts of a server and of a client that trusts it."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    return server, client


@pytest.fixture
def crowd() -> Iterator[Callable[[int, int, bytes], list[socket.socket]]]:
    """Open many connections that send the same few bytes and then nothing."""
    with contextlib.ExitStack() as stack:

        def gather(port: int, size: int, data: bytes) -> list[socket.socket]:
            clients = []
            for _ in range(size):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
                client.sendall(data)
                clients.append(client)
            return clients

        yield gather


def closed(client: socket.socket) -> bool:
    """Wait until the server has closed a connection; False after the socket's timeout."""
    try:
        while client.recv(1 << 20):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


def assert_answered(ask: Ask, port: int, tls: ssl.SSLContext | None = None) -> None:
    for _ in range(20):
        status, _, body = ask(port, tls=tls)
        assert (status, body) == (200, b"hello")


def test_hundreds_of_half_open_requests_do_not_delay_a_scrape(
    serve: Serve, ask: Ask, hello: Handler, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(connections=200, idle_time=LONG))
    crowd(port, 500, b"GET /metrics HTTP/1.1\r\nHost: he")
    assert_answered(ask, port)


def test_half_open_and_silent_tls_clients_do_not_delay_a_scrape(
    serve: Serve,
    ask: Ask,
    hello: Handler,
    crowd: Callable[..., list[socket.socket]],
    tls: Tls,
) -> None:
    port = serve(hello, tls=tls[0], limits=Limits(tls_connections=100, idle_time=LONG))
    crowd(port, 200, b"\x16\x03\x01")
    crowd(port, 50, b"")
    assert_answered(ask, port, tls[1])


def test_slow_readers_do_not_delay_a_scrape_and_only_a_few_stay_connected(
    serve: Serve, ask: Ask, hello: Handler, crowd: Callable[..., list[socket.socket]]
) -> None:
    async def app(request: Request) -> Response | None:
        return await (big if request.path == "/big" else hello)(request)

    port = serve(app, limits=Limits(unread_responses=3, reading_time=LONG))
    readers = crowd(port, 10, b"GET /big HTTP/1.1\r\nHost: here\r\n\r\n")
    assert_answered(ask, port)
    assert [len(drain(reader)) >= len(BIG) for reader in readers].count(True) == 3


def drain(client: socket.socket) -> bytes:
    """Read until the server closes, or a whole big response is there."""
    got = bytearray()
    with contextlib.suppress(ConnectionError):
        while len(got) < len(BIG) and (part := client.recv(1 << 20)):
            got += part
    return bytes(got)


def test_the_oldest_request_that_is_incomplete_makes_room_for_another(
    serve: Serve, hello: Handler, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(connections=16))
    first, second, *_ = crowd(port, 16, b"GET")
    (third,) = crowd(port, 1, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert third.recv(4096).startswith(b"HTTP/1.1 200")
    assert closed(first)
    second.sendall(b" / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert second.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_request_being_handled_is_not_closed_for_another(
    serve: Serve, crowd: Callable[..., list[socket.socket]]
) -> None:
    release: list[Callable[[], object]] = []

    asked = threading.Event()

    async def slow(_: Request) -> Response:
        loop, may_answer = asyncio.get_running_loop(), asyncio.Event()
        release.append(lambda: loop.call_soon_threadsafe(may_answer.set))
        asked.set()
        await may_answer.wait()
        return Response(200, b"ok")

    port = serve(slow, limits=Limits(connections=1))
    (served,) = crowd(port, 1, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert asked.wait(PATIENCE)
    with contextlib.suppress(ConnectionError):  # it may be reset before it has connected
        assert closed(*crowd(port, 1, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"))
    release[0]()
    assert served.recv(4096).endswith(b"ok")


def test_headers_that_never_end_are_closed_after_the_idle_time(
    serve: Serve, hello: Handler, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(idle_time=0.2))
    clients = crowd(port, 1, b"GET / HTTP/1.1\r\n") + crowd(port, 1, b"")
    assert all(map(closed, clients))


def test_headers_sent_byte_by_byte_get_no_more_time(
    serve: Serve, hello: Handler, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(idle_time=0.3))
    (client,) = crowd(port, 1, b"GET / HTTP/1.1\r\n")
    client.settimeout(0.02)
    give_up = monotonic() + PATIENCE
    while not closed(client):
        assert monotonic() < give_up
        with contextlib.suppress(ConnectionError):
            client.sendall(b"a")


def test_a_second_request_that_never_ends_is_closed_too(
    serve: Serve, hello: Handler, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(idle_time=0.3))
    (client,) = crowd(port, 1, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert client.recv(4096).startswith(b"HTTP/1.1 200")
    client.sendall(b"GET / HT")
    assert closed(client)


def test_a_body_that_never_ends_is_closed(
    serve: Serve, hello: Handler, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(idle_time=0.2))
    (client,) = crowd(port, 1, b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 99\r\n\r\n")
    client.sendall(b"never more than this")
    assert closed(client)


def test_an_idle_connection_is_closed_after_its_time(serve: Serve, hello: Handler) -> None:
    port = serve(hello, limits=Limits(idle_time=0.2))
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    client.request("GET", "/")
    client.getresponse().read()
    assert closed(client.sock)
    client.close()


def test_a_silent_tls_client_is_closed(
    serve: Serve, hello: Handler, crowd: Callable[..., list[socket.socket]], tls: Tls
) -> None:
    port = serve(hello, tls=tls[0], limits=Limits(idle_time=0.2))
    (client,) = crowd(port, 1, b"")
    assert closed(client)


def test_plain_http_on_a_tls_port_is_closed_at_once(
    serve: Serve, hello: Handler, crowd: Callable[..., list[socket.socket]], tls: Tls
) -> None:
    port = serve(hello, tls=tls[0], limits=Limits(idle_time=LONG))
    (client,) = crowd(port, 1, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert closed(client)


def test_a_client_that_leaves_amid_its_handshake_leaves_nothing_behind(
    serve: Serve, ask: Ask, hello: Handler, tls: Tls
) -> None:
    port = serve(hello, tls=tls[0], limits=Limits(tls_connections=16))
    for _ in range(40):
        socket.create_connection(("127.0.0.1", port)).close()
    assert_answered(ask, port, tls[1])


@pytest.mark.parametrize("secure", [False, True])
def test_a_response_that_is_not_read_is_closed_after_the_reading_time(
    serve: Serve, tls: Tls, secure: bool
) -> None:
    port = serve(big, tls=tls[0] if secure else None, limits=Limits(reading_time=0.3))
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
        if secure:
            client = stack.enter_context(tls[1].wrap_socket(client, server_hostname="127.0.0.1"))
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        assert len(drain_late(client)) < len(BIG)


def test_a_response_that_was_read_leaves_no_time_limit_behind(serve: Serve) -> None:
    port = serve(big, limits=Limits(reading_time=1.0))
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert len(drain(client)) >= len(BIG)
        assert not select.select([client], [], [], 1.2)[0]


def test_a_half_closed_client_gets_its_response(serve: Serve) -> None:
    may_answer = threading.Event()

    async def slow(_: Request) -> Response:
        await asyncio.to_thread(may_answer.wait, PATIENCE)
        return Response(200, b"ok")

    with socket.create_connection(("127.0.0.1", serve(slow)), timeout=PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        may_answer.set()
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"ok")


def drain_late(client: socket.socket) -> bytes:
    """Wait for the server's reset without reading, then read what had arrived."""
    poll = select.poll()
    poll.register(client, select.POLLERR | select.POLLHUP)
    assert poll.poll(1000 * PATIENCE)
    return drain(client)


def test_a_big_response_reaches_a_client_that_reads_it(serve: Serve, ask: Ask, tls: Tls) -> None:
    limits = Limits(reading_time=PATIENCE, unread_responses=1)
    assert ask(serve(big, limits=limits))[2] == BIG
    assert ask(serve(big, limits=limits, tls=tls[0]), tls=tls[1])[2] == BIG


def test_headers_beyond_their_limit_are_refused(
    serve: Serve, hello: Handler, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(header_size=1_000))
    (client,) = crowd(port, 1, b"GET / HTTP/1.1\r\nX: " + b"x" * 2_000)
    assert client.recv(4096).startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert closed(client)


def test_pipelined_requests_are_handled_in_order(
    serve: Serve, hello: Handler, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello)
    (client,) = crowd(port, 1, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n" * 3)
    got = b""
    while got.count(b"hello") < 3:
        got += client.recv(4096)
    assert got.count(b"HTTP/1.1 200") == 3


def test_one_connection_serves_many_tls_requests(serve: Serve, hello: Handler, tls: Tls) -> None:
    port = serve(hello, tls=tls[0])
    client = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=tls[1])
    for _ in range(5):
        client.request("GET", "/")
        assert client.getresponse().read() == b"hello"
    client.close()


def test_silent_connections_close_neither_half_a_handshake_nor_half_a_request(
    serve: Serve, hello: Handler, crowd: Callable[..., list[socket.socket]], tls: Tls
) -> None:
    rest = b" / HTTP/1.1\r\nHost: here\r\n\r\n"
    port = serve(hello, limits=Limits(connections=20, idle_time=LONG))
    amid = crowd(port, 10, b"GET")
    silent = crowd(port, 100, b"")
    assert [closed(client) for client in silent[:50]] == [True] * 50
    for client in amid:
        client.sendall(rest)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
    port = serve(hello, tls=tls[0], limits=Limits(tls_connections=20, idle_time=LONG))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    handshake = tls[1].wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with contextlib.suppress(ssl.SSLWantReadError):
        handshake.do_handshake()
    (client,) = crowd(port, 1, outgoing.read())
    incoming.write(client.recv(1 << 16))
    silent = crowd(port, 100, b"")
    assert [closed(client) for client in silent[:50]] == [True] * 50
    handshake.do_handshake()
    client.sendall(outgoing.read())
    handshake.write(b"GET" + rest)
    client.sendall(outgoing.read())
    while True:
        with contextlib.suppress(ssl.SSLWantReadError):
            assert handshake.read(4096).startswith(b"HTTP/1.1 200")
            break
        incoming.write(client.recv(1 << 16))


@pytest.mark.parametrize("secure", [False, True])
def test_a_response_that_is_not_read_is_freed_when_its_connection_is(
    serve: Serve, tls: Tls, secure: bool
) -> None:
    """It is freed at once: no cycle waits for the garbage collector."""
    body = bytes(1 << 24)

    async def answer(_: Request) -> Response:
        return Response(200, body)

    port = serve(
        answer, tls=tls[0] if secure else None, limits=Limits(unread_responses=60, reading_time=LONG)
    )
    before = sys.getrefcount(body)
    gc.disable()
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(10):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
                if secure:
                    client = stack.enter_context(tls[1].wrap_socket(client, server_hostname="127.0.0.1"))
                client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
                client.recv(1)
            assert sys.getrefcount(body) > before + 9
        give_up = monotonic() + PATIENCE
        while sys.getrefcount(body) > before:
            assert monotonic() < give_up
    finally:
        gc.enable()


def test_different_responses_that_are_not_read_are_limited_in_bytes(
    serve: Serve, ask: Ask, crowd: Callable[..., list[socket.socket]]
) -> None:
    async def anew(_: Request) -> Response:
        return Response(200, bytes(len(BIG)))

    limits = Limits(unread_bytes=3 * len(BIG), reading_time=LONG)
    port = serve(anew, limits=limits)
    readers = []
    for _ in range(8):
        (reader,) = crowd(port, 1, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert reader.recv(1)
        readers.append(reader)
    assert [len(drain(reader)) >= len(BIG) for reader in readers].count(True) == 3


def test_a_handler_is_cancelled_when_its_client_hangs_up(serve: Serve) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def wait(_: Request) -> Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return Response(200)

    with socket.create_connection(("127.0.0.1", serve(wait)), timeout=PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert begun.wait(PATIENCE)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert cancelled.wait(PATIENCE)


def test_without_descriptors_the_server_pauses_and_logs_once(
    serve: Serve, hello: Handler, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port = serve(hello)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as kept:
        kept.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert kept.recv(4096).startswith(b"HTTP/1.1 200")
        with socket.socket() as newcomer:
            newcomer.settimeout(PATIENCE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                newcomer.connect(("127.0.0.1", port))
                newcomer.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
                began = process_time()
                assert not select.select([newcomer], [], [], 1.2)[0]
                assert process_time() - began < 0.6
                kept.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
                assert kept.recv(4096).startswith(b"HTTP/1.1 200")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert newcomer.recv(4096).startswith(b"HTTP/1.1 200")
    outage = [message for message in caplog.messages if message.startswith("connections ")]
    assert outage == ["connections cannot be accepted", "connections are accepted again"]

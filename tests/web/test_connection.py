"""Laws of what clients may hold: none of them keeps a scrape from its answer."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from time import monotonic

import pytest
import trustme

from exporter.web.asgi import App, Receive, Scope, Send
from exporter.web.connection import Limits

Ask = Callable[..., tuple[int, http.client.HTTPMessage, bytes]]
Serve = Callable[..., int]
Tls = tuple[ssl.SSLContext, ssl.SSLContext]

PATIENCE = 30.0
"""Seconds that a client waits at most."""

LONG = 2 * PATIENCE
"""Seconds after which a client that does nothing is cut off: too late for a scrape that waits for it."""

BIG = b"x" * (16 << 20)


async def big(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"%d" % len(BIG))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BIG})


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> Tls:
    """A server's context, and that of a client who trusts it."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    return server, client


@pytest.fixture
def crowd() -> Iterator[Callable[[int, int, bytes], list[socket.socket]]]:
    """Open many connections that each say the same few bytes and then nothing."""
    with contextlib.ExitStack() as stack:

        def gather(port: int, size: int, says: bytes) -> list[socket.socket]:
            clients = []
            for _ in range(size):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
                client.sendall(says)
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
    serve: Serve, ask: Ask, hello: App, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(connections=200, header_time=LONG))
    crowd(port, 500, b"GET /metrics HTTP/1.1\r\nHost: he")
    assert_answered(ask, port)


def test_half_open_and_silent_tls_clients_do_not_delay_a_scrape(
    serve: Serve,
    ask: Ask,
    hello: App,
    crowd: Callable[..., list[socket.socket]],
    tls: Tls,
) -> None:
    port = serve(hello, tls=tls[0], limits=Limits(tls_connections=200, header_time=LONG))
    crowd(port, 500, b"\x16\x03\x01")
    crowd(port, 50, b"")
    assert_answered(ask, port, tls[1])


def test_slow_readers_do_not_delay_a_scrape_and_only_a_few_are_kept(
    serve: Serve, ask: Ask, hello: App, crowd: Callable[..., list[socket.socket]]
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (big if scope["path"] == "/big" else hello)(scope, receive, send)

    port = serve(app, limits=Limits(unread_answers=3, reading_time=LONG))
    readers = crowd(port, 10, b"GET /big HTTP/1.1\r\nHost: here\r\n\r\n")
    assert_answered(ask, port)
    assert [len(drain(reader)) >= len(BIG) for reader in readers].count(True) == 3


def drain(client: socket.socket) -> bytes:
    """Read until the server closes, or a whole big answer is there."""
    got = bytearray()
    with contextlib.suppress(ConnectionError):
        while len(got) < len(BIG) and (part := client.recv(1 << 20)):
            got += part
    return bytes(got)


def test_a_full_house_drops_the_one_that_has_waited_longest(
    serve: Serve, hello: App, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(connections=2))
    first, second = crowd(port, 2, b"GET")
    (third,) = crowd(port, 1, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert third.recv(4096).startswith(b"HTTP/1.1 200")
    assert closed(first)
    second.sendall(b" / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert second.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_house_full_of_requests_being_answered_refuses_the_newcomer(
    serve: Serve, crowd: Callable[..., list[socket.socket]]
) -> None:
    release: list[Callable[[], object]] = []

    async def thoughtful(scope: Scope, receive: Receive, send: Send) -> None:
        loop, may_answer = asyncio.get_running_loop(), asyncio.Event()
        release.append(lambda: loop.call_soon_threadsafe(may_answer.set))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await may_answer.wait()
        await send({"type": "http.response.body", "body": b"ok"})

    port = serve(thoughtful, limits=Limits(connections=1))
    (served,) = crowd(port, 1, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert served.recv(4096).startswith(b"HTTP/1.1 200")
    with contextlib.suppress(ConnectionError):  # it may be refused before it knows that it was let in
        assert closed(*crowd(port, 1, b""))
    release[0]()
    assert served.recv(4096) == b"ok"


def test_headers_that_never_end_are_cut_off(
    serve: Serve, hello: App, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(header_time=0.2))
    clients = crowd(port, 1, b"GET / HTTP/1.1\r\n") + crowd(port, 1, b"")
    assert all(map(closed, clients))


def test_headers_dripped_byte_by_byte_gain_no_time(
    serve: Serve, hello: App, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(header_time=0.3))
    (client,) = crowd(port, 1, b"GET / HTTP/1.1\r\n")
    client.settimeout(0.02)
    give_up = monotonic() + PATIENCE
    while not closed(client):
        assert monotonic() < give_up
        with contextlib.suppress(ConnectionError):
            client.sendall(b"a")


def test_a_second_request_that_never_ends_is_cut_off_too(
    serve: Serve, hello: App, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(header_time=1.0))
    (client,) = crowd(port, 1, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert client.recv(4096).startswith(b"HTTP/1.1 200")
    client.sendall(b"GET / HT")
    assert closed(client)


def test_a_body_that_never_ends_is_cut_off(
    serve: Serve, hello: App, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(header_time=1.0, idle_time=0.2))
    (client,) = crowd(port, 1, b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 99\r\n\r\n")
    assert client.recv(4096).startswith(b"HTTP/1.1 200")
    client.sendall(b"never more than this")
    assert closed(client)


def test_an_idle_connection_outlives_the_time_for_headers_but_not_its_own(serve: Serve, hello: App) -> None:
    port = serve(hello, limits=Limits(header_time=0.8, idle_time=1.2))
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    begin = monotonic()
    client.request("GET", "/")
    client.getresponse().read()
    assert closed(client.sock)
    assert monotonic() - begin >= 1.2
    client.close()


def test_a_silent_tls_client_is_cut_off(
    serve: Serve, hello: App, crowd: Callable[..., list[socket.socket]], tls: Tls
) -> None:
    port = serve(hello, tls=tls[0], limits=Limits(header_time=0.2))
    (client,) = crowd(port, 1, b"")
    assert closed(client)


def test_plain_http_on_a_tls_port_is_cut_off_at_once(
    serve: Serve, hello: App, crowd: Callable[..., list[socket.socket]], tls: Tls
) -> None:
    port = serve(hello, tls=tls[0], limits=Limits(header_time=LONG))
    (client,) = crowd(port, 1, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert closed(client)


def test_a_client_that_leaves_amid_its_handshake_leaves_nothing_behind(
    serve: Serve, ask: Ask, hello: App, tls: Tls
) -> None:
    port = serve(hello, tls=tls[0], limits=Limits(tls_connections=2))
    for _ in range(20):
        socket.create_connection(("127.0.0.1", port)).close()
    assert_answered(ask, port, tls[1])


@pytest.mark.parametrize("secure", [False, True])
def test_an_answer_that_is_not_read_is_cut_off(serve: Serve, tls: Tls, secure: bool) -> None:
    port = serve(big, tls=tls[0] if secure else None, limits=Limits(reading_time=0.3))
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
        if secure:
            client = stack.enter_context(tls[1].wrap_socket(client, server_hostname="127.0.0.1"))
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        assert len(drain_late(client)) < len(BIG)


def test_the_time_for_reading_an_answer_is_its_own(serve: Serve) -> None:
    port = serve(big, limits=Limits(reading_time=3.0))
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        for wait in (2.0, 1.8):  # the second one is read whole after more than the time of the first
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            assert not select.select([], [], [], wait)[0]
            assert len(drain(client)) >= len(BIG)


def test_a_client_that_has_said_all_it_will_is_answered(serve: Serve) -> None:
    may_answer = threading.Event()

    async def thoughtful(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(may_answer.wait, PATIENCE)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    with socket.create_connection(("127.0.0.1", serve(thoughtful)), timeout=PATIENCE) as client:
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


def test_a_big_answer_reaches_whoever_reads_it(serve: Serve, ask: Ask, tls: Tls) -> None:
    limits = Limits(reading_time=PATIENCE, unread_answers=1)
    assert ask(serve(big, limits=limits))[2] == BIG
    assert ask(serve(big, limits=limits, tls=tls[0]), tls=tls[1])[2] == BIG


def test_headers_beyond_their_limit_are_refused(
    serve: Serve, hello: App, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello, limits=Limits(header_size=1_000))
    (client,) = crowd(port, 1, b"GET / HTTP/1.1\r\nX: " + b"x" * 2_000)
    assert client.recv(4096).startswith(b"HTTP/1.1 400")
    assert closed(client)


def test_pipelined_requests_are_answered_in_order(
    serve: Serve, hello: App, crowd: Callable[..., list[socket.socket]]
) -> None:
    port = serve(hello)
    (client,) = crowd(port, 1, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n" * 3)
    got = b""
    while got.count(b"hello") < 3:
        got += client.recv(4096)
    assert got.count(b"HTTP/1.1 200") == 3


def test_one_connection_serves_many_tls_requests(serve: Serve, hello: App, tls: Tls) -> None:
    port = serve(hello, tls=tls[0])
    client = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=tls[1])
    for _ in range(5):
        client.request("GET", "/")
        assert client.getresponse().read() == b"hello"
    client.close()

"""Laws of listening, serving and stopping."""

from __future__ import annotations

import asyncio
import http.client
import socket
import sys
import threading
from collections.abc import Callable
from time import monotonic

import pytest

from exporter.handler import Handler, Request, Response
from exporter.web.server import ListenError, Server, address_of, listen

Ask = Callable[..., tuple[int, http.client.HTTPMessage, bytes]]
Serve = Callable[..., int]

PATIENCE = 30.0
"""Seconds for what happens at once on a machine that does nothing else."""


def reach(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=PATIENCE).close()


def is_open(port: int) -> bool:
    try:
        reach("127.0.0.1", port)
    except ConnectionError:
        return False
    return True


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("address", "host"),
    [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1"), ("localhost:0", "localhost"), (":0", "127.0.0.1")],
)
def test_a_listener_can_be_reached_at_its_address(address: str, host: str) -> None:
    with listen(address) as listener:
        reach(host, port_of(listener))


def test_an_address_without_a_host_is_every_interface_over_both_protocols() -> None:
    with listen(":0") as listener:
        reach("127.0.0.1", port_of(listener))
        reach("::1", port_of(listener))


def test_an_address_without_a_host_is_ipv4_where_the_machine_has_no_ipv6(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with listen(":0") as listener:
        assert address_of(listener).startswith("0.0.0.0:")


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0"])
def test_the_address_of_a_listener_can_be_listened_on_again(address: str) -> None:
    with listen(address) as first:
        where = address_of(first)
    with listen(where) as second:
        assert address_of(second) == where


@pytest.mark.parametrize("host", ["a..b", "a" * 64])
def test_a_malformed_host_name_is_refused(host: str) -> None:
    with pytest.raises(ListenError, match=f"no host is called '{host}'"):
        listen(f"{host}:80")


def test_a_taken_port_is_refused_with_its_reason_and_advice() -> None:
    with listen("127.0.0.1:0") as taken, pytest.raises(ListenError) as refused:
        listen(address_of(taken))
    assert "address already in use (choose another address or port" in str(refused.value)


def test_an_unknown_host_is_refused_by_name() -> None:
    with pytest.raises(ListenError, match=r"no host is called 'nowhere\.invalid'"):
        listen("nowhere.invalid:0")


def test_a_server_serves_on_each_of_its_listeners(hello: Handler, ask: Ask) -> None:
    listeners = [listen("127.0.0.1:0"), listen(":0")]
    ports = [port_of(listener) for listener in listeners]
    server = Server(hello, listeners, name="two")
    server.start()
    assert [ask(port)[::2] for port in ports] == [(200, b"hello")] * 2
    server.stop(PATIENCE)


def test_a_server_lives_from_its_start_to_its_stop_in_a_daemon_thread_of_its_name(hello: Handler) -> None:
    server = Server(hello, [listen("127.0.0.1:0")], name="server")
    assert not server.alive
    server.start()
    assert server.alive
    assert [thread.daemon for thread in threading.enumerate() if thread.name == "server"] == [True]
    server.stop(PATIENCE)
    assert not server.alive
    assert "server" not in {thread.name for thread in threading.enumerate()}


def test_a_response_has_a_date_and_does_not_name_the_server(serve: Serve, ask: Ask, hello: Handler) -> None:
    _, headers, _ = ask(serve(hello))
    assert headers["date"].endswith(" GMT")
    assert "server" not in headers


def test_a_server_that_cannot_listen_raises_at_its_start(hello: Handler) -> None:
    closed = listen("127.0.0.1:0")
    closed.close()
    server = Server(hello, [closed], name="closed")
    with pytest.raises(OSError, match="Bad file descriptor"):
        server.start()
    assert not server.alive
    server.stop(1.0)


def test_an_unexpected_end_is_reported() -> None:
    async def collapse(_: Request) -> Response:
        asyncio.get_running_loop().call_soon(sys.exit, "it broke")
        return Response(200)

    errors: list[BaseException] = []
    reported = threading.Event()

    def report(error: BaseException) -> None:
        errors.append(error)
        reported.set()

    listener = listen("127.0.0.1:0")
    port = port_of(listener)
    server = Server(collapse, [listener], name="broken", on_error=report)
    server.start()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert reported.wait(PATIENCE)
    assert str(errors[0]) == "it broke"
    server.stop(PATIENCE)
    assert not server.alive


def test_stopping_twice_or_before_the_start_changes_nothing(hello: Handler) -> None:
    listener = listen("127.0.0.1:0")
    Server(hello, [listener], name="never started").stop(1.0)
    assert listener.fileno() == -1
    server = Server(hello, [listen("127.0.0.1:0")], name="once")
    server.start()
    server.stop(PATIENCE)
    server.stop(PATIENCE)


def test_stopping_lets_open_requests_finish_and_accepts_no_new_ones() -> None:
    arrived, may_answer = threading.Event(), threading.Event()

    async def slow(_: Request) -> Response:
        arrived.set()
        await asyncio.to_thread(may_answer.wait, PATIENCE)
        return Response(200, b"done")

    listener = listen("127.0.0.1:0")
    port = port_of(listener)
    server = Server(slow, [listener], name="slow")
    server.start()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/")
    assert arrived.wait(PATIENCE)
    stopping = threading.Thread(target=server.stop, args=(PATIENCE,))
    stopping.start()
    while is_open(port):
        pass
    may_answer.set()
    assert connection.getresponse().read() == b"done"
    stopping.join(PATIENCE)
    assert not server.alive
    connection.close()


def test_stopping_does_not_wait_for_idle_or_half_open_connections(hello: Handler) -> None:
    listener = listen("127.0.0.1:0")
    port = port_of(listener)
    server = Server(hello, [listener], name="patient")
    server.start()
    idle = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    idle.request("GET", "/")
    idle.getresponse().read()
    with socket.create_connection(("127.0.0.1", port)) as half_open:
        half_open.sendall(b"GET / HT")
        begin = monotonic()
        server.stop(PATIENCE)
        assert monotonic() - begin < PATIENCE / 2
    assert not server.alive
    idle.close()


def test_stopping_closes_a_request_that_outlasts_the_timeout() -> None:
    arrived = threading.Event()

    async def endless(_: Request) -> Response:
        arrived.set()
        await asyncio.Event().wait()
        return Response(200)

    listener = listen("127.0.0.1:0")
    connection = http.client.HTTPConnection("127.0.0.1", port_of(listener), timeout=PATIENCE)
    server = Server(endless, [listener], name="endless")
    server.start()
    connection.request("GET", "/")
    assert arrived.wait(PATIENCE)
    server.stop(0.4)
    assert not server.alive
    with pytest.raises(ConnectionError):
        connection.getresponse()
    connection.close()


def test_stopping_returns_in_time_even_where_the_event_loop_is_stuck() -> None:
    arrived, release = threading.Event(), threading.Event()

    async def stuck(_: Request) -> Response:
        arrived.set()
        release.wait(PATIENCE)
        return Response(200)

    listener = listen("127.0.0.1:0")
    port = port_of(listener)
    server = Server(stuck, [listener], name="stuck")
    server.start()
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert arrived.wait(PATIENCE)
        begin = monotonic()
        server.stop(0.3)
        assert monotonic() - begin < PATIENCE / 2
        assert server.alive
        release.set()
        server.stop(PATIENCE)
        assert not server.alive

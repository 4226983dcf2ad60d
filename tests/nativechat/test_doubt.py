"""After an answer that nobody had asked for, no connection serves two requests: an answer may be another's.

Such an answer may come so late that it is taken for that of the next request. It is found when the right one
follows; until then nobody can know.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from exporter.errors import BadAnswer
from exporter.nativechat import connections
from exporter.nativechat.connections import DOUBT
from tests.clock import FakeClock
from tests.server import response

if TYPE_CHECKING:
    from tests.nativechat.conftest import Caller
    from tests.server import Script, Server, Wire

    Link = Callable[..., tuple[Server, Caller]]

AMPLE = 20.0
NOBODYS = response(b'{"count":900001}')


@pytest.fixture
def link(serve: Callable[..., Server], ask: Callable[..., Caller]) -> Link:
    """Return a function that makes a server and a client of it, over plain HTTP.

    Over TLS a test could not send while the server reads; tests/tools/test_wire.py has answers over TLS too.
    """

    def connect(*scripts: Script, **options: object) -> tuple[Server, Caller]:
        server = serve(*scripts)
        return server, ask(server.url, **options)

    return connect


def truth(wire: Wire) -> Wire:
    return wire.answer(wire.true)


class Late:
    """Answers rightly, and lets the test send more on the latest connection."""

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self.together: threading.Barrier | None = None
        self.ends = False

    def __call__(self, wire: Wire) -> None:
        if self.together:
            self.together.wait(AMPLE)
        self.wires.append(wire)
        truth(wire)
        if self.ends:
            wire.close()

    def send(self, data: bytes) -> None:
        self.wires[-1].send(data)


def test_each_request_has_a_connection_of_its_own_for_ten_minutes(link: Link) -> None:
    late, clock, doubts = Late(), FakeClock(), list[int]()
    server, client = link(late, clock=clock, on_doubt=lambda: doubts.append(1))
    assert client.of(1) == 1001
    clock.now += 3.0
    late.send(NOBODYS)
    assert [client.of(number) for number in range(2, 6)] == [1002, 1003, 1004, 1005]
    assert len(doubts) == 1
    assert server.accepts == 5
    assert [b"\r\nConnection: close\r\n" in head for head in server.heads] == [False] * 2 + [True] * 3
    clock.now += DOUBT
    assert [client.of(number) for number in range(6, 9)] == [1006, 1007, 1008]
    assert server.accepts == 6


def test_pruning_finds_it_too(link: Link) -> None:
    late, doubts = Late(), list[int]()
    _, client = link(late, on_doubt=lambda: doubts.append(1))
    assert client.of(1) == 1001
    client.client.prune()
    assert not doubts
    late.send(NOBODYS)
    for _ in range(1000):
        client.client.prune()
        if doubts:
            break
        threading.Event().wait(0.01)
    assert len(doubts) == 1


def test_an_answer_that_was_taken_for_the_next_one_is_told_when_the_right_one_follows(link: Link) -> None:
    def one_late(wire: Wire) -> None:
        if len(server.heads) == 2:  # the first answer once more
            wire.answer(b'{"count":1001}').pause(0.02)
        truth(wire)

    doubts: list[int] = []
    server, client = link(one_late, on_doubt=lambda: doubts.append(1))
    assert [client.of(1), client.of(2)] == [1001, 1001]  # nobody can know
    threading.Event().wait(0.1)
    assert [client.of(number) for number in range(3, 6)] == [1003, 1004, 1005]
    assert len(doubts) == 1


@pytest.mark.parametrize("pause", [0.0, 0.005, 0.1])
def test_in_doubt_a_second_answer_refuses_the_first(
    link: Link, monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    monkeypatch.setattr(connections, "LISTEN_IN_DOUBT", 2.0)  # for a busy machine
    late, twice = Late(), threading.Event()

    def serve(wire: Wire) -> None:
        late(wire)
        if twice.is_set():
            wire.pause(pause).send(NOBODYS)
        elif len(server.heads) > 1:
            wire.close()

    server, client = link(serve)
    assert client.of(1) == 1001
    late.send(NOBODYS)
    assert client.of(2) == 1002
    twice.set()
    assert [type(client.of(number)) for number in range(3, 6)] == [BadAnswer] * 3
    twice.clear()
    assert client.of(6) == 1006


@pytest.mark.parametrize("error", [b"", *(response(b"", status) for status in (302, 400, 408, 503))])
def test_the_end_of_an_idle_connection_raises_no_doubt_with_an_error_or_without(
    link: Link, error: bytes
) -> None:
    taken, ended, doubts = threading.Event(), threading.Event(), list[int]()

    def serve(wire: Wire) -> None:
        truth(wire)
        if len(server.heads) == 1 and taken.wait(AMPLE):
            wire.send(error).close()
            ended.set()

    server, client = link(serve, on_doubt=lambda: doubts.append(1))
    assert client.of(1) == 1001
    taken.set()
    assert ended.wait(AMPLE)
    assert [client.of(number) for number in range(2, 5)] == [1002, 1003, 1004]
    assert not doubts
    assert server.accepts == 2


def test_in_doubt_an_answer_over_a_connection_that_was_shared_before_is_refused(link: Link) -> None:
    late, go, doubts = Late(), threading.Event(), list[int]()

    def reply(wire: Wire) -> None:
        if wire.true == b'{"count":1003}':
            go.wait(AMPLE)
        late(wire)

    server, client = link(reply, on_doubt=lambda: doubts.append(1))
    with ThreadPoolExecutor() as pool:
        assert client.of(1) == 1001
        waiting = pool.submit(client.of, 3)
        while len(server.heads) < 2:
            go.wait(0.001)
        assert client.of(2) == 1002  # over a second connection, which gets more
        late.send(NOBODYS)
        while not doubts:
            client.client.prune()
            go.wait(0.001)
        go.set()
        assert isinstance(waiting.result(), BadAnswer)


def in_flight_together(late: Late, client: Caller) -> None:
    """Count 1 and 2 at once, so that two connections are open."""
    late.together = threading.Barrier(2)
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(client.of, (1, 2))) == [1001, 1002]
    late.together = None


def test_another_connection_that_was_open_before_is_not_used_in_doubt(link: Link) -> None:
    late = Late()
    server, client = link(late, rate=None)
    in_flight_together(late, client)
    late.send(NOBODYS)
    threading.Event().wait(0.05)
    client.client.prune()
    assert [client.of(number) for number in range(3, 7)] == [1003, 1004, 1005, 1006]
    assert server.accepts == 6


def test_what_follows_later_over_a_connection_of_its_own_raises_no_further_doubt(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LISTEN_IN_DOUBT", 0.0)
    late, doubts = Late(), list[int]()
    _, client = link(late, on_doubt=lambda: doubts.append(1))
    assert client.of(1) == 1001
    late.send(NOBODYS)
    assert client.of(2) == 1002
    for number in range(3, 6):
        assert client.of(number) == 1000 + number
        with suppress(OSError):
            late.send(NOBODYS)
        client.client.prune()
    assert len(doubts) == 1


def test_listening_takes_at_most_half_of_the_time_that_is_left(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LISTEN_IN_DOUBT", AMPLE)
    took: list[float] = []
    late = Late()
    _, client = link(late, on_attempt=lambda _, seconds: took.append(seconds))
    assert client.of(1) == 1001
    late.send(NOBODYS)
    late.ends = True
    assert client.of(2) == 1002
    late.ends = False
    assert client.client.count("conversations", '{"n":3}', 2.0) == 1003
    assert took[-1] < 2.0


def test_without_a_rate_the_connection_that_was_silent_for_the_longest_time_is_used(link: Link) -> None:
    late = Late()
    _, client = link(late, rate=None)
    in_flight_together(late, client)
    for number in range(3, 7):
        threading.Event().wait(0.02)
        assert client.of(number) == 1000 + number
    ports = [wire.port for wire in late.wires[2:]]
    assert ports[0] != ports[1]
    assert ports == [*ports[:2], *ports[:2]]

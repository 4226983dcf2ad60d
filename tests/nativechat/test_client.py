"""Laws of the client's requests and of good answers."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from exporter import __version__
from exporter.errors import (
    BadAnswer,
    Throttled,
    TimedOut,
    Unreachable,
)
from exporter.model import COLLECTIONS, Collection

if TYPE_CHECKING:
    from tests.nativechat.conftest import Caller
    from tests.server import Script, Server, Wire

    Serve = Callable[..., Server]
    Ask = Callable[..., Caller]
    Link = Callable[..., tuple[Server, Caller]]

TOKEN = "s3cr3t-t0ken"
BOTS = "/v1/bots/5bfd1c9d8f2a4e0012345678"
AMPLE = 20.0
SHORT = 0.3

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"
GOOD = HEAD + b'{"count":7}'


@pytest.mark.parametrize(
    ("predicate", "query"),
    [
        ("", ""),
        ('{"Conversation":"abc"}', "?query=%7B%22Conversation%22%3A%22abc%22%7D"),
        ('{"Errors":{"$gt":0}}', "?query=%7B%22Errors%22%3A%7B%22%24gt%22%3A0%7D%7D"),
        ('{"User":"a b+c&d=é/?#%"}', "?query=%7B%22User%22%3A%22a%20b%2Bc%26d%3D%C3%A9%2F%3F%23%25%22%7D"),
    ],
)
def test_a_predicate_is_percent_encoded_into_the_url(
    serve: Serve, ask: Ask, predicate: str, query: str
) -> None:
    server = serve(lambda wire: wire.answer(b'{"count":7}'))
    client = ask(f"{server.url}/").client
    for collection in COLLECTIONS:
        client.count(collection, predicate, AMPLE)
    assert server.request_lines() == [f"GET {BOTS}/{c}/_count{query} HTTP/1.1" for c in COLLECTIONS]


def test_a_count_is_asked_with_the_documented_headers_and_no_cookie(serve: Serve, ask: Ask) -> None:
    server = serve(lambda wire: wire.answer(b'{"count":7}', 200, "Set-Cookie: a=b"))
    client = ask(server.url)
    assert [client.count(), client.count()] == [7, 7]
    for head in server.heads:
        lines = head.decode().split("\r\n")
        assert lines[0] == f"GET {BOTS}/conversations/_count HTTP/1.1"
        assert sorted(lines[1:-2]) == sorted(
            [
                f"Host: localhost:{server.port}",
                f"Authorization: Bot-Server-Access-Token {TOKEN}",
                "Content-Type: application/json",
                "Accept: application/json",
                "Cache-Control: no-cache",
                "Accept-Encoding: identity",
                f"User-Agent: nativechat-exporter/{__version__}",
            ]
        )


@pytest.mark.parametrize(
    "sort", ["StartedAt", "-StartedAt", '{"Data.user.FirstName":-1,"Data.user.LastName":1}']
)
@pytest.mark.parametrize("collection", COLLECTIONS)
def test_rows_are_asked_with_limit_skip_sort_and_query_as_the_api_has_them(
    serve: Serve, ask: Ask, collection: Collection, sort: str
) -> None:
    server = serve(lambda wire: wire.answer(b'[{"_id":"a"}]'))
    query = '{"Data.channel.ProviderName":"facebook","Status":"success"}'
    rows = ask(server.url).client.rows(collection, query=query, sort=sort, limit=100, skip=0, budget=AMPLE)
    assert rows == [{"_id": "a"}]
    _, target, _ = server.request_lines()[0].split(" ")
    assert urlsplit(target).path == f"{BOTS}/{collection}"
    assert parse_qs(urlsplit(target).query, strict_parsing=True) == {
        "limit": ["100"],
        "skip": ["0"],
        "sort": [sort],
        "query": [query],
    }
    assert b"Accept-Encoding: gzip\r\n" in server.heads[0]


def test_rows_without_parameters_leave_everything_to_the_api(serve: Serve, ask: Ask) -> None:
    server = serve(lambda wire: wire.answer(b"[]"))
    assert ask(server.url).client.rows("messages", budget=AMPLE) == []
    assert server.request_lines() == [f"GET {BOTS}/messages HTTP/1.1"]


def test_a_bot_id_cannot_reach_another_path(serve: Serve, ask: Ask) -> None:
    server = serve(lambda wire: wire.answer(b'{"count":7}'))
    ask(server.url, bot_id="../bots/a?b#c").client.count("messages", "", AMPLE)
    assert server.request_lines() == ["GET /v1/bots/..%2Fbots%2Fa%3Fb%23c/messages/_count HTTP/1.1"]


GOOD_ANSWERS: dict[str, Script] = {
    "content-length": lambda wire: wire.answer(),
    "chunked": lambda wire: wire.chunks(b'{"cou', b'nt":', b"7}"),
    "gzip unasked": lambda wire: wire.gzipped(b'{"count":7}'),
    "x-gzip": lambda wire: wire.answer(gzip.compress(b"7"), 200, "Content-Encoding: X-GZIP"),
    "after 100 continue": lambda wire: wire.send(b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD),
    "ended by the connection": lambda wire: wire.send(b'HTTP/1.0 200 OK\r\n\r\n{"count":7}').close(),
    "byte by byte": lambda wire: [wire.send(GOOD[i : i + 1]) for i in range(len(GOOD))],
    "http 1.0": lambda wire: wire.send(GOOD.replace(b"1.1", b"1.0")).close(),
    "as large as may be": lambda wire: wire.answer(b"7".rjust(64 * 1024)),
}


@pytest.mark.parametrize("name", GOOD_ANSWERS)
def test_a_count_comes_through_every_framing(link: Link, name: str) -> None:
    _, client = link(GOOD_ANSWERS[name])
    assert [client.count(), client.count()] == [7, 7]


def test_one_connection_serves_many_counts(link: Link) -> None:
    server, client = link()
    assert [client.count() for _ in range(20)] == [7] * 20
    assert server.accepts == 1


def test_eight_threads_share_a_client_and_its_connections(serve: Serve, ask: Ask) -> None:
    def echo(wire: Wire) -> None:
        wire.answer(b"7")

    server = serve(echo)
    client = ask(server.url)
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: client.count(), range(400))) == {7}
    assert server.accepts <= 8 + 1  # one more takes turns with them, so that none waits to be silent


def test_threads_do_not_share_their_budgets(serve: Serve, ask: Ask) -> None:
    hanging = threading.Event()

    def first_hangs(wire: Wire) -> None:
        if len(server.heads) == 1:
            hanging.set()
            wire.hang()
        wire.answer()

    server = serve(first_hangs)
    client = ask(server.url)
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(client.failure, 1.0)
        assert hanging.wait(AMPLE)
        assert [client.count() for _ in range(20)] == [7] * 20
        assert isinstance(slow.result(), TimedOut)


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_connection_that_dies_as_it_is_used_again_is_replaced_within_the_attempt(
    link: Link, ending: str
) -> None:
    def die(wire: Wire) -> None:
        getattr(wire, ending)()

    attempts: list[int | None] = []
    server, client = link(
        lambda wire: wire.answer(),
        die,
        lambda wire: wire.answer(),
        on_attempt=lambda status, _: attempts.append(status),
    )
    assert [client.count(), client.count()] == [7, 7]
    assert server.accepts == 2
    assert attempts == [200, 200]


def test_a_fresh_connection_that_dies_is_not_tried_again(serve: Serve, ask: Ask) -> None:
    server = serve(lambda wire: wire.reset())
    assert isinstance(ask(server.url).failure(), Unreachable)
    assert len(server.heads) == 1


def test_rows_come_compressed_and_may_be_large(serve: Serve, ask: Ask) -> None:
    rows = [{"_id": str(number), "text": "ö" * 1000} for number in range(1000)]
    server = serve(lambda wire: wire.gzipped(json.dumps(rows).encode()))
    assert ask(server.url).client.rows("messages", budget=AMPLE) == rows


def test_a_page_of_rows_decodes_to_64_mib_at_most(serve: Serve, ask: Ask) -> None:
    server = serve(lambda wire: wire.gzipped(b" " * (64 * 1024 * 1024 - 1) + b"[]"))
    with pytest.raises(BadAnswer, match="more than 65536 KiB"):
        ask(server.url).client.rows("messages", budget=AMPLE)


def test_each_attempt_is_reported_once_with_its_status_and_seconds(serve: Serve, ask: Ask) -> None:
    told: list[tuple[int | None, float]] = []
    server = serve(
        lambda wire: wire.answer(),
        lambda wire: wire.answer(b"[]"),
        lambda wire: wire.answer(b"oops"),
        lambda wire: wire.answer(status=404),
        lambda wire: wire.hang(),
    )
    client = ask(server.url, on_attempt=lambda *seen: told.append(seen))
    assert client.count() == 7
    assert client.client.rows("messages", budget=AMPLE) == []
    client.failure()
    client.failure()
    client.failure(SHORT)
    assert [status for status, _ in told] == [200, 200, 200, 404, None]
    assert all(0.0 < seconds < AMPLE for _, seconds in told)
    assert told[-1][1] >= SHORT


def test_the_shape_of_a_count_is_asked_as_a_count_is(serve: Serve, ask: Ask) -> None:
    server = serve(lambda wire: wire.answer(b'{"total":7}'))
    assert ask(server.url).client.count_shape("messages", AMPLE) == '{"total": N}'
    assert server.request_lines() == [f"GET {BOTS}/messages/_count HTTP/1.1"]


ENDS = [
    {"Data": {"at": "2026-11-28T12:00:00Z"}},
    {"Data": {"at": "28/11/2026"}},
    {"Data": {}},
    {"Data": {"at": 1}},
]


def test_dates_are_looked_at_in_five_documents_of_either_end(serve: Serve, ask: Ask) -> None:
    server = serve(lambda wire: wire.answer(json.dumps(ENDS).encode()))
    client = ask(server.url).client
    found = [
        client.misread_dates("messages", "Data.at", "iso", descends, AMPLE) for descends in (False, True)
    ]
    assert found == [2, 2]
    asked = [parse_qs(urlsplit(line.split()[1]).query) for line in server.request_lines()]
    assert asked == [
        {"limit": ["5"], "sort": [f'{{"Data.at":{order}}}'], "query": ['{"Data.at":{"$ne":null}}']}
        for order in (1, -1)
    ]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((status, b"[]") for status in (204, 400, 401, 403, 404, 500)),
        *((200, body) for body in (b'{"count":7}', b"<html>", b"[" + b" " * 1024 * 1024 + b"]")),
    ],
    ids=str,
)
def test_an_api_that_shows_no_documents_refutes_no_format(
    serve: Serve, ask: Ask, status: int, body: bytes
) -> None:
    client = ask(serve(lambda wire: wire.answer(body, status)).url).client
    assert client.misread_dates("messages", "SentAt", "iso", False, AMPLE) == 0


def test_documents_that_cannot_be_had_now_are_a_failure(serve: Serve, ask: Ask) -> None:
    client = ask(serve(lambda wire: wire.answer(b"", 429)).url).client
    with pytest.raises(Throttled):
        client.misread_dates("messages", "SentAt", "iso", False, AMPLE)
    client = ask(serve(lambda wire: wire.hang()).url).client
    with pytest.raises(TimedOut):
        client.misread_dates("messages", "SentAt", "iso", False, SHORT)
    with pytest.raises(Unreachable):
        ask("http://127.0.0.1:9").client.misread_dates("messages", "SentAt", "iso", False, AMPLE)

"""Laws of a server that misbehaves: the right error, in time, and no leak."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from exporter.errors import (
    ApiError,
    BadAnswer,
    Rejected,
    ServerError,
    Throttled,
    TimedOut,
    Unauthorized,
    Unreachable,
)

if TYPE_CHECKING:
    from tests.nativechat.conftest import Caller
    from tests.server import Script, Server

    Serve = Callable[..., Server]
    Ask = Callable[..., Caller]
    Link = Callable[..., tuple[Server, Caller]]

TOKEN = "s3cr3t-t0ken"
AMPLE = 20.0
SHORT = 0.3
UNHURRIED = 1.0

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"
GOOD = HEAD + b'{"count":7}'
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"


BROKEN: dict[str, Script] = {
    "resets instead of answering": lambda wire: wire.reset(),
    "closes instead of answering": lambda wire: wire.close(),
}

TORN: dict[str, Script] = {  # through TLS, a reset behind bytes looks like an end
    "resets in the headers": lambda wire: wire.send(HEAD[:25]).reset(),
    "resets in the body": lambda wire: wire.send(GOOD[:-4]).reset(),
}

GARBLED: dict[str, Script] = {
    "closes in the status line": lambda wire: wire.send(b"HTTP/1.1 20").close(),
    "closes in the headers": lambda wire: wire.send(HEAD[:25]).close(),
    "closes in the body": lambda wire: wire.send(GOOD[:-4]).close(),
    "promises more than it sends": lambda wire: wire.answer(b"7", length=9).close(),
    "promises less than it sends": lambda wire: wire.answer(b'{"count":77}', length=10),
    "promises two lengths": lambda wire: wire.answer(b"7", 200, "Content-Length: 2"),
    "sends a bare number of unknown length": lambda wire: wire.send(ENDLESS + b"12").close(),
    "cuts chunks off in a chunk": lambda wire: wire.chunks(end=b'b\r\n{"coun').close(),
    "cuts chunks off between chunks": lambda wire: wire.chunks(b"7", end=b"").close(),
    "sends a chunk of negative size": lambda wire: wire.chunks(end=b"-5\r\n77").close(),
    "sends a chunk of size minus one": lambda wire: wire.chunks(end=b"-1\r\n").flood(b"7" * 4096),
    "sends a chunk of no size": lambda wire: wire.chunks(end=b"zz\r\n77\r\n"),
    "speaks another protocol": lambda wire: wire.send(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "speaks http 2": lambda wire: wire.send(b"HTTP/2 200\r\n\r\n"),
    "sends zero bytes": lambda wire: wire.send(b"\0" * 70_000 + b"\r\n"),
    "sends headers without end": lambda wire: wire.send(HEAD[:-2]).flood(b"A: b\r\n" * 99),
    "continues without end": lambda wire: wire.flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "sends a body without end": lambda wire: wire.send(ENDLESS).flood(b"7" * 4096),
    "sends chunks without end": lambda wire: wire.chunks(end=b"").flood(b"8\r\n        \r\n"),
    "sends trailers without end": lambda wire: wire.chunks(b"7", end=b"0\r\n").flood(b"A: b\r\n"),
    "sends a body too large": lambda wire: wire.answer(b"7".rjust(64 * 1024 + 1)),
    "sends a gzip bomb": lambda wire: wire.gzipped(b" " * 3_000_000),
    "cuts gzip off": lambda wire: wire.gzipped(b'{"count":7}', cut=-9),
    "claims gzip": lambda wire: wire.answer(b'{"count":7}', 200, "Content-Encoding: gzip"),
    "sends an encoding we did not offer": lambda wire: wire.answer(b"\x0b7\x03", 200, "Content-Encoding: br"),
    "sends no content": lambda wire: wire.send(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "sends an empty body": lambda wire: wire.answer(b""),
    "sends a page": lambda wire: wire.answer(b"<html>7</html>"),
    "switches protocols": lambda wire: wire.answer(status=101),
    "sends an unheard-of status": lambda wire: wire.answer(status=799),
}

SLOW: dict[str, Script] = {
    "hangs": lambda wire: wire.hang(),
    "hangs in the headers": lambda wire: wire.send(HEAD[:25]).hang(),
    "hangs in the body": lambda wire: wire.send(GOOD[:-4]).hang(),
    "hangs between chunks": lambda wire: wire.chunks(b"7", end=b"").hang(),
    "drips headers": lambda wire: wire.drip(GOOD),
    "drips the body": lambda wire: wire.send(HEAD.replace(b"11", b"99")).drip(b'{"count":7}'),
    "drips chunks": lambda wire: wire.chunks(end=b"").drip(b"0" * 99),
    "drips blanks": lambda wire: wire.send(ENDLESS).drip(b" "),
}

FAULTS: dict[str, tuple[Script, tuple[type[ApiError], ...]]] = {
    name: (script, kinds)
    for kinds, faults in (
        ((Unreachable,), BROKEN),
        ((Unreachable, BadAnswer), TORN),
        ((BadAnswer,), GARBLED),
        ((TimedOut,), SLOW),
    )
    for name, script in faults.items()
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_gives_its_error_in_time_without_the_token_or_a_foreign_error(
    link: Link, exposed: Callable[[BaseException], str], fault: str
) -> None:
    script, kinds = FAULTS[fault]
    _, client = link(script, lambda wire: wire.answer())
    error = client.failure(SHORT if fault in SLOW else AMPLE)
    assert type(error) in kinds, error
    assert client.count() == 7
    assert "_count" in str(error) or "localhost" in str(error)
    assert (error.__cause__, error.__context__) == (None, None)
    assert TOKEN not in exposed(error)


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_leaves_a_descriptor_open(
    serve: Serve, ask: Ask, descriptors: Callable[[], int], fault: str
) -> None:
    script, _ = FAULTS[fault]
    before = descriptors()
    server = serve(script)
    client = ask(server.url)
    for _ in range(3):
        client.failure(0.1 if fault in SLOW else AMPLE)
    client.client.close()
    server.stop()
    assert descriptors() == before


Expected = tuple[type[ApiError], float | None]
STATUSES: list[tuple[int, tuple[str, ...], Expected]] = [
    (300, (), (Rejected, None)),
    (301, ("Location: /v1/elsewhere",), (Rejected, None)),
    (302, ("Location: http://localhost/",), (Rejected, None)),
    (304, (), (Rejected, None)),
    (307, ("Location: /",), (Rejected, None)),
    (400, (), (Rejected, None)),
    (401, (), (Unauthorized, None)),
    (403, (), (Unauthorized, None)),
    (404, (), (Rejected, None)),
    (418, ("Retry-After: 5",), (Rejected, None)),
    (429, (), (Throttled, None)),
    (429, ("Retry-After: 5",), (Throttled, 5.0)),
    (429, ("Retry-After: soon",), (Throttled, None)),
    (429, ("Retry-After: Thu, 01 Jan 2004 00:00:00 GMT",), (Throttled, 0.0)),
    (500, (), (ServerError, None)),
    (500, ("Retry-After: 5",), (ServerError, None)),
    (502, (), (ServerError, None)),
    (503, (), (ServerError, None)),
    (503, ("Retry-After: 120",), (Throttled, 120.0)),
    (503, ("Retry-After: soon",), (ServerError, None)),
    (599, (), (ServerError, None)),
]


@pytest.mark.parametrize(("status", "headers", "expected"), STATUSES)
def test_a_status_alone_determines_the_error(
    serve: Serve,
    ask: Ask,
    exposed: Callable[[BaseException], str],
    status: int,
    headers: tuple[str, ...],
    expected: Expected,
) -> None:
    statuses: list[int | None] = []
    server = serve(lambda wire: wire.answer(b'{"count":7}', status, *headers))
    error = ask(server.url, on_attempt=lambda code, _: statuses.append(code)).failure()
    assert (type(error), error.retry_after) == expected
    assert error.status == status
    assert str(error) == f"GET conversations/_count answered {status}"
    assert statuses == [status]
    assert len(server.heads) == 1
    assert TOKEN not in exposed(error)


ADVICE = {
    301: "write the final URL as api.url; redirects are not followed, to keep the token safe",
    400: "check this query's predicate",
    401: "check the bot's token and id in its Settings on NativeChat",
    403: "this token may not read this; check the bot's token and id in its Settings on NativeChat",
    404: "check the bot's id and api.url",
    405: "check the bot's id, api.url and this query's predicate",
    408: "the API asks to try again later; wait until it works again",
    414: "the request is too long: shorten this query's predicate",
    429: "the API limits requests; lower api.rate or raise `every`",
    500: "the API itself fails; wait until it works again",
}


@pytest.mark.parametrize("status", ADVICE)
def test_the_advice_fits_the_status(serve: Serve, ask: Ask, status: int) -> None:
    assert ask(serve(lambda wire: wire.answer(b"", status)).url).failure().advice == ADVICE[status]


def test_a_503_that_says_when_to_come_back_is_no_advice_to_ask_less(serve: Serve, ask: Ask) -> None:
    error = ask(serve(lambda wire: wire.answer(b"", 503, "Retry-After: 5")).url).failure()
    assert error.advice == "the API asks to wait: it is overloaded, or under maintenance"


SAYS = b"HTTP/1.1 200 OK\r\n"
COUNTED = b'\r\n{"count":7}'
BROKEN_HTTP = "the API, or what is between it and this host, breaks HTTP: tell whoever runs that"


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (b"Content-Length: 11\r\nContent-Length: 12\r\n", "two Content-Length headers that disagree"),
        (b"Content-Length: +11\r\n", "a Content-Length that is not a number"),
        (
            b"Content-Length: 11\r\nTransfer-Encoding: chunked\r\n",
            "a Content-Length beside a Transfer-Encoding",
        ),
        ("Ключ: 1\r\nContent-Length: 11\r\n".encode(), "a header whose name is not ASCII"),
        (b"Content-Length: 11\r\nA header\r\n", "a header that cannot be read"),
    ],
)
def test_headers_that_break_http_fail_at_once_with_advice_of_their_own(
    link: Link, headers: bytes, why: str
) -> None:
    _, client = link(lambda wire: wire.send(SAYS + headers + COUNTED).hang())
    error = client.failure()
    assert str(error) == f"GET conversations/_count answered 200 with {why}"
    assert (type(error), error.advice) == (BadAnswer, BROKEN_HTTP)


@pytest.mark.parametrize(
    ("status", "header"), [(200, "Age: 86400"), (203, "X: 1"), (200, 'Warning: 110 - "Response is Stale"')]
)
def test_a_cache_in_between_is_named(serve: Serve, ask: Ask, status: int, header: str) -> None:
    error = ask(serve(lambda wire: wire.answer(b"7", status, header)).url).failure()
    assert type(error) is BadAnswer
    assert error.advice == (
        "a cache between this host and the API answers in its place: let it pass these requests on"
    )


@pytest.mark.parametrize(
    "body",
    [lambda wire: wire.flood(b"7" * 4096), lambda wire: wire.drip(b"no"), lambda wire: wire.reset()],
    ids=["endless", "dripping", "reset"],
)
def test_the_body_of_an_error_changes_nothing(serve: Serve, ask: Ask, body: Script) -> None:
    server = serve(
        lambda wire: (wire.send(b"HTTP/1.1 500 No\r\n\r\n"), body(wire)), lambda wire: wire.answer()
    )
    client = ask(server.url)
    assert type(client.failure(UNHURRIED)) is ServerError
    assert client.count() == 7


def test_an_answer_that_breaks_off_keeps_its_status(serve: Serve, ask: Ask) -> None:
    server = serve(lambda wire: wire.send(GOOD[:-4]).hang())
    error = ask(server.url).failure(UNHURRIED)
    assert error.status == 200
    assert str(error) == "GET conversations/_count took longer than 1s: the answer is unfinished"


def test_a_bad_answer_says_what_came(serve: Serve, ask: Ask) -> None:
    server = serve(lambda wire: wire.answer(b""))
    error = ask(server.url).failure()
    assert str(error) == "GET conversations/_count answered 200 with an empty body"
    assert error.status == 200

"""A count is never that of another request: a connection is reused only after a clean response.

The server knows a true count of its own for each predicate: `{"n": 5}` counts 1005.
"""

from __future__ import annotations

import gzip
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.errors import ApiError, BadAnswer, Rejected, ServerError, Unreachable

if TYPE_CHECKING:
    from tests.nativechat.conftest import Caller, TlsByHand
    from tests.server import Script, Server, Wire

    Serve = Callable[..., Server]
    Ask = Callable[..., Caller]
    Link = Callable[..., tuple[Server, Caller]]

AMPLE = 20.0
NOBODYS = b'{"count":900001}'


def answer(body: bytes, status: int = 200, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def interim(status: int, times: int = 1) -> bytes:
    return f"HTTP/1.1 {status} Soon\r\nLink: </style.css>\r\n\r\n".encode() * times


def truth(wire: Wire) -> bytes:
    return answer(wire.true)


def own_or_none(client: Caller, numbers: range, threads: int = 1) -> list[bool]:
    """Count for each number; return whether each has a count, and check that it is the right one."""
    with ThreadPoolExecutor(threads) as pool:
        counts = list(pool.map(client.of, numbers))
    wrong = {
        number: count
        for number, count in zip(numbers, counts, strict=True)
        if isinstance(count, int) and count != 1000 + number
    }
    assert not wrong
    return [isinstance(count, int) for count in counts]


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("pattern", ["every", "every fifth", "one"])
@pytest.mark.parametrize(("status", "delay"), [(100, 0.0), (102, 0.0), (103, 0.0), (103, 0.02), (199, 0.0)])
def test_interim_responses_are_skipped(
    link: Link, status: int, pattern: str, delay: float, threads: int
) -> None:
    def serve(wire: Wire) -> None:
        asked = len(server.heads)
        if {"every": True, "every fifth": asked % 5 == 0, "one": asked == 7}[pattern]:
            wire.send(interim(status)).pause(delay)
        wire.send(truth(wire))

    server, client = link(serve)
    assert all(own_or_none(client, range(24), threads))


def test_ten_interim_responses_are_skipped_and_an_eleventh_is_a_bad_answer(link: Link) -> None:
    _, client = link(
        lambda wire: wire.send(interim(103, 10) + truth(wire)),
        lambda wire: wire.send(interim(100) + interim(102, 10) + truth(wire)),
        lambda wire: wire.send(truth(wire)),
    )
    assert client.of(1) == 1001
    assert isinstance(client.of(2), BadAnswer)
    assert client.of(3) == 1003


STATUSES = [101, 201, 202, 203, 204, 205, 206, 207, 226, 299, 300, 304, 400, 404, 429, 500, 503, 599, 600]


@pytest.mark.parametrize("body", [b"", b'{"count":900000}'], ids=["empty", "with a body"])
@pytest.mark.parametrize("status", STATUSES)
def test_no_status_but_200_brings_a_count_or_keeps_its_connection(
    serve: Serve, ask: Ask, status: int, body: bytes
) -> None:
    server = serve(
        lambda wire: wire.send(truth(wire)),
        lambda wire: wire.send(answer(body, status) + answer(NOBODYS)),
        lambda wire: wire.send(truth(wire)),
    )
    client = ask(server.url)
    assert own_or_none(client, range(4)) == [True, False, True, True]
    assert server.accepts == 2


@pytest.mark.parametrize("status", [200, 204, 404, 500])
def test_a_connection_is_closed_at_once_after_what_is_not_clean(serve: Serve, ask: Ask, status: int) -> None:
    ends: list[bool] = []

    def spoil(wire: Wire) -> None:
        wire.answer(b"not JSON" if status != 200 else b"12", status, length=1 if status == 200 else None)
        ends.append(wire.ended())

    server = serve(spoil)
    assert isinstance(ask(server.url).of(1), ApiError)
    server.stop()
    assert ends == [True]


UNCLEAN: dict[str, Script] = {
    "two answers in one write": lambda wire: wire.send(truth(wire) + answer(NOBODYS)),
    "the start of a second answer": lambda wire: wire.send(truth(wire) + b"HTTP/1.1 "),
    "a length three too short": lambda wire: wire.answer(wire.true + b"   ", length=len(wire.true)),
    "a number cut by its length": lambda wire: wire.answer(b"4711", length=2),
    "bytes behind chunks": lambda wire: wire.chunks(wire.true, end=b"0\r\n\r\n" + answer(NOBODYS)),
    "a chunk longer than it said": lambda wire: wire.chunks(end=b"2\r\n12340\r\n\r\n"),
    "a chunk size with a sign": lambda wire: wire.chunks(end=b"+2\r\n12\r\n0\r\n\r\n"),
    "a chunk size with an underscore": lambda wire: wire.chunks(end=b"0_2\r\n12\r\n0\r\n\r\n"),
    "a close behind an answer's surplus": lambda wire: wire.send(truth(wire) + b"34").close(),
    "two lengths": lambda wire: wire.answer(b"12", 200, "Content-Length: 1"),
    "a length that is no number": lambda wire: wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n12"),
    "a length and chunks": lambda wire: wire.answer(
        b"2\r\n12\r\n0\r\n\r\n", 200, "Transfer-Encoding: chunked"
    ),
    "another transfer coding": lambda wire: wire.answer(b"12", 200, "Transfer-Encoding: gzip, chunked"),
    "an unknown transfer coding": lambda wire: wire.send(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n{}"
    ),
    "chunked twice": lambda wire: wire.send(
        b"HTTP/1.1 200 OK\r\n" + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n2\r\n12\r\n0\r\n\r\n"
    ),
    "a header that is none": lambda wire: wire.answer(wire.true, 200, "Age : 86400"),
    "headers behind a bare carriage return": lambda wire: wire.answer(
        wire.true, 200, "X: a\r", "Age: 86400", "Content-Encoding: br"
    ),
    "more than a hundred headers": lambda wire: wire.answer(wire.true, 200, *("A: b",) * 100),
    "a status that is no number": lambda wire: wire.send(truth(wire).replace(b" 200 ", b" 2_0 ")),
    "a part": lambda wire: wire.answer(b"12", 206, "Content-Range: bytes 0-1/4"),
    "a part under 200": lambda wire: wire.answer(b"12", 200, "Content-Range: bytes 0-1/4"),
    "a kept answer": lambda wire: wire.answer(wire.true, 200, "Age: 86400"),
    "an answer of unknown age": lambda wire: wire.answer(wire.true, 200, "Age: 0, 86400"),
    "a stale answer": lambda wire: wire.answer(wire.true, 200, 'Warning: 110 - "Response is Stale"'),
    "a stale answer among others": lambda wire: wire.answer(wire.true, 200, "Warning: 9 x", "Warning: 111 y"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNCLEAN)
def test_what_is_not_clean_is_a_bad_answer_and_the_next_has_a_connection_of_its_own(
    link: Link, name: str
) -> None:
    server, client = link(
        lambda wire: wire.send(truth(wire)), UNCLEAN[name], lambda wire: wire.send(truth(wire))
    )
    assert client.of(1) == 1001
    failure = client.of(2)
    assert isinstance(failure, BadAnswer)
    assert "answered " in str(failure)
    assert [client.of(3), client.of(4)] == [1003, 1004]
    assert server.accepts in (2, 3)  # one for each request after bytes that nobody had asked for


CODED: dict[str, Script] = {
    "gzip of two members": lambda wire: wire.answer(
        gzip.compress(b"12") + gzip.compress(b"34"), 200, "Content-Encoding: gzip"
    ),
    "gzip and text": lambda wire: wire.answer(gzip.compress(b"12") + b"34", 200, "Content-Encoding: gzip"),
    "an unknown content coding": lambda wire: wire.answer(b"12", 200, "Content-Encoding: rot13"),
}  # fmt: skip


@pytest.mark.parametrize("name", CODED)
def test_what_is_coded_otherwise_than_it_says_is_a_bad_answer(serve: Serve, ask: Ask, name: str) -> None:
    client = ask(serve(CODED[name]).url)
    assert isinstance(client.of(1), BadAnswer)


@pytest.mark.parametrize("size", [1_000, 8_192, 16_384, 30_000])
def test_two_answers_in_one_write_are_not_mixed_up_over_tls(link: Link, size: int) -> None:
    """A TLS record holds 16 KiB: up to this size, bytes after the first answer are already decrypted."""

    def double(wire: Wire) -> None:
        body = wire.true.ljust(size - len(answer(wire.true)))
        wire.send(answer(body) + answer(NOBODYS) if len(server.heads) % 3 == 2 else truth(wire))

    server, client = link(double)
    counted = own_or_none(client, range(12))
    assert counted == [True, False, True] * 4 or size > 10_000


def test_an_answer_within_its_timeout_of_age_counts(serve: Serve, ask: Ask) -> None:
    server = serve(lambda wire: wire.answer(wire.true, 200, "Age: 10"))
    assert ask(server.url, timeout=10.0).of(1) == 1001
    assert isinstance(ask(server.url, timeout=9.0).of(1), BadAnswer)


def test_an_unasked_answer_that_comes_before_the_next_request_is_never_used(link: Link) -> None:
    sent = threading.Semaphore(0)

    def serve(wire: Wire) -> None:
        wire.send(truth(wire)).send(answer(NOBODYS))
        sent.release()

    _, client = link(serve)
    for number in range(30):
        own_or_none(client, range(number, number + 1))
        assert sent.acquire(timeout=AMPLE)


def test_an_unasked_answer_on_an_idle_connection_is_never_used(link: Link) -> None:
    seen: list[Wire] = []

    def serve(wire: Wire) -> None:
        seen.append(wire)
        wire.send(truth(wire))

    server, client = link(serve)
    assert client.of(1) == 1001
    seen[0].send(answer(NOBODYS))
    assert client.of(2) == 1002
    assert server.accepts == 2


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("first", [1, 5, 30])
def test_an_unasked_answer_of_which_half_a_record_has_come_is_never_used(
    serve: Serve,
    ask: Ask,
    tls: ssl.SSLContext,
    tls_by_hand: Callable[[Wire], TlsByHand],
    ca_file: Path,
    first: int,
    version: ssl.TLSVersion,
) -> None:
    """OpenSSL would read the first half, and the rest would look like the next answer."""
    tls.maximum_version = version

    def talk(wire: Wire) -> None:
        peer = tls_by_hand(wire)
        peer.head()
        if server.accepts > 1:
            peer.send(peer.record(answer(b'{"count":1002}')))
            return
        good, unasked = peer.record(answer(b'{"count":1001}')), peer.record(answer(NOBODYS))
        peer.send(good + unasked[:first])
        peer.head()
        peer.send(unasked[first:])

    server = serve(greeting=talk)
    client = ask(server.url.replace("http:", "https:"), ca_file=ca_file)
    assert [client.of(1), client.of(2)] == [1001, 1002]


PLAINLY_CLOSED: dict[str, bytes] = {
    "in the second of two headers": b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\n"
    b'Content-Length: 11\r\n\r\n{"count":7}',
    "chunks of HTTP/1.0": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'b\r\n{"count":7}\r\n0\r\n\r\n',
}


@pytest.mark.parametrize("name", PLAINLY_CLOSED)
def test_a_connection_that_the_server_is_about_to_close_is_not_reused(
    serve: Serve, ask: Ask, name: str
) -> None:
    server = serve(lambda wire: wire.send(PLAINLY_CLOSED[name]))
    client = ask(server.url)
    assert [client.count(), client.count()] == [7, 7]
    assert server.accepts == 2


def test_a_whole_answer_counts_though_a_reset_follows(serve: Serve, ask: Ask) -> None:
    client = ask(serve(lambda wire: wire.send(truth(wire)).pause(0.001).reset()).url)
    assert all(own_or_none(client, range(20)))


@pytest.mark.parametrize("status", [103, 200, 404, 502])
def test_headers_that_break_a_mail_parser_cause_no_error(serve: Serve, ask: Ask, status: int) -> None:
    crooked = b"HTTP/1.1 %d X\r\nContent-Type: multipart/mixed; boundary*0=a; boundary*=b\r\n" % status
    rest = b"\r\n" + answer(b"7") if status == 103 else b"Content-Length: 1\r\n\r\n7"
    client = ask(serve(lambda wire: wire.send(crooked + rest)).url)
    outcome = client.of(1)
    assert outcome == 7 if status < 300 else isinstance(outcome, Rejected | ServerError)


@pytest.mark.parametrize("status", [200, 404, 502])
def test_headers_that_cannot_be_read_are_not_logged(
    serve: Serve, ask: Ask, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """They may repeat the request's headers, and so the token."""
    broken = f"HTTP/1.1 {status} X\r\nno header\r\nX-Echo: s3cr3t-t0ken\r\n\r\n".encode()
    with caplog.at_level("DEBUG"):
        outcome = ask(serve(lambda wire: wire.send(broken)).url).of(1)
    assert isinstance(outcome, {200: BadAnswer, 404: Rejected, 502: ServerError}[status])
    assert "s3cr3t" not in caplog.text


def test_a_request_that_was_not_sent_whole_has_no_answer(serve: Serve, ask: Ask) -> None:
    """The server answers and closes without reading a request that is larger than all buffers."""
    server = serve(greeting=lambda wire: wire.send(answer(NOBODYS)).close())
    with pytest.raises(Unreachable):
        ask(server.url).client.count("conversations", "a" * 8_000_000, AMPLE)

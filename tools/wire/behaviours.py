"""What a server may do on the wire with one request, and what a client must then say.

The outcome of a behaviour is declared: the true value, or the reason of an error. Where several are
declared, each is right: a reset may overtake what was sent before it, and over TLS Python reports it as
a close. CALM and ODD must all match. SLOW ones need a short time limit. What HTTP/1.1 cannot tell apart
is in UNTELLABLE: it is counted, and not judged.
"""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass
from typing import Final

from tools.wire import acts
from tools.wire.acts import Act, once, status, torn
from tools.wire.exchange import Exchange

VALUE: Final = "the true value"
AGAIN: Final = "that of a second try, on a fresh connection"
BAD, LOST, LATE = "bad_answer", "unreachable", "timeout"


@dataclass(frozen=True)
class Behaviour:
    """One way to serve a request: what is done, the outcomes it may have, and those on a `reused` connection.

    After one that is `clean`, the connection may be used again.
    """

    name: str
    act: Act
    outcomes: frozenset[str]
    reused: frozenset[str]
    clean: bool
    tellable: bool


Behaviours = tuple[Behaviour, ...]


def _all(
    outcomes: set[str],
    *,
    reused: set[str] | None = None,
    clean: bool = False,
    tellable: bool = True,
    **acts: Act,
) -> Behaviours:
    return tuple(
        Behaviour(
            name=name.replace("_", " "),
            act=act,
            outcomes=frozenset(outcomes),
            reused=frozenset(reused or outcomes),
            clean=clean or VALUE in outcomes,
            tellable=tellable,
        )
        for name, act in acts.items()
    )


CALM: Final = _all(
    {VALUE},
    an_answer=torn(Exchange.whole),
    chunks_with_trailers=torn(lambda x: x.chunked(x.body(), end=b"0;x=y\r\nX-A: b\r\n\r\n")),
    clean_gzip=torn(lambda x: x.sized(gzip.compress(x.body()), b"Content-Encoding: gzip")),
)

ODD: Final[Behaviours] = (
    *_all(
        {VALUE},
        interim_answers=lambda x: acts.interims(x, 1, 10),
        closed_after_an_answer=torn(Exchange.whole, acts.pause, Exchange.close),
        connection_close=torn(lambda x: x.sized(x.body(), b"Connection: close"), Exchange.close),
        http_1_0=torn(lambda x: x.sized(x.body()).replace(b"1.1", b"1.0", 1), Exchange.close),
        an_object_ended_by_close=torn(lambda x: x.head() + x.object(), Exchange.close),
    ),
    *_all(
        {VALUE, LOST}, reused={VALUE, LOST, AGAIN}, reset_after_an_answer=once(Exchange.whole, Exchange.reset)
    ),
    *_all({VALUE, BAD}, unasked_at_once_or_soon=acts.unasked_later),
    *_all(
        {BAD},
        unasked_in_one_write=once(lambda x: x.whole() + x.whole(x.decoy)),
        unasked_behind_8192_bytes=acts.just_8192,
        unasked_line_end=once(lambda x: x.whole() + b"\r\n"),
        too_many_interim_answers=lambda x: acts.interims(x, 11, 30),
        switching_protocols=status(b"101 Switching"),
        other_success=status(b"201 C", b"202 A", b"203 N", b"204 N", b"205 R", b"207 M", b"226 I", b"299 X"),
        partial_content=status(b"206 Partial", headers=(b"Content-Range: bytes 0-1/4",)),
        statuses_that_are_none=status(b"000 X", b"099 X", b"600 X", b"799 X", b"999 X"),
        transfer_codings=torn(acts.wrong_coding),
        two_framings=torn(lambda x: x.chunked(x.body()).replace(b"\r\n", b"\r\nContent-Length: 6\r\n", 1)),
        wrong_lengths=torn(acts.wrong_length, Exchange.close),
        malformed_chunks=torn(acts.wrong_chunk, Exchange.close),
        header_lines=torn(acts.wrong_header, Exchange.close),
        length_too_short=once(lambda x: x.sized(x.body(), length=x.random.randrange(6))),
        length_too_long=torn(lambda x: x.sized(x.body(), length=40), Exchange.close),
        not_http=torn(acts.no_http, Exchange.close),
        number_ended_by_close=torn(lambda x: x.head() + str(x.number).encode(), Exchange.close),
        half_an_object_ended_by_close=torn(lambda x: x.head() + x.object()[:-1], Exchange.close),
        endless_body=once(lambda x: x.head() + b" " * 400_000, Exchange.close),
        cut_by_close=once(acts.cut, Exchange.close),
    ),
    *_all(
        {BAD},
        clean=True,
        too_old=torn(lambda x: x.sized(x.body(), b"Age: 86400").replace(b"Age: 0\r\n", b"")),
        broken_gzip=torn(acts.wrong_gzip),
        unknown_encoding=torn(lambda x: x.sized(x.body(), b"Content-Encoding: br")),
        no_count=torn(acts.no_count),
        too_large=torn(lambda x: x.sized(x.body().ljust(64 * 1024 + 1))),
        gzip_bomb=torn(lambda x: x.sized(gzip.compress(x.body().ljust(10**6)), b"Content-Encoding: gzip")),
    ),
    *_all(
        {BAD, LOST},
        reused={BAD, LOST, AGAIN},
        cut_by_reset=once(acts.cut, Exchange.reset),
        closed_after_an_interim_answer=torn(acts.interim, Exchange.close),
    ),
    *_all({LOST}, reused={AGAIN}, closed_at_once=Exchange.close, reset_at_once=Exchange.reset),
    *_all({"rejected"}, refused=status(b"300 X", b"302 F", b"304 N", b"307 T", b"400 B", b"404 N", b"418 T")),
    *_all({"unauthorized"}, unauthorized=status(b"401 U", b"403 F")),
    *_all({"throttled"}, throttled=status(b"429 Slow", b"503 Slow", headers=(b"Retry-After: 1",))),
    *_all({"server_error"}, failed=status(b"500 I", b"501 N", b"502 B", b"503 S", b"504 G", b"599 X")),
)


SLOW: Final = _all({LATE}, silence=lambda _: time.sleep(2.0), drip=acts.drip)

UNTELLABLE: Final = _all(
    {VALUE}, tellable=False, an_unasked_answer_that_is_late=acts.another_s_answer, a_late_rest=acts.late_rest
)

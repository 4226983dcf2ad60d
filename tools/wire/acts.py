"""What a server does with one request: each act makes an answer, or none, and writes it."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable

from tools.wire.exchange import Exchange

Act = Callable[[Exchange], object]


def torn(make: Callable[[Exchange], bytes], *then: Act) -> Act:
    """Write what is made, torn or not, and do the rest."""
    return in_turn(lambda x: x.write(make(x)), *then)


def once(make: Callable[[Exchange], bytes], *then: Act) -> Act:
    """Send what is made in one write, and do the rest."""
    return in_turn(lambda x: x.send(make(x)), *then)


def in_turn(*acts: Act) -> Act:
    """Do one after another."""

    def act(x: Exchange) -> None:
        for each in acts:
            each(x)

    return act


def pause(x: Exchange) -> None:
    """Wait up to 5 ms."""
    time.sleep(x.random.random() * 0.005)


def drip(x: Exchange) -> None:
    """Answer a byte each 50 ms."""
    for byte in x.whole():
        x.send(bytes([byte]))
        time.sleep(0.05)


def interim(x: Exchange) -> bytes:
    """Return one interim answer."""
    status = x.random.choice((b"100 Continue", b"102 Processing", b"103 Early Hints", b"199 Whatever"))
    return x.head(*x.random.choice(((), (b"Link: </a.css>; rel=preload",))), status=status)


def interims(x: Exchange, low: int, high: int) -> None:
    """Send so many interim answers, and then the one asked for, at times later."""
    for _ in range(x.random.randint(low, high)):
        x.write(interim(x))
    time.sleep(x.random.choice((0.0, 0.0, 0.02)))
    x.write(x.whole())


def cut(x: Exchange) -> bytes:
    """Return a part of an answer, which lacks a byte at least, or all of `0 CRLF CRLF`."""
    data = x.whole()
    return data[: x.random.randrange(1, len(data) - (5 if data.endswith(b"0\r\n\r\n") else 0))]


def status(*statuses: bytes, headers: tuple[bytes, ...] = ()) -> Act:
    """Answer with one of these statuses and any body; half of the time, an unasked answer follows."""

    def act(x: Exchange) -> None:
        chosen = x.random.choice(statuses)
        bodies = [x.body(x.decoy), b"<p>No</p>", b""]
        answer = x.sized(x.random.choice(bodies), *headers, status=chosen)
        if chosen[:3] in {b"101", b"204", b"304"} and x.random.random() < 0.7:
            answer = x.head(*headers, status=chosen)
        elif x.random.random() < 0.2:
            answer = x.chunked(bodies[0], *headers, status=chosen)
        behind = x.random.choice((b"", x.whole(x.decoy)))
        if behind and x.random.random() < 0.5:
            x.send(answer)
            x.unasked(behind, x.random.choice((0.0, 0.001, 0.02)))
        else:
            x.send(answer, behind)

    return act


def unasked_later(x: Exchange) -> None:
    """Answer, and go on a moment later; a client listens for 3 ms before it asks again."""
    x.write(x.whole())
    unasked = x.random.choice((x.whole(x.decoy), x.whole(x.decoy), b"\r\n", b"0"))
    x.unasked(unasked, x.random.choice((0.0, 0.0005, 0.001, 0.002)))


def just_8192(x: Exchange) -> None:
    """Fill a buffer of Python's, so that what follows in the record stays with OpenSSL."""
    head = x.head(b"Content-Length: %d" % 9999)
    size = 8192 - len(head)
    x.send(head.replace(b"9999", b"%d" % size), x.body().ljust(size), x.whole(x.decoy))


def wrong_coding(x: Exchange) -> bytes:
    """Return an answer in a transfer coding that is not one `chunked` alone."""
    codings = (b"gzip, chunked", b"chunked, chunked", b"chunked, gzip", b"identity", b"xchunked", b"")
    coding, body = x.random.choice(codings), x.body()
    if not coding:
        return x.head(*[b"Transfer-Encoding: chunked"] * 2) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return x.sized(body, b"Transfer-Encoding: " + coding)


def wrong_length(x: Exchange) -> bytes:
    """Return an answer with two lengths that disagree, or one that is not digits."""
    body = x.body()
    size = len(body)
    wrong = (b"-1", b"+%d" % size, b"0x%x" % size, b"%d.0" % size, b"1_0", b"", b"\xb2", b"many")
    if x.random.random() < 0.3:
        return x.sized(body, b"Content-Length: %d" % (size + x.random.choice((-1, 1))))
    return x.head(b"Content-Length: " + x.random.choice(wrong)) + body


def wrong_chunk(x: Exchange) -> bytes:
    """Return chunks whose size line, or line end, is not what it must be."""
    body = x.object()
    size = len(body)
    good = b"%x" % size
    wrong = (
        b"-" + good,
        b"+" + good,
        b"0x" + good,
        b"zz",
        b"",
        b"1_1",
        b"%x" % (size + 2),
        b"%x" % (size - 2),
    )
    line, end = x.random.choice([*((bad, b"\r\n") for bad in wrong), (good, b"XX"), (good, b"")])
    return x.head(b"Transfer-Encoding: chunked") + line + b"\r\n" + body + end + b"0\r\n\r\n"


def wrong_header(x: Exchange) -> bytes:
    """Return an answer with a header line that cannot be parsed."""
    body = x.body()
    length = b"Content-Length: %d" % len(body)
    lines = x.random.choice(
        ([b"no colon", length], [b": no name", length], [length.replace(b":", b" :")], [b"a name: b", length])
    )
    return b"\r\n".join((b"HTTP/1.1 200 OK", *lines, b"", body))


def wrong_gzip(x: Exchange) -> bytes:
    """Return gzip of two members, with bytes behind it, cut off, or none."""
    first, second = gzip.compress(x.body()), gzip.compress(x.body(x.decoy))
    body = x.random.choice((first + second, first + b"34", first + b"\0", first[:-4], x.body()))
    return x.sized(body, b"Content-Encoding: gzip")


def no_count(x: Exchange) -> bytes:
    """Return a well-made answer that holds no count."""
    forms = (
        "<p>#", '{"count":-#}', '{"count":#.5}', '{"count":"#"}', '{"count":true}', "[#]", "", "# 0", "null",
        '{"count":#,"Result":0}', '{"count":#,"error":"x"}', '{"Count":#,"Result":[]}', "NaN", "#x", "#e0",
        '{"count":#,"count":1}', '{"count":#',
    )  # fmt: skip
    return x.sized(x.random.choice(forms).replace("#", str(x.number)).encode())


def no_http(x: Exchange) -> bytes:
    """Return what is not HTTP/1."""
    starts = (
        b"SSH-2.0-none\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"\0" * 70_000 + b"\r\n",
        b"0\n",
    )
    return x.random.choice(starts) + x.body()


def another_s_answer(x: Exchange) -> None:
    """Answer as if it were the rest of an earlier exchange, and then with what is true."""
    x.send(x.whole(x.decoy))
    x.unasked(x.whole(), 0.005)


def late_rest(x: Exchange) -> None:
    """Announce three digits of a number; the rest comes when the next request may have left."""
    number = str(x.number).encode()
    x.send(x.sized(number[:3]))
    x.unasked(number[3:], 0.005)

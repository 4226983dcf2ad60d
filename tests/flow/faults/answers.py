"""The faults of an API: statuses, bodies that are no count, and moods."""

from __future__ import annotations

import gzip
from typing import Final

from tests.flow.faults.row import KEPT, PAUSED, RESTED, Fault
from tests.flow.faults.wire import OK, Wire, asked, body, every_other, sends, status

NO_NUMBER: Final = "JSON that holds no whole number where the count should be"
NOT_ALONE: Final = "an object that is not a count alone"
OUT_OF_RANGE: Final = "a count that is negative or beyond 2**53"


def _status(code: int, reason: str, back: str, *headers: str, name: str = "", also: str = "") -> Fault:
    does = f"answers {code}{also}"
    fault = status(code, *headers)
    return Fault(name or f"status_{code}", does, reason, f"answered {code}", back=back, script=fault)


def _statuses(reason: str, *codes: int) -> list[Fault]:
    return [
        _status(code, reason, RESTED if reason == "unauthorized" else "with the next run") for code in codes
    ]


def _body(name: str, text: bytes, says: str, does: str = "") -> Fault:
    return Fault(name, does or f"`{text.decode()}`", "bad_answer", says, script=body(text))


STATUSES: Final = (
    *_statuses("rejected", 400, 404, 405, 410, 413, 422),
    Fault(
        "redirect",
        "answers 302, to another server",
        "rejected",
        "answered 302",
        script=asked(lambda wire: wire.answer(b'{"count": 12}', 302, f"Location: {wire.elsewhere}")),
    ),
    *_statuses("unauthorized", 401, 403),
    *_statuses("throttled", 429),
    _status(429, "throttled", PAUSED, "Retry-After: 1", name="retry_after", also=", `Retry-After: 1`"),
    _status(503, "throttled", PAUSED, "Retry-After: 1", name="maintenance", also=", `Retry-After: 1`"),
    *_statuses("server_error", 500, 501, 502, 503, 504, 599),
    Fault(
        "status_204",
        "answers 204",
        "bad_answer",
        "a success that cannot contain a count",
        script=sends(b"HTTP/1.1 204 No Content\r\n\r\n"),
    ),
    Fault(
        "status_999",
        "answers 999",
        "bad_answer",
        "a status that is neither success nor failure",
        script=status(999),
    ),
)

BODIES: Final = (  # one for each text in the log; tests/nativechat/test_answers.py has the rest
    _body("empty", b"", "an empty body", "an empty body"),
    _body("html", b"<!doctype html><p>0</p>", "a body that is not JSON"),
    _body("negative", b'{"count": -1}', OUT_OF_RANGE),
    _body("infinite", b'{"count": 1e999}', "a number too large to hold"),
    _body("nan", b'{"count": NaN}', "NaN, which is not JSON"),
    _body("numeric_text", b'{"count": "12"}', NO_NUMBER),
    _body("key_twice", b'{"count": 12, "count": 13}', "an object that has a key twice"),
    _body("disagreement", b'{"count": 12, "Result": 13}', "counts that disagree"),
    _body("with_error", b'{"count": 12, "error": "Internal"}', NOT_ALONE),
    _body("too_deep", b"[" * 60_000, "JSON nested too deeply", "JSON, nested 60,000 times"),
    _body("oversize", b"12".rjust(70_000), "more than 64 KiB", "70 kB of spaces before a number"),
)

MOODS: Final = (
    Fault(
        "flapping_status",
        "every other attempt gets 500",
        "server_error",
        "answered 500",
        KEPT,
        script=every_other(status(500)),
        flaps=True,
    ),
    Fault(
        "flapping_reset",
        "every other attempt is broken off",
        "",
        "",
        KEPT,
        script=every_other(asked(Wire.reset)),
    ),
    Fault(
        "flapping_body",
        "every other answer is HTML",
        "bad_answer",
        "a body that is not JSON",
        KEPT,
        script=every_other(body(b"<p>0</p>", "Connection: close")),
        flaps=True,
    ),
    Fault(
        "interim",
        "`103 Early Hints` before each answer",
        "",
        "",
        KEPT,
        script=asked(lambda wire: wire.send(b"HTTP/1.1 103 Early Hints\r\n\r\n"), Wire.count),
    ),
    Fault(
        "unasked",
        "a second answer follows the one asked for",
        "bad_answer",
        "more bytes than it said",
        script=sends(2 * (OK + b'Content-Length: 13\r\n\r\n{"count": 12}')),
    ),
    Fault(
        "kept_by_a_cache",
        "a count with `Age: 86400`",
        "bad_answer",
        "an Age above api.timeout",
        script=body(b'{"count": 12}', "Age: 86400"),
    ),
    Fault(
        "a_part",
        "answers 206 with the start of a number",
        "bad_answer",
        "a success that cannot contain a count",
        script=sends(
            b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/4\r\nContent-Length: 2\r\n\r\n12"
        ),
    ),
    Fault(
        "gzip_twice",
        "gzip of a count, and one more",
        "bad_answer",
        "bytes after its gzip body",
        script=body(gzip.compress(b"12") + gzip.compress(b"34"), "Content-Encoding: gzip"),
    ),
    Fault(
        "other_transfer_coding",
        "`Transfer-Encoding: gzip, chunked`",
        "bad_answer",
        "a transfer coding other than chunked alone",
        script=body(b"12", "Transfer-Encoding: gzip, chunked"),
    ),
)

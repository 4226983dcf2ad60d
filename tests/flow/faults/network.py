"""The faults of a network: connecting, TLS, and every stage of a request."""

from __future__ import annotations

import gzip
from typing import Final

from tests.flow.faults.row import Fault
from tests.flow.faults.wire import OK, Wire, asked, at_once, body, certificate, sends

HALF_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Le"
HALF_BODY: Final = OK + b'Content-Length: 13\r\n\r\n{"cou'
CHUNKED: Final = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BROKEN: Final = "HTTP that is broken or cut off"
SILENT: Final = "no answer yet"
UNFINISHED: Final = "the answer is unfinished"
BROKEN_OFF: Final = "connection reset by peer"

CONNECTING: Final = (
    Fault("no_name", "the host's name does not exist", "unreachable", "no address for", by_name=True),
    Fault("refused", "nobody listens", "unreachable", "connection refused", listener="closed"),
    Fault("full", "the connection is never accepted", "timeout", "still connecting to", listener="full"),
)

TLS: Final = (
    Fault(
        "tls_untrusted",
        "a certificate of an unknown authority",
        "unreachable",
        "certificate not accepted, unable to get local issuer certificate",
        scheme="https",
        script=certificate("untrusted"),
    ),
    Fault(
        "tls_expired",
        "an expired certificate",
        "unreachable",
        "certificate not accepted, certificate has expired",
        scheme="https",
        script=certificate("expired"),
    ),
    Fault(
        "tls_other_host",
        "another host's certificate",
        "unreachable",
        "certificate not accepted, IP address mismatch",
        scheme="https",
        script=certificate("other host"),
    ),
    Fault("tls_silent", "no answer to the TLS handshake", "timeout", "TLS handshake yet", scheme="https"),
    Fault(
        "tls_reset",
        "a reset in the TLS handshake",
        "unreachable",
        BROKEN_OFF,
        scheme="https",
        script=at_once(lambda wire: wire.read_some(10), Wire.reset),
    ),
    Fault(
        "tls_not_spoken",
        "HTTP where TLS should be",
        "unreachable",
        "no TLS with",
        scheme="https",
        script=at_once(lambda wire: wire.read_some(10), lambda wire: wire.answer(b'{"count": 12}', 400)),
    ),
    Fault(
        "tls_unexpected",
        "TLS where HTTP should be",
        "unreachable",
        "broken connection to",
        script=certificate("good"),
    ),
)

RESETS: Final = (
    Fault("reset_at_once", "a reset on connecting", "unreachable", BROKEN_OFF, script=Wire.reset),
    Fault(
        "reset_in_request",
        "a reset within the request",
        "unreachable",
        BROKEN_OFF,
        script=at_once(lambda wire: wire.read_some(20), Wire.reset),
    ),
    Fault(
        "reset_in_headers",
        "a reset within the headers",
        "unreachable",
        BROKEN_OFF,
        script=asked(lambda wire: wire.send(HALF_HEAD), Wire.reset),
    ),
    Fault(
        "reset_in_body",
        "a reset within the body",
        "unreachable",
        BROKEN_OFF,
        script=asked(lambda wire: wire.send(HALF_BODY), Wire.reset),
    ),
)

HANGS: Final = (
    Fault("hang_at_once", "the request is never read", "timeout", SILENT),
    Fault("hang", "no answer", "timeout", SILENT, script=asked(lambda wire: wire.hang())),
    Fault(
        "hang_in_headers",
        "half of the headers, then silence",
        "timeout",
        UNFINISHED,
        script=asked(lambda wire: wire.send(HALF_HEAD), lambda wire: wire.hang()),
    ),
    Fault(
        "hang_in_body",
        "half of the body, then silence",
        "timeout",
        UNFINISHED,
        script=asked(lambda wire: wire.send(HALF_BODY), lambda wire: wire.hang()),
    ),
    Fault(
        "drip_headers",
        "headers, a byte each 50 ms",
        "timeout",
        UNFINISHED,
        script=asked(lambda wire: wire.drip(HALF_HEAD)),
    ),
    Fault(
        "drip_body",
        "a body, a byte each 50 ms",
        "timeout",
        UNFINISHED,
        script=asked(lambda wire: wire.send(OK + b"Content-Length: 999\r\n\r\n").drip(b" ")),
    ),
)

CUTS: Final = (
    Fault("closed", "closed without an answer", "unreachable", "broken connection to", script=sends(b"")),
    Fault(
        "cut_in_headers",
        "closed within the headers",
        "bad_answer",
        BROKEN,
        script=sends(HALF_HEAD),
    ),
    Fault("cut_in_body", "closed within the body", "bad_answer", BROKEN, script=sends(HALF_BODY)),
    Fault(
        "cut_in_chunk",
        "closed before the last chunk",
        "bad_answer",
        BROKEN,
        script=sends(CHUNKED + b"2\r\n12\r\n"),
    ),
    Fault(
        "cut_unnoticed",
        "a number, without a length",
        "bad_answer",
        "a body that may be cut off",
        script=sends(OK + b"\r\n47"),
    ),
    Fault(
        "length_too_long",
        "a count, shorter than its length",
        "bad_answer",
        BROKEN,
        script=sends(OK + b'Content-Length: 99\r\n\r\n{"count": 12}'),
    ),
    Fault(
        "length_too_short",
        "a count, longer than its length",
        "bad_answer",
        "more bytes than it said",
        script=sends(OK + b'Content-Length: 12\r\n\r\n{"count": 12}'),
    ),
)

FLOODS: Final = (
    Fault(
        "endless_headers",
        "headers without end",
        "bad_answer",
        "more than 100 headers",
        script=asked(lambda wire: wire.send(OK).flood(b"X-Y: z\r\n" * 500)),
    ),
    Fault(
        "endless_waiting",
        "`100 Continue` without end",
        "bad_answer",
        "more than 10 interim responses",
        script=asked(lambda wire: wire.flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    ),
    Fault(
        "endless_body",
        "a body without end",
        "bad_answer",
        "more than 64 KiB",
        script=asked(lambda wire: wire.send(OK + b"\r\n").flood(b"1" * 4_096)),
    ),
    Fault(
        "endless_chunks",
        "chunks without end",
        "bad_answer",
        "more than 64 KiB",
        script=asked(lambda wire: wire.send(CHUNKED).flood(b"400\r\n" + b"1" * 1_024 + b"\r\n")),
    ),
    Fault(
        "gzip_bomb",
        "50 kB of gzip that hold 50 MB",
        "bad_answer",
        "more than 64 KiB",
        script=body(gzip.compress(b" " * 50_000_000), "Content-Encoding: gzip"),
    ),
    Fault(
        "not_http",
        "another protocol",
        "bad_answer",
        BROKEN,
        script=sends(b"SSH-2.0-OpenSSH_9.2\r\n"),
    ),
)

"""Translates HTTP statuses and broken connections into errors of our own tree; pure."""

from __future__ import annotations

import errno
import math
import re
import socket
import ssl
from datetime import UTC
from email.utils import parsedate_to_datetime

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
from exporter.nativechat.attempt import Attempt


def bad_answer(what: str, status: int | None, why: str) -> BadAnswer:
    """Return the error for a wrong answer; `why` is text that follows "with"."""
    return BadAnswer(
        f"{what} answered with {why}" if status is None else f"{what} answered {status} with {why}"
    )


def by_status(what: str, status: int, retry_after: float | None) -> ApiError | None:
    """Return the error for an HTTP status, None for 200.

    Other statuses of success are errors too, because the count may be missing, partial or changed. `what` is
    the request; `retry_after` is the server's Retry-After in seconds, if any. The caller puts `what` and the
    status before a BadAnswer's message (see `bad_answer`).
    """
    if status == 200:
        return None
    if 200 < status < 300:
        return BadAnswer("a success that cannot contain a count: only 200 can")
    if not 300 <= status < 600:
        return BadAnswer("a status that is neither success nor failure")
    message = f"{what} answered {status}"
    if status == 429 or (status == 503 and retry_after is not None):
        return Throttled(message, retry_after=retry_after)
    if status in {401, 403}:
        return Unauthorized(message)
    return ServerError(message) if status >= 500 else Rejected(message)


def read_retry_after(value: str | None, wall: float) -> float | None:
    """Return the seconds of a Retry-After header, None if it is absent or invalid.

    Accepts both forms of RFC 9110, section 10.2.3: a number of seconds, or a date, which is compared with
    the time `wall`. A past date means 0. A fraction, which the RFC does not allow, is rounded up.
    """
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,18})?", text):
        return float(math.ceil(float(text)))
    try:
        date = parsedate_to_datetime(text)
        return max(0.0, date.replace(tzinfo=date.tzinfo or UTC).timestamp() - wall)
    except (ValueError, OverflowError):
        return None


def check_age(value: str | None, timeout: float) -> None:
    """Raise BadAnswer if an Age header shows that a cache kept the answer longer than `timeout` seconds.

    The message continues "answered 200 with …". An invalid Age is refused too: RFC 9111, section 5.1, lets
    caches ignore it, but it shows that the answer came from a cache.
    """
    ages = [] if value is None else re.split(r"\s*,\s*", value.strip())
    if not all(re.fullmatch("[0-9]{1,9}", age) and float(age) <= timeout for age in ages):
        raise BadAnswer(f"an Age above api.timeout ({timeout:g}s): it was kept by a cache in between")


def is_out_of_time(cause: OSError) -> bool:
    """Return whether our own timeout ended an operation, not the system's timeout for a lost peer."""
    return isinstance(cause, TimeoutError) and cause.errno != errno.ETIMEDOUT


def by_cause(cause: OSError | None, attempt: Attempt, *, what: str, peer: str, budget: float) -> ApiError:
    """Return the error for an attempt that failed, from the system's own error if there is one."""
    if cause is not None and is_out_of_time(cause):
        return TimedOut(f"{what} took longer than {budget:.3g}s: {attempt.stage}")
    if cause is not None:
        return Unreachable(f"{_trouble(cause, attempt)} {peer}: {_reason(cause)}")
    if attempt.answered:
        return bad_answer(what, attempt.status, "HTTP that is broken or cut off")
    return Unreachable(f"no connection to {peer}: api.url, or a proxy in the environment, is unusable")


def _trouble(cause: OSError, attempt: Attempt) -> str:
    if isinstance(cause, socket.gaierror):
        return "no address for"
    if isinstance(cause, ssl.SSLError):
        return "no TLS with"
    if attempt.dialled and not attempt.connected:
        return "no connection to"
    return "broken connection to"


def _reason(cause: OSError) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate not accepted, {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return (cause.reason or "handshake failed").replace("_", " ").lower()
    return (cause.strerror or str(cause)).lower()

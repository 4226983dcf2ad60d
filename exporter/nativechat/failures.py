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
from exporter.nativechat import advice
from exporter.nativechat.attempt import Attempt, Route
from exporter.proxies import Proxy


def bad_answer(what: str, status: int | None, why: str, advised: str | None = None) -> BadAnswer:
    """Return the error for a wrong answer; `why` is text that follows "with"."""
    answered = "answered" if status is None else f"answered {status}"
    return BadAnswer(f"{what} {answered} with {why}", advice=advised)


def by_status(
    what: str, status: int, retry_after: float | None, proxy: Proxy | None = None
) -> ApiError | None:
    """Return the error for an HTTP status, None for 200.

    Other statuses of success are errors too, because the count may be missing, partial or changed. `what` is
    the request; `retry_after` is the server's Retry-After in seconds, if any; `proxy` may have answered
    itself. The caller puts `what` and the status before a BadAnswer's message (see `bad_answer`).
    """
    if status == 200:
        return None
    if 200 < status < 300:
        changed = advice.CACHE if status == 203 else None
        return BadAnswer("a success that cannot contain a count: only 200 can", advice=changed)
    if not 300 <= status < 600:
        return BadAnswer("a status that is neither success nor failure")
    message = f"{what} answered {status}"
    if status == 429 or (status == 503 and retry_after is not None):
        return Throttled(message, retry_after=retry_after, advice=advice.of_throttling(status))
    kind = Unauthorized if status in {401, 403} else ServerError if status >= 500 else Rejected
    return kind(message, advice=advice.of_status(status, proxy))


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


def check_fresh(age: str | None, warning: str, timeout: float) -> None:
    """Raise BadAnswer if a cache kept the answer: its Age is above `timeout` seconds, or a Warning says so.

    The message continues "answered 200 with …". An invalid Age is refused too: RFC 9111, section 5.1, lets
    caches ignore it, but it shows that the answer came from a cache. Warning has the codes of RFC 7234: 110
    for a stale answer, 111 for one that could not be validated.
    """
    ages = [] if age is None else re.split(r"\s*,\s*", age.strip())
    if not all(re.fullmatch("[0-9]{1,9}", age) and float(age) <= timeout for age in ages):
        what = f"an Age above api.timeout ({timeout:g}s): it was kept by a cache in between"
        raise BadAnswer(what, advice=advice.CACHE)
    if re.search(r"(^|,)\s*11[01]\b", warning):
        raise BadAnswer("a Warning that it is stale: it was kept by a cache in between", advice=advice.CACHE)


def is_out_of_time(cause: OSError) -> bool:
    """Return whether our own timeout ended an operation, not the system's timeout for a lost peer."""
    return isinstance(cause, TimeoutError) and cause.errno != errno.ETIMEDOUT


def by_cause(cause: OSError | None, route: Route, *, what: str, budget: float) -> ApiError:
    """Return the error for an attempt that failed, from the system's own error if there is one."""
    attempt = route.attempt
    if cause is None and attempt.answered:
        return bad_answer(what, attempt.status, "HTTP that is broken or cut off")
    if cause is None:
        named = f"the proxy in {route.proxy.variable}" if route.proxy else "api.url"
        message = f"no connection to {route.host}: {named} cannot be used"
        return Unreachable(message, advice=advice.of_url(route.proxy))
    if is_out_of_time(cause):
        stage = f"still connecting to {route}" if attempt.is_connecting else attempt.stage
        advised = advice.HANDSHAKE if attempt.in_handshake else None
        advised = advice.of_connecting(route) if attempt.is_connecting else advised
        return TimedOut(f"{what} took longer than {budget:.3g}s: {stage}", advice=advised)
    if refused := re.match("Tunnel connection failed: ([0-9]+)", str(cause)):
        message = f"no tunnel to {route}: it answered {refused[1]}"
        return Unreachable(message, advice=advice.of_tunnel(int(refused[1]), route.proxy))
    message = f"{_trouble(cause, attempt)} {route}: {_reason(cause)}"
    return Unreachable(message, advice=advice.of_cause(cause, route))


def _trouble(cause: OSError, attempt: Attempt) -> str:
    if isinstance(cause, socket.gaierror):
        return "no address for"
    if isinstance(cause, ssl.SSLError):
        return "no TLS with"
    if attempt.is_connecting:
        return "no connection to"
    return "broken connection to"


def _reason(cause: OSError) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate not accepted, {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return (cause.reason or "handshake failed").replace("_", " ").lower()
    return (cause.strerror or str(cause)).lower()

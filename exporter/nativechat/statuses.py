"""Translates what a response says, its status and some headers, into errors with advice; pure."""

from __future__ import annotations

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from exporter.errors import ApiError, BadAnswer, Rejected, ServerError, Throttled, Unauthorized
from exporter.proxies import Proxy

BROKEN_HTTP: Final = "the API, or what is between it and this host, breaks HTTP: tell whoever runs that"

_CACHE: Final = "a cache between this host and the API answers in its place: let it pass these requests on"
_BUSY: Final = "the API asks to wait: it is overloaded, or under maintenance"
_REDIRECT: Final = "write the final URL as api.url; redirects are not followed, to keep the token safe"
_STATUSES: Final = {
    **dict.fromkeys((400, 422), "check this query's predicate"),
    403: f"this token may not read this; {Unauthorized.advice}",
    **dict.fromkeys((404, 410), "check the bot's id and api.url"),
    **dict.fromkeys((408, 425), "the API asks to try again later; wait until it works again"),
    **dict.fromkeys((413, 414, 431), "the request is too long: shorten this query's predicate"),
}


def bad_answer(what: str, status: int | None, why: str, advice: str | None = None) -> BadAnswer:
    """Return the error for a wrong answer; `why` is text that follows "with"."""
    answered = "answered" if status is None else f"answered {status}"
    return BadAnswer(f"{what} {answered} with {why}", advice=advice)


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
        changed = _CACHE if status == 203 else None
        return BadAnswer("a success that cannot contain a count: only 200 can", advice=changed)
    if not 300 <= status < 600:
        return BadAnswer("a status that is neither success nor failure")
    message = f"{what} answered {status}"
    if status == 429 or (status == 503 and retry_after is not None):
        return Throttled(message, retry_after=retry_after, advice=_BUSY if status == 503 else None)
    kind = Unauthorized if status in {401, 403} else ServerError if status >= 500 else Rejected
    return kind(message, advice=_advice(status, proxy))


def _advice(status: int, proxy: Proxy | None) -> str | None:
    """Return the advice for a failure's status, None for that of the error's class."""
    if status == 407:
        return proxy_password(proxy)
    if status in {502, 503, 504} and proxy:
        return f"the API, or the proxy in {proxy.variable}, fails; wait until it works again"
    return _REDIRECT if status < 400 else _STATUSES.get(status)


def proxy_password(proxy: Proxy | None) -> str:
    """Return the advice for a 407."""
    if proxy is None:
        return "a proxy that no variable names wants a password: ask who runs the network"
    return (
        f"the proxy in {proxy.variable} wants a user and a password: write both into that variable, as in "
        "http://USER:PASSWORD@HOST:PORT"
    )


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
        raise BadAnswer(what, advice=_CACHE)
    if re.search(r"(^|,)\s*11[01]\b", warning):
        raise BadAnswer("a Warning that it is stale: it was kept by a cache in between", advice=_CACHE)

"""Limits how fast a bot is asked, and how soon again after a failure: pure arithmetic on seconds."""

from __future__ import annotations

from typing import Final

from exporter.errors import ApiError, ServerError, Throttled, Unreachable

CATCH_UP: Final = 0.05
"""Seconds of lateness that a rate limiter makes up for, so that late wake-ups do not lower the rate."""

RETRY_AFTER_CAP: Final = 300.0
"""Most seconds that a Retry-After can pause a bot: a mistake on the server must not stop it for longer."""

FIRST_WAIT: Final = 0.25
"""Most seconds to wait before the first retry; doubles with each further retry."""

FIRST_BACKOFF: Final = 1.0
"""Seconds without requests after a refused token; doubles with each further refusal."""

LONGEST_BACKOFF: Final = 300.0
"""Most seconds without requests after a refused token; also how late a token that works again is noticed."""

SLOW_INTERVAL: Final = 0.1
"""Fewest seconds between two requests of a bot that is throttled, whatever its rate; times its slowness."""

SLOWEST: Final = 8
"""How many times as slowly, at most, a throttled bot is asked."""

_RETRIED: Final = (Unreachable, ServerError, Throttled)

_RETRIED_STATUSES: Final = frozenset({408, 425})
"""Request Timeout and Too Early: the server asks for the same request again."""

RETRY_SHARE: Final = 0.1
"""Retries for each request, at most, where the API answered with an error."""

_MINUTE: Final = 60.0


class RateLimiter:
    """Space one bot's requests: at most `rate` a second, fewer while throttled, and none during a pause.

    A token bucket of size one. It reads no clock: every call takes the time as an argument.
    """

    __slots__ = ("_free_at", "_interval", "_slowness", "paused_until")

    def __init__(self, rate: float | None) -> None:
        self._interval = 1.0 / rate if rate else 0.0
        self._free_at = float("-inf")
        self._slowness = 1
        self.paused_until = float("-inf")

    def next_at(self, now: float) -> float:
        """Return when the next request may start: `now` or later."""
        return max(now, self._free_at, self.paused_until)

    def take(self, now: float) -> None:
        """Record that a request starts now."""
        interval = self._interval
        if self._slowness > 1:
            interval = max(interval, SLOW_INTERVAL) * self._slowness
        self._free_at = max(self._free_at, now - min(CATCH_UP, interval)) + interval

    def change_rate(self, rate: float | None) -> None:
        """Apply another rate, counted from the last request; a pause stays."""
        interval = 1.0 / rate if rate else 0.0
        self._free_at += interval - self._interval
        self._interval = interval

    def pause(self, until: float) -> None:
        """Start no request before `until`; never shortens an earlier pause."""
        self.paused_until = max(self.paused_until, until)

    @property
    def slowed(self) -> bool:
        """Whether the bot is asked more slowly because it is throttled."""
        return self._slowness > 1

    def slow_down(self) -> None:
        """Ask half as fast, after a request was throttled."""
        self._slowness = min(2 * self._slowness, SLOWEST)

    def speed_up(self) -> None:
        """Ask twice as fast again, after a request was answered."""
        self._slowness = max(1, self._slowness // 2)


class RetryBudget:
    """Limit retries of requests that the API answered with an error, to a tenth of all requests.

    Without it, an API in trouble would get the more requests the more it fails. Unused retries are saved:
    as many as a minute's requests bring, one at least. It reads no clock.
    """

    __slots__ = ("_last_requests", "_minute", "_requests", "_saved")

    def __init__(self) -> None:
        self._minute = 0.0
        self._requests = self._last_requests = 0
        self._saved = 1.0

    def add_request(self, now: float) -> None:
        """Record that a request starts."""
        if (minute := now // _MINUTE) != self._minute:
            self._last_requests = self._requests if minute == self._minute + 1 else 0
            self._minute, self._requests = minute, 0
        self._requests += 1
        most = max(1.0, RETRY_SHARE * max(self._requests, self._last_requests))
        self._saved = min(self._saved + RETRY_SHARE, most)

    def take_retry(self) -> bool:
        """Return whether a retry is allowed, and use it up if so."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True


def retry_wait(error: ApiError, attempt: int, jitter: float) -> float | None:
    """Return the seconds to wait before a retry, or None if a retry cannot help.

    `attempt` is the number of the failed attempt, from 1: the wait doubles with each. `jitter`, from 0
    to 1, picks a point in the upper half of the wait. The wait is never shorter than Retry-After.
    """
    if not isinstance(error, _RETRIED) and error.status not in _RETRIED_STATUSES:
        return None
    wait = FIRST_WAIT * 2.0 ** (attempt - 1) * (0.5 + 0.5 * jitter)
    return max(wait, requested_pause(error))


def requested_pause(error: ApiError) -> float:
    """Return the seconds of the server's Retry-After, capped; 0 if it sent none."""
    return min(max(error.retry_after or 0.0, 0.0), RETRY_AFTER_CAP)


def refusal_backoff(refusals: int) -> float:
    """Return the seconds without requests after so many refusals of a token in a row."""
    return min(FIRST_BACKOFF * 2.0 ** min(refusals - 1, 30), LONGEST_BACKOFF)

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

_RETRIED: Final = (Unreachable, ServerError, Throttled)


class RateLimiter:
    """Space one bot's requests: at most `rate` a second, and none during a pause.

    A token bucket of size one. It reads no clock: every call takes the time as an argument.
    """

    __slots__ = ("_free_at", "_interval", "_paused_until")

    def __init__(self, rate: float | None) -> None:
        self._interval = 1.0 / rate if rate else 0.0
        self._free_at = float("-inf")
        self._paused_until = float("-inf")

    def next_at(self, now: float) -> float:
        """Return when the next request may start: `now` or later."""
        return max(now, self._free_at, self._paused_until)

    def take(self, now: float) -> None:
        """Record that a request starts now."""
        self._free_at = max(self._free_at, now - min(CATCH_UP, self._interval)) + self._interval

    def change_rate(self, rate: float | None) -> None:
        """Apply another rate, counted from the last request; a pause stays."""
        interval = 1.0 / rate if rate else 0.0
        self._free_at += interval - self._interval
        self._interval = interval

    def pause(self, until: float) -> None:
        """Start no request before `until`; never shortens an earlier pause."""
        self._paused_until = max(self._paused_until, until)


def retry_wait(error: ApiError, attempt: int, jitter: float) -> float | None:
    """Return the seconds to wait before a retry, or None if a retry cannot help.

    `attempt` is the number of the failed attempt, from 1: the wait doubles with each. `jitter`, from 0
    to 1, picks a point in the upper half of the wait. The wait is never shorter than Retry-After.
    """
    if not isinstance(error, _RETRIED):
        return None
    wait = FIRST_WAIT * 2.0 ** (attempt - 1) * (0.5 + 0.5 * jitter)
    return max(wait, requested_pause(error))


def requested_pause(error: ApiError) -> float:
    """Return the seconds of the server's Retry-After, capped; 0 if it sent none."""
    return min(max(error.retry_after or 0.0, 0.0), RETRY_AFTER_CAP)


def refusal_backoff(refusals: int) -> float:
    """Return the seconds without requests after so many refusals of a token in a row."""
    return min(FIRST_BACKOFF * 2.0 ** min(refusals - 1, 30), LONGEST_BACKOFF)

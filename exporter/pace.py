"""How fast, and how soon again, a bot may be asked: pure arithmetic on a clock's seconds."""

from __future__ import annotations

from typing import Final

from exporter.errors import ApiError, ServerError, Throttled, Unreachable

CATCH_UP: Final = 0.05
"""Seconds of lateness a pace makes good, so that waking late does not lower the rate."""

RETRY_AFTER_CAP: Final = 300.0
"""The longest a server's Retry-After is obeyed, in seconds: a typo there must not silence a bot."""

FIRST_WAIT: Final = 0.25
"""The longest wait before the first further attempt, in seconds; it doubles with each one."""

FIRST_REST: Final = 1.0
"""Seconds that a bot whose token was refused is left alone; it doubles with each refusal."""

LONGEST_REST: Final = 300.0
"""The longest that is, in seconds: how late an exporter may find out that a token is good again."""

_RETRIED: Final = (Unreachable, ServerError, Throttled)


class Pace:
    """Space one bot's requests: never more than `rate` a second, none during a pause.

    A token bucket that holds a single token. It knows no clock: every call is told the time.
    """

    __slots__ = ("_free_at", "_interval", "_paused_until")

    def __init__(self, rate: float | None) -> None:
        self._interval = 1.0 / rate if rate else 0.0
        self._free_at = float("-inf")
        self._paused_until = float("-inf")

    def next_at(self, now: float) -> float:
        """Return when the next request may start: `now`, or a later moment."""
        return max(now, self._free_at, self._paused_until)

    def take(self, now: float) -> None:
        """Note that a request starts now."""
        self._free_at = max(self._free_at, now - min(CATCH_UP, self._interval)) + self._interval

    def change_rate(self, rate: float | None) -> None:
        """Space the requests from the last one on by another rate; a pause stays."""
        interval = 1.0 / rate if rate else 0.0
        self._free_at += interval - self._interval
        self._interval = interval

    def pause(self, until: float) -> None:
        """Let nothing start before `until`; an earlier pause is never shortened."""
        self._paused_until = max(self._paused_until, until)


def retry_wait(error: ApiError, attempt: int, jitter: float) -> float | None:
    """Return the seconds to wait after the failed `attempt` (from 1), or None where asking again is vain.

    Waits grow twofold; `jitter`, from 0 to 1, spreads each over its upper half. A Retry-After is a
    lower bound.
    """
    if not isinstance(error, _RETRIED):
        return None
    wait = FIRST_WAIT * 2.0 ** (attempt - 1) * (0.5 + 0.5 * jitter)
    return max(wait, asked_pause(error))


def asked_pause(error: ApiError) -> float:
    """Return the pause in seconds that the server asked for, capped; 0 where it asked for none."""
    return min(max(error.retry_after or 0.0, 0.0), RETRY_AFTER_CAP)


def rest_after(refusals: int) -> float:
    """Return the seconds to leave a bot alone whose token was refused so many times running."""
    return min(FIRST_REST * 2.0 ** min(refusals - 1, 30), LONGEST_REST)

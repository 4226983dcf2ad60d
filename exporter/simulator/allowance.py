"""The rate limit of the simulated API: how many requests a bot may still make."""

from __future__ import annotations

import math


class Allowance:
    """A token bucket: it refills at `rate` a second, and holds the requests of a second, at least one.

    It has no clock: the caller passes the time. Without a rate there is no limit.
    """

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._most = max(1.0, rate or 0.0)
        self._left = self._most
        self._at = float("-inf")

    def spend(self, now: float) -> int:
        """Take one request and return 0; if none is left, return the whole seconds to wait."""
        if self._rate is None:
            return 0
        self._left = min(self._most, self._left + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._left >= 1.0:
            self._left -= 1.0
            return 0
        return math.ceil((1.0 - self._left) / self._rate)

"""How many requests a bot may still make: the service's side of a rate limit."""

from __future__ import annotations

import math


class Allowance:
    """A bucket that refills at `rate` a second and holds a second's worth, at least one request.

    It knows no clock: every call is told the time. Without a rate it never runs dry.
    """

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._most = max(1.0, rate or 0.0)
        self._left = self._most
        self._at = float("-inf")

    def spend(self, now: float) -> int:
        """Spend one request and return 0, or the whole seconds to wait before the next one."""
        if self._rate is None:
            return 0
        self._left = min(self._most, self._left + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._left >= 1.0:
            self._left -= 1.0
            return 0
        return math.ceil((1.0 - self._left) / self._rate)

"""Reads the time; no other module does."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks: wall time for people and dates, steady time for ages and due times."""

    def wall(self) -> float:
        """Return seconds since the Unix epoch; may step in either direction."""

    def steady(self) -> float:
        """Return seconds since an arbitrary moment; never steps, and continues while the machine sleeps."""

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for about this long."""


class SystemClock:
    """The machine's own clocks.

    Linux stops CLOCK_MONOTONIC while suspended, so a value would look fresh after a night of suspend.
    CLOCK_BOOTTIME continues, so it is used if it exists.
    """

    _STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def wall(self) -> float:
        return time.time()

    def steady(self) -> float:
        return time.clock_gettime(self._STEADY)

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))

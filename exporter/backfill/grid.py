"""The times of a backfill: its steps, and the samples between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

REPEAT: Final = 240
"""Seconds between two samples of a series. Prometheus ignores a sample that is five minutes old."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps from `since` to before `until`, all in whole seconds since the Unix epoch.

    Steps are whole multiples of `step` since the epoch, as Grafana aligns the start of its range queries.
    """

    since: int
    until: int
    step: int

    @property
    def steps(self) -> int:
        """The number of steps."""
        return max(0, -(-self.until // self.step) - self._first)

    def at(self, index: int) -> int:
        """Return the time of a step."""
        return (self._first + index) * self.step

    def samples(self, index: int) -> range:
        """Return the times of a step's samples: the step itself, then repetitions until the next."""
        return range(self.at(index), min(self.at(index + 1), self.until), REPEAT)

    @property
    def _first(self) -> int:
        return -(-self.since // self.step)

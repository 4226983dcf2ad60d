"""How much is measured: all of it for a result, little of it for a trial."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Scale:
    """How often, for how long, and on how many series.

    `sizes` are four numbers of series that grow, for what is measured on few, some, many and very many.
    """

    repetitions: float
    seconds: float
    sizes: tuple[int, int, int, int]

    def times(self, repetitions: int) -> int:
        """Return how often to repeat what a result needs so many repetitions of."""
        return max(1, round(repetitions * self.repetitions))

    def window(self, seconds: float) -> float:
        """Return how long to look at what a result looks at for so many seconds."""
        return seconds * self.seconds


RESULT: Final = Scale(1.0, 1.0, (100, 1_000, 10_000, 100_000))
TRIAL: Final = Scale(0.0, 0.5, (100, 200, 300, 400))


@dataclass(frozen=True, slots=True)
class Peers:
    """The programs of others, where they could be installed; else why not."""

    es_exporter: Path | None = None
    query_exporter: Path | None = None
    missing: str = ""

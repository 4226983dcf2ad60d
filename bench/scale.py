"""Says how much is measured: all of it for a result, little of it for a trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Scale:
    """Whether it is a result or a trial, and four numbers of series: few, some, many and very many."""

    is_result: bool
    sizes: tuple[int, int, int, int]

    def times(self, repetitions: int) -> int:
        """Return how often to repeat; a trial does not repeat."""
        return repetitions if self.is_result else 1

    def window(self, seconds: float) -> float:
        """Return how many seconds to measure; a trial takes half of them."""
        return seconds if self.is_result else seconds / 2


RESULT: Final = Scale(is_result=True, sizes=(100, 1_000, 10_000, 100_000))
TRIAL: Final = Scale(is_result=False, sizes=(100, 200, 300, 400))

"""A measured figure: ours, what stands beside it, and the target it must meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True, slots=True)
class Sample:
    """Repetitions of one measurement."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of all repetitions, which one disturbed by the machine does not move."""
        return median(self.values)

    def text(self, unit: str = "") -> str:
        """Return the median, with the least and the greatest."""
        low, middle, high = (f"{value:.3g}" for value in (min(self.values), self.median, max(self.values)))
        return f"{middle}{unit} ({low} to {high})"


@dataclass(frozen=True, slots=True)
class Target:
    """The most that ours may be: in its own unit, or in multiples of what stands beside it."""

    most: float
    of: Literal["ours", "ratio"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    what: str
    unit: str
    ours: Sample
    beside: str
    theirs: Sample
    target: Target

    @property
    def ratio(self) -> Sample:
        """Ours over theirs, for each pair of repetitions that were made one after the other."""
        pairs = zip(self.ours.values, self.theirs.values, strict=True)
        return Sample(tuple(ours / theirs for ours, theirs in pairs))

    @property
    def met(self) -> bool:
        """Whether the median meets the target."""
        measured = self.ours if self.target.of == "ours" else self.ratio
        return measured.median <= self.target.most

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table, in the order of `HEAD`."""
        of_what = self.unit if self.target.of == "ours" else " of it"
        return (
            self.what,
            self.ours.text(self.unit),
            self.beside,
            self.theirs.text(self.unit),
            self.ratio.text(),
            f"≤ {self.target.most:g}{of_what}",
            "met" if self.met else "MISSED",
        )


HEAD = ("WHAT", "OURS", "BESIDE", "THAT", "RATIO", "TARGET", "")


def interleaved(
    ours: Callable[[], float], theirs: Callable[[], float], repetitions: int
) -> tuple[Sample, Sample]:
    """Measure both in turns, so that whatever else the machine does meets both alike."""
    pairs = [(ours(), theirs()) for _ in range(repetitions)]
    return Sample(tuple(pair[0] for pair in pairs)), Sample(tuple(pair[1] for pair in pairs))

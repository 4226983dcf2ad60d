"""A measured figure: ours, what stands beside it, and the target it must meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal, TypeVar

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Sample:
    """Repetitions of one measurement."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of all repetitions, which one disturbed by the machine does not move."""
        return median(self.values)

    def scaled(self, factor: float) -> Sample:
        """Return the same in another unit."""
        return Sample(tuple(value * factor for value in self.values))

    def text(self, unit: str = "") -> str:
        """Return the median, with the least and the greatest where there are several."""
        middle = f"{number(self.median)}{unit}"
        if len(self.values) == 1:
            return middle
        return f"{middle} ({number(min(self.values))} to {number(max(self.values))})"


@dataclass(frozen=True, slots=True)
class Target:
    """A limit for ours: in its own unit, or in multiples of what stands beside it.

    It is the most that ours may be, or with `least` the least that it must be.
    """

    limit: float
    of: Literal["ours", "ratio"]
    least: bool = False

    def text(self, unit: str) -> str:
        """Return the target as the table shows it."""
        return f"{'≥' if self.least else '≤'} {number(self.limit)}{' of it' if self.of == 'ratio' else unit}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table; repetitions of `ours` and `theirs` were taken in turns.

    What is `by_chance`, such as how late the latest of some is, has no ratio that another run would
    agree with.
    """

    what: str
    unit: str
    ours: Sample
    beside: str = ""
    theirs: Sample | None = None
    target: Target | None = None
    by_chance: bool = False

    @property
    def ratio(self) -> Sample | None:
        """Ours over theirs, for each pair of repetitions that were made one after the other."""
        if self.theirs is None or self.by_chance or not all(self.theirs.values):
            return None
        if len(self.ours.values) != len(self.theirs.values):
            return Sample((self.ours.median / self.theirs.median,))
        pairs = zip(self.ours.values, self.theirs.values, strict=True)
        return Sample(tuple(ours / theirs for ours, theirs in pairs))

    @property
    def met(self) -> bool:
        """Whether the median meets the target, if there is one."""
        if self.target is None:
            return True
        judged = self.ours if self.target.of == "ours" else self.ratio
        if judged is None:
            return False
        return judged.median >= self.target.limit if self.target.least else judged.median <= self.target.limit

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table, in the order of `HEAD`."""
        return (
            self.what,
            self.ours.text(self.unit),
            self.beside,
            self.theirs.text(self.unit) if self.theirs else "",
            self.ratio.text() if self.ratio else "",
            self.target.text(self.unit) if self.target else "",
            "" if self.target is None else "met" if self.met else "MISSED",
        )


HEAD = ("WHAT", "OURS", "BESIDE", "THAT", "RATIO", "TARGET", "")


@dataclass(frozen=True, slots=True)
class Report:
    """What one measurement gives: its figures, a table of its own if it has one, and costs by name."""

    figures: tuple[Figure, ...]
    appendix: str = ""
    costs: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Turns:
    """Repetitions of several measurements, taken in turns: whatever else the machine does meets all."""

    taken: dict[str, list[float]] = field(default_factory=dict)

    def take(self, name: str, value: float) -> None:
        """Keep one repetition of a measurement."""
        self.taken.setdefault(name, []).append(value)

    @staticmethod
    def order(things: Iterable[Thing], number: int) -> list[Thing]:
        """Return what takes turns in the order of this turn: to and fro, so that being first helps nobody."""
        return list(things) if number % 2 == 0 else list(things)[::-1]

    def __getitem__(self, name: str) -> Sample:
        return Sample(tuple(self.taken[name]))

    def __contains__(self, name: str) -> bool:
        return name in self.taken


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that so large a share of all values does not exceed."""
    ordered: Sequence[float] = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def number(value: float) -> str:
    """Return a number with three digits that count, and no exponent."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"

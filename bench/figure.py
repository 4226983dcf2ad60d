"""Holds what was measured: ours, what it is compared with, and the target it must meet."""

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
        """The median, which one disturbed repetition does not move."""
        return median(self.values)

    def text(self, unit: str = "") -> str:
        """Return the median, with the minimum and the maximum if there are several values."""
        middle = f"{number(self.median)}{unit}"
        if len(self.values) == 1:
            return middle
        return f"{middle} ({number(min(self.values))} to {number(max(self.values))})"


@dataclass(frozen=True, slots=True)
class Target:
    """A limit for ours, in its own unit or in multiples of what it is compared with.

    It is a maximum, or with `least` a minimum.
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

    Figures that depend on chance, such as the latest of many polls, have no ratio.
    """

    what: str
    unit: str
    ours: Sample
    target: Target
    beside: str = ""
    theirs: Sample | None = None
    by_chance: bool = False

    @property
    def ratio(self) -> Sample | None:
        """Ours over theirs for each pair of repetitions; one value of theirs is for all of ours."""
        if self.theirs is None or self.by_chance or not all(self.theirs.values):
            return None
        theirs = self.theirs.values
        if len(theirs) == 1:
            theirs *= len(self.ours.values)
        pairs = zip(self.ours.values, theirs, strict=True)
        return Sample(tuple(ours / theirs for ours, theirs in pairs))

    @property
    def met(self) -> bool:
        """Whether the median meets the target; never if its ratio is missing."""
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
            self.target.text(self.unit),
            "met" if self.met else "MISSED",
        )


HEAD = ("WHAT", "OURS", "BESIDE", "THAT", "RATIO", "TARGET", "")


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one measurement: figures, a further table if it has one, and costs by name."""

    figures: tuple[Figure, ...]
    appendix: str = ""
    costs: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Turns:
    """Repetitions of several measurements, taken in turns, so that other load affects all of them."""

    _taken: dict[str, list[float]] = field(default_factory=dict)

    def take(self, name: str, value: float) -> None:
        """Add one repetition of a measurement."""
        self._taken.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> Sample:
        return Sample(tuple(self._taken[name]))

    @staticmethod
    def order(things: Iterable[Thing], number: int) -> list[Thing]:
        """Return the order of a turn: every other one is reversed, so that no place is an advantage."""
        return list(things) if number % 2 == 0 else list(things)[::-1]

    def beside_script(self, what: str, unit: str, target: Target, suffix: str = "") -> Figure:
        """Return the row that compares ours with the script, both taken under names with this suffix."""
        ours, script = (self[f"{name} {suffix}".strip()] for name in ("ours", "script"))
        return Figure(what, unit, ours, target, "the script by hand", script)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that a `share` of all values does not exceed."""
    ordered: Sequence[float] = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def number(value: float) -> str:
    """Return a number with three significant digits and no exponent."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"

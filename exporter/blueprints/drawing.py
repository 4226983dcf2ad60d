"""The nouns of a dashboard: rows of lines of panels, before anything is known of Grafana's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Steps: TypeAlias = tuple[tuple[float | None, str], ...]
"""Colours, each from a value on; the first, from None on, is for all that lies below the second."""

UNJUDGED: Final[Steps] = ((None, "text"),)
BAD_FROM_ONE: Final[Steps] = ((None, "green"), (1, "red"))
GOOD_FROM_ONE: Final[Steps] = ((None, "red"), (1, "green"))


@dataclass(frozen=True, slots=True)
class Target:
    """One PromQL expression, and what its values are called: `{{bot}}` is the label's value.

    `unit` and `steps` are for its values alone, where they differ from the panel's.
    """

    expr: str
    legend: str = ""
    unit: str = ""
    steps: Steps = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """What the values of a trend are held against: a line, and the side of it that is bad, coloured."""

    value: float
    bad: Literal["above", "below"]
    colour: str


def steps(limit: Limit, fine: str = "green") -> Steps:
    """Return the colours on both sides of a limit; `fine` is that of the good side."""
    if limit.bad == "above":
        return (None, fine), (limit.value, limit.colour)
    return (None, limit.colour), (limit.value, fine)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: a label, or the values of the target with this number."""

    source: str | int
    title: str
    unit: str = ""
    steps: Steps = ()
    words: tuple[tuple[str, str, str], ...] = ()
    """A value, the word that stands for it, and the word's colour."""
    link: str = ""
    narrowest: int = 0
    """Pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What every panel has; `weight` is its share of its line's width, `finest` the least step in seconds."""

    title: str
    description: str
    targets: tuple[Target, ...]
    unit: str = "locale"
    weight: int = 1
    finest: float | None = None
    runbook: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat(Panel):
    """What is now, as large numbers; `absent` stands where there is no value."""

    steps: Steps = UNJUDGED
    absent: str = ""
    names_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend(Panel):
    """Values over time: lines, or bars for what happened in each step; stacked where they add up."""

    bars: bool = False
    stacked: bool = False
    limit: Limit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Panel):
    """What is now, a row for each combination of the columns that are labels."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix(Panel):
    """What is now, by one label down and by another across."""

    down: str
    across: str


AnyPanel: TypeAlias = Stat | Trend | Table | Matrix


@dataclass(frozen=True, slots=True)
class Line:
    """Panels side by side over the whole width, all of one height."""

    panels: tuple[AnyPanel, ...]
    height: int = 8


@dataclass(frozen=True, slots=True)
class Row:
    """A heading, and lines below it; `key` is its name for as long as it means the same."""

    key: str
    title: str
    lines: tuple[Line, ...]

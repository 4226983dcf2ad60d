"""The model of a dashboard: rows of lines of panels, independent of Grafana's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Steps: TypeAlias = tuple[tuple[float | None, str], ...]
"""Colours, each from a value upwards; the first has None for a value, and applies below the second."""

NO_COLOUR: Final[Steps] = ((None, "text"),)
BAD_FROM_ONE: Final[Steps] = ((None, "green"), (1, "red"))
GOOD_FROM_ONE: Final[Steps] = ((None, "red"), (1, "green"))


@dataclass(frozen=True, slots=True)
class Target:
    """One PromQL expression, and the legend of its values: `{{bot}}` is the label's value.

    `unit` and `steps` override the panel's for these values.
    """

    expr: str
    legend: str = ""
    unit: str = ""
    steps: Steps = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that is drawn in a trend: a line, and a colour for the bad side of it."""

    value: float
    bad: Literal["above", "below"]
    colour: str


def steps(limit: Limit, fine: str = "green") -> Steps:
    """Return the colours on both sides of a limit; `fine` is the colour of the good side."""
    if limit.bad == "above":
        return (None, fine), (limit.value, limit.colour)
    return (None, limit.colour), (limit.value, fine)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: a label, or the values of the target with this index."""

    source: str | int
    title: str
    unit: str = ""
    steps: Steps = ()
    words: tuple[tuple[str, str, str], ...] = ()
    """A value, the word that replaces it, and the word's colour."""
    link: str = ""
    narrowest: int = 0
    """The least width, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What every panel has; `weight` is its share of the line's width, `finest` the least step in seconds."""

    title: str
    description: str
    targets: tuple[Target, ...]
    unit: str = "locale"
    weight: int = 1
    finest: float | None = None
    runbook: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat(Panel):
    """Current values, as large numbers; `absent` is shown if there is no value."""

    steps: Steps = NO_COLOUR
    absent: str = ""
    names_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend(Panel):
    """Values over time: lines, or bars for each step; stacked if their sum means something."""

    bars: bool = False
    stacked: bool = False
    limit: Limit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Panel):
    """Current values, with a row for each combination of labels."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix(Panel):
    """Current values, with one label down and another across."""

    down: str
    across: str


AnyPanel: TypeAlias = Stat | Trend | Table | Matrix


@dataclass(frozen=True, slots=True)
class Line:
    """Panels side by side over the whole width, all of the same height."""

    panels: tuple[AnyPanel, ...]
    height: int = 8


@dataclass(frozen=True, slots=True)
class Row:
    """A heading with lines of panels. `key` must stay the same: the ids of the panels are derived from it."""

    key: str
    title: str
    lines: tuple[Line, ...]

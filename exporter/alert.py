"""Alerts on a query's values, and their texts: frozen, without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Rise:
    """Fires where at least `by` are new within `within` seconds.

    With `of`, the name of a query, they must also be more than `above` of what is new in that query: 0.05 is
    5 %.
    """

    by: int
    within: float
    above: float = 0.0
    of: str | None = None


@dataclass(frozen=True, slots=True)
class TooFew:
    """Fires where less than `than` are new within `within` seconds, if the count was there all the time."""

    than: int
    within: float


@dataclass(frozen=True, slots=True)
class Level:
    """Fires while a value is above or below a limit.

    With `of`, the name of a query, the value is the share of that query's count: 0.05 is 5 %.
    """

    side: Literal["above", "below"]
    value: float
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    """A `{{ }}` in an alert's text: a label's value, or the alert's value if `label` is None.

    `form` is the Prometheus function that formats the number, such as `humanize`, or empty.
    """

    label: str | None = None
    form: str = ""


Template: TypeAlias = tuple[str | Insert, ...]
"""An alert's text, in pieces."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert on a query; its condition must hold for `lasting` seconds before it fires.

    `name` tells the alerts of one query apart; the only one may have none.
    """

    when: Rise | TooFew | Level
    name: str = ""
    lasting: float = 0.0
    severity: str = "warning"
    summary: Template = ()
    runbook_url: str | None = None

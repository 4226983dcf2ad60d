"""When a query's values call for a person, and in what words: frozen, without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Rise:
    """Fires when a count rose by at least `by` within so many seconds; a falling count never does."""

    by: int
    within: float


@dataclass(frozen=True, slots=True)
class Level:
    """Fires while a value is above or below another.

    With `of`, the name of a query, the value is the share of that query's count: 0.05 is 5 %.
    """

    side: Literal["above", "below"]
    value: float
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    """What stands in `{{ }}` in an alert's text: a label's value, or without a label the alert's own.

    `form` is how Prometheus writes a number, such as `humanize`; empty for plainly.
    """

    label: str | None = None
    form: str = ""


Template: TypeAlias = tuple[str | Insert, ...]
"""An alert's text, in pieces."""


@dataclass(frozen=True, slots=True)
class Alert:
    """When a query's values call for a person; `lasting` is how long it must hold first, in seconds."""

    when: Rise | Level
    lasting: float = 0.0
    severity: str = "warning"
    summary: Template = ()
    runbook_url: str | None = None

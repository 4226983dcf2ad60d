"""One alert rule, whoever evaluates it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from exporter.alert import Template


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a value is compared with; only a whole number is compared by `>=`."""

    operator: Literal[">", ">=", "<"]
    limit: float

    def __str__(self) -> str:
        return f"{self.operator} {self.limit:.15g}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert: it fires for every series of `value` that compares so, for `lasting` seconds on end.

    Without a comparison it fires for every series there is. `value` is PromQL, in parentheses if it is made
    of sets; none of it is negative.
    """

    name: str
    value: str
    compared: Comparison | None
    lasting: float
    severity: str
    summary: Template
    description: Template
    runbook_url: str

    @property
    def expression(self) -> str:
        """Return PromQL that gives the series for which the alert fires."""
        return f"{self.value} {self.compared}" if self.compared else self.value

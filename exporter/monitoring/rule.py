"""One alert rule, the same for Prometheus and Grafana."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from exporter.alert import Template


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison with a limit; `>=` is used with whole numbers only."""

    operator: Literal[">", ">=", "<"]
    limit: float

    def __str__(self) -> str:
        return f"{self.operator} {self.limit:.15g}"


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert that fires for every series of `value` for which the comparison holds for `lasting` seconds.

    Without a comparison it fires for every series. `value` is PromQL with no negative values, in
    parentheses if it contains set operators.
    """

    name: str
    value: str
    compared: Comparison | None
    lasting: float
    severity: str
    summary: Template
    description: Template
    runbook_url: str
    """Empty for an alert without a runbook."""

    @property
    def expression(self) -> str:
        """Return PromQL for the series for which the alert fires."""
        return f"{self.value} {self.compared}" if self.compared else self.value

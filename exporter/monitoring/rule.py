"""One alert rule, the same for Prometheus and Grafana."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.alert import Template


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert that fires for every series of `expression`, which is PromQL, after `lasting` seconds.

    `panel` is the panel of the dashboard that shows the same, as `links.panel_id` takes it. `labels` are
    added to those of the series. `runbook_url` is empty for an alert without a runbook.
    """

    name: str
    expression: str
    lasting: float
    severity: str
    summary: Template
    description: Template
    runbook_url: str
    panel: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after another, every `interval` seconds."""

    name: str
    interval: float
    rules: tuple[Rule, ...]

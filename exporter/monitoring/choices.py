"""What the person who makes rules chooses about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Choices:
    """Choices about rules; those by alert have the alert's name as key.

    `jobs` are regular expressions: the jobs in Prometheus that must have an exporter. `without` are alerts to
    leave out. `thresholds` are for the alerts on the exporter itself. `labels` are added to every alert.
    `runbook` is the page that alerts link to, or empty.
    """

    jobs: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()
    severities: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    runbook: str = ""

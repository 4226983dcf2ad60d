"""Collects the alert rules of a configuration: those it defines, and those on the exporter itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exporter.model import Config
from exporter.monitoring.own_alerts import own_rules
from exporter.monitoring.query_alerts import query_rules
from exporter.monitoring.rule import Rule


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after another."""

    name: str
    rules: tuple[Rule, ...]


QUERIES: Final = "nativechat"
EXPORTER: Final = "nativechat-exporter"


def groups(config: Config, runbook: str) -> tuple[Group, ...]:
    """Return all rules, with unique names; `runbook` is the page they link to, or empty."""
    own = own_rules(runbook)
    defined = query_rules(config, runbook, [rule.name for rule in own])
    made = (Group(QUERIES, defined), Group(EXPORTER, own))
    return tuple(group for group in made if group.rules)

"""Gathers the alert rules of a configuration: those it asks for, and those on the exporter itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exporter.blueprints.own_alerts import own_rules
from exporter.blueprints.query_alerts import query_rules
from exporter.blueprints.rule import Rule
from exporter.model import Config


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other."""

    name: str
    rules: tuple[Rule, ...]


QUERIES: Final = "nativechat"
EXPORTER: Final = "nativechat-exporter"


def groups(config: Config, runbook: str) -> tuple[Group, ...]:
    """Return all rules, each under another name; `runbook` is the page that tells what to do about them."""
    own = own_rules(runbook)
    asked_for = query_rules(config, runbook, [rule.name for rule in own])
    made = (Group(QUERIES, asked_for), Group(EXPORTER, own))
    return tuple(group for group in made if group.rules)

"""Collects the alert rules of a configuration: those it defines, and those on the exporter itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from exporter.alert import Level
from exporter.errors import WrongUsage
from exporter.language.suggest import one_of
from exporter.model import Config
from exporter.monitoring.choices import Choices
from exporter.monitoring.own_alerts import OWN_NAMES, own_rules
from exporter.monitoring.query_alerts import query_rules
from exporter.monitoring.rule import Group, Rule
from exporter.monitoring.variables import APART, bot_labels

EXPORTER: Final = "nativechat-exporter"

_INTERVAL: Final = 30.0
_OF_ALERTS: Final = ("alertname", "alertstate", "severity", "bot", "query", "key", "ordinal")
_OF_TARGETS: Final = (*APART, "job", "instance", "pod")


def groups(config: Config, choices: Choices) -> tuple[Group, ...]:
    """Return all rules, with unique names, in groups that are evaluated at least twice in each window.

    Raises WrongUsage for a choice about an alert that is not there.
    """
    defined = query_rules(config, choices.runbook, OWN_NAMES)
    known = (*(rule.name for rule in defined), *OWN_NAMES)
    _check("without", choices.without, known)
    _check("severity", choices.severities, known)
    for rule in defined:
        if rule.name in choices.thresholds:
            what = f"--threshold: {rule.name} is the alert of a query"
            raise WrongUsage(f"{what} (change its `alert` in the configuration)")
    _check("threshold", choices.thresholds, OWN_NAMES)
    of_queries = (name for query in config.queries for name in query.label_names)
    for name in (*_OF_ALERTS, *_OF_TARGETS, *bot_labels(config), *of_queries):
        if name in choices.labels:
            raise WrongUsage(f"--label {name}: alerts may have this label already (choose another name)")
    added = ((f"--label {name}", value) for name, value in choices.labels.items())
    for flag, value in (*added, ("--runbook-url", choices.runbook)):
        if "{{" in value:
            raise WrongUsage(f"{flag}: Prometheus reads {{{{ as the beginning of a template (remove it)")
    whens = (alert.when for query in config.queries for alert in query.alerts)
    halves = [when.within / 2 for when in whens if not isinstance(when, Level)]
    made = (
        Group("nativechat", min([_INTERVAL, *halves]), _chosen(defined, choices)),
        Group(EXPORTER, _INTERVAL, _chosen(own_rules(config, choices), choices)),
    )
    return tuple(group for group in made if group.rules)


def _check(flag: str, names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise WrongUsage(f'--{flag}: no alert has the name "{name}" ({one_of(name, known)})')


def _chosen(rules: Sequence[Rule], choices: Choices) -> tuple[Rule, ...]:
    return tuple(
        replace(rule, severity=choices.severities.get(rule.name, rule.severity), labels=choices.labels)
        for rule in rules
        if rule.name not in choices.without
    )

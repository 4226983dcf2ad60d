"""Makes rules from the alerts that a configuration defines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.alert import Alert, Insert, Level, Rise, Template
from exporter.language import durations
from exporter.model import Config, Query
from exporter.monitoring import links, promql
from exporter.monitoring.rule import Comparison, Rule

RUNBOOK_ROSE: Final = "A count rose"
RUNBOOK_ABOVE: Final = "A value is too high"
RUNBOOK_BELOW: Final = "A value is too low"

_VALUE: Final = Insert()
_SHARE: Final = Insert(form="humanizePercentage")


def query_rules(config: Config, runbook: str, taken: Collection[str]) -> tuple[Rule, ...]:
    """Return a rule for each query with an alert, in the order of the queries.

    `runbook` is the page they link to unless the configuration names another, or empty; `taken` are names
    that are not available.
    """
    queries = {query.name: query for query in config.queries}
    names = _names([query.name for query in config.queries if query.alert], taken)
    return tuple(
        _rule(names[query.name], query, query.alert, queries, runbook)
        for query in config.queries
        if query.alert
    )


def _names(queries: Collection[str], taken: Collection[str]) -> dict[str, str]:
    """Return the name of each query's alert; if two would be the same, the query's name is added."""
    plain = {name: "NativeChat" + "".join(part.capitalize() for part in name.split("_")) for name in queries}
    often = Counter([*taken, *plain.values()])
    return {name: alert if often[alert] == 1 else f"{alert}_{name}" for name, alert in plain.items()}


@dataclass(frozen=True, slots=True)
class _Condition:
    """When an alert fires: `happened` is text for its summary, `written` the condition as configured."""

    value: str
    compared: Comparison
    runbook: str
    happened: Template
    written: str


def _rule(name: str, query: Query, alert: Alert, queries: Mapping[str, Query], runbook: str) -> Rule:
    when = alert.when
    condition = _rise(query, when) if isinstance(when, Rise) else _level(query, when, queries)
    lasting = f" for {durations.write(alert.lasting)}" if alert.lasting else ""
    summary = (*_subject(query), " ", *condition.happened)
    meaning = f". {query.metric}: {_sentence(query.help)} Fires where it {condition.written}{lasting}."
    return Rule(
        name=name,
        value=condition.value,
        compared=condition.compared,
        lasting=alert.lasting,
        severity=alert.severity,
        summary=alert.summary or summary,
        description=(*summary, meaning),
        runbook_url=alert.runbook_url or links.section(runbook, condition.runbook),
    )


def _rise(query: Query, rise: Rise) -> _Condition:
    within = durations.write(rise.within)
    return _Condition(
        value=promql.rise(query, rise.within),
        compared=Comparison(">=", rise.by),
        runbook=RUNBOOK_ROSE,
        happened=("rose by ", _VALUE, f" within {within}"),
        written=f"rises by {rise.by} or more within {within}",
    )


def _level(query: Query, level: Level, queries: Mapping[str, Query]) -> _Condition:
    whole = f" of {level.of}" if level.of else ""
    limit = f"{level.value * 100:.10g}%" if level.of else f"{level.value:.15g}"
    return _Condition(
        value=promql.share(query, queries[level.of]) if level.of else promql.value(query),
        compared=Comparison(">" if level.side == "above" else "<", level.value),
        runbook=RUNBOOK_ABOVE if level.side == "above" else RUNBOOK_BELOW,
        happened=("is ", _SHARE if level.of else _VALUE, f"{whole}, {level.side} {limit}"),
        written=f"is {level.side} {limit}{whole}",
    )


def _subject(query: Query) -> Template:
    """Return the name of the series: `support: conversations_by_channel, channel viber,`."""
    labels = [piece for name in query.label_names for piece in (f", {name} ", Insert(name))]
    return (Insert("bot"), f": {query.name}", *labels, "," if labels else "")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."

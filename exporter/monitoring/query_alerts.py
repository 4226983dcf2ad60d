"""Makes rules from the alerts that a configuration defines."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.alert import Alert, Insert, Level, Rise, Template, TooFew
from exporter.language import durations
from exporter.model import Config, Query
from exporter.monitoring import links, promql
from exporter.monitoring.rule import Rule
from exporter.monitoring.variables import bot_labels
from exporter.monitoring.watched import percent, terms, what_it_watches
from exporter.monitoring.words import described

_COUNT: Final = Insert(form='printf "%.0f"')
_SHARE: Final = Insert(form="humanizePercentage")


def query_rules(config: Config, runbook: str, taken: Collection[str]) -> tuple[Rule, ...]:
    """Return a rule for each alert of each query, in the order of the configuration.

    `runbook` is the page they link to unless the configuration names another, or empty; `taken` are names
    that are not available.
    """
    alerts = [(query, alert) for query in config.queries for alert in query.alerts]
    often = Counter([*taken, *(_name(query, alert) for query, alert in alerts)])
    return tuple(
        _rule(_name(query, alert, full=often[_name(query, alert)] > 1), query, alert, config, runbook)
        for query, alert in alerts
    )


def _name(query: Query, alert: Alert, *, full: bool = False) -> str:
    """Return the name of an alert; if two would be the same, it is `full`, and ends with what is written."""
    words = f"{query.name}_{alert.name}".split("_")
    plain = "NativeChat" + "".join(word.capitalize() for word in words)
    return f"{plain}_{query.name}{alert.name and f'-{alert.name}'}" if full else plain


@dataclass(frozen=True, slots=True)
class _Condition:
    """When an alert fires: `happened` is text for its summary."""

    expression: str
    runbook: str
    happened: Template
    advice: Template


def _rule(name: str, query: Query, alert: Alert, config: Config, runbook: str) -> Rule:
    queries = {each.name: each for each in config.queries}
    labels = (*bot_labels(config), *query.label_names)
    match alert.when:
        case Rise() as when:
            condition = _rise(query, when, queries, labels)
        case TooFew() as when:
            condition = _too_few(query, when, labels)
        case Level() as when:
            condition = _level(query, when, queries)
    summary = (Insert("bot"), ": ", *condition.happened)
    meaning = f". {query.metric}: {described(query, f'Fires where {terms(alert)}.')} "
    return Rule(
        name=name,
        expression=condition.expression,
        lasting=alert.lasting,
        severity=alert.severity,
        summary=alert.summary or summary,
        description=(*summary, meaning, *condition.advice),
        runbook_url=alert.runbook_url or links.section(runbook, condition.runbook),
        panel=f"{query.name}/{what_it_watches(query, alert, queries)['title']}",
    )


def _rise(query: Query, rise: Rise, queries: Mapping[str, Query], labels: tuple[str, ...]) -> _Condition:
    within = durations.write(rise.within)
    new = promql.one(promql.new(query, within))
    expression = f"floor({new}) >= {rise.by}"
    if rise.of:
        whole = queries[rise.of]
        all_new = promql.one(promql.new(whole, within))
        expression += f"\nand {new}\n  > {promql.matching(query, whole)}{rise.above:.10g} * {all_new}"
        # At a start, and at both ends of a long gap or outage, `of` may lack what this has counted.
        earlier = promql.earlier(whole, rise.within)
        counted = promql.one(f"last_over_time({whole.counter}{earlier})")
        expression += f"\nand {promql.ignoring(promql.more_labels(query, whole))}{counted}"
        expression += promql.unless_down("nativechat_up", earlier, labels)
    return _Condition(
        expression=expression,
        runbook="Something new matches",
        happened=(_COUNT, f" new in {query.name}", *_labels(query), f" within {within}"),
        advice=_latest(query),
    )


def _too_few(query: Query, few: TooFew, labels: tuple[str, ...]) -> _Condition:
    within = durations.write(few.within)
    # The count must be there at each step: each minute, up to a day.
    step = min(few.within, max(60.0, few.within // 1440))
    window = f"[{within}:{durations.write(step)}]"
    # Of Pods that follow each other none has seen all that is new. Only "none" is the same for all of them.
    there = (
        f"count_over_time(({promql.one(query.metric)}){window})"
        if few.than == 1
        else promql.one(f"count_over_time({query.metric}{window})")
    )
    # With a long `stale_after`, the count is there though no run succeeds.
    up = f'nativechat_exporter_query_up{{query="{query.name}"}}'
    there += f" == scalar(count_over_time(vector(1){window}))"
    there += promql.unless_down(up, "[5m]", ("query", *labels))
    return _Condition(
        expression=f"floor({promql.one(promql.new(query, within))}) < {few.than}\nand {there}",
        runbook="Too few are new",
        happened=("only ", _COUNT, f" new in {query.name}", *_labels(query), f" within {within}"),
        advice=("Requests to NativeChat succeed, so try the bot itself on its channels.",),
    )


def _level(query: Query, level: Level, queries: Mapping[str, Query]) -> _Condition:
    of, value, limit = "", Insert(), f"{level.value:.15g}"
    expression = promql.one(promql.value(query))
    if level.of:
        of, value, limit = f" of {level.of}", _SHARE, percent(level.value)
        whole = queries[level.of]
        expression += f"\n  / {promql.matching(query, whole)}({promql.one(promql.value(whole))} > 0)"
    return _Condition(
        expression=f"{expression} {'>' if level.side == 'above' else '<'} {level.value:.15g}",
        runbook=f"A value is too {'high' if level.side == 'above' else 'low'}",
        happened=(query.name, *_labels(query), " is ", value, f"{of}, {level.side} {limit}"),
        advice=_latest(query),
    )


def _labels(query: Query) -> Template:
    """Return the labels of the series: `, channel viber,`."""
    labels = [piece for name in query.label_names for piece in (f", {name} ", Insert(name))]
    return (*labels, ",") if labels else ()


def _latest(query: Query) -> Template:
    """Return the command that shows what matches, in the query's own words where it has one predicate."""
    [variant, *more] = query.variants
    if more or variant.predicate.dated:
        return (f"To see them, download {query.collection} with the query's predicate.",)
    asked = f" --query {shlex.quote(variant.predicate.text)}" if variant.predicate.text else ""
    newest = " --sort=-StartedAt" if query.collection == "conversations" else ""
    command = f"nativechat-exporter {query.collection} --bot ", Insert("bot"), f"{asked}{newest} --limit 10"
    return ("To see the latest: ", *command)

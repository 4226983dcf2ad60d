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
from exporter.monitoring.watched import watched_panel

RUNBOOK_NEW: Final = "Something new matches"
RUNBOOK_TOO_FEW: Final = "Too few are new"
RUNBOOK_ABOVE: Final = "A value is too high"
RUNBOOK_BELOW: Final = "A value is too low"

_VALUE: Final = Insert()
_COUNT: Final = Insert(form='printf "%.0f"')
_SHARE: Final = Insert(form="humanizePercentage")
_MOST_STEPS: Final = 1440


def query_rules(config: Config, runbook: str, taken: Collection[str]) -> tuple[Rule, ...]:
    """Return a rule for each alert of each query, in the order of the configuration.

    `runbook` is the page they link to unless the configuration names another, or empty; `taken` are names
    that are not available.
    """
    queries = {query.name: query for query in config.queries}
    alerts = [(query, alert) for query in config.queries for alert in query.alerts]
    often = Counter([*taken, *(_name(query, alert) for query, alert in alerts)])
    return tuple(
        _rule(_name(query, alert, full=often[_name(query, alert)] > 1), query, alert, queries, runbook)
        for query, alert in alerts
    )


def _name(query: Query, alert: Alert, *, full: bool = False) -> str:
    """Return the name of an alert; if two would be the same, it is `full`, and ends with what is written."""
    words = f"{query.name}_{alert.name}".split("_")
    plain = "NativeChat" + "".join(word.capitalize() for word in words)
    return f"{plain}_{query.name}{alert.name and f'-{alert.name}'}" if full else plain


@dataclass(frozen=True, slots=True)
class _Condition:
    """When an alert fires: `happened` is text for its summary, `written` the condition as configured."""

    expression: str
    runbook: str
    happened: Template
    written: str
    advice: Template


def _rule(name: str, query: Query, alert: Alert, queries: Mapping[str, Query], runbook: str) -> Rule:
    match alert.when:
        case Rise() as when:
            condition = _rise(query, when, queries)
        case TooFew() as when:
            condition = _too_few(query, when)
        case Level() as when:
            condition = _level(query, when, queries)
    lasting = f" for {durations.write(alert.lasting)}" if alert.lasting else ""
    summary = (Insert("bot"), ": ", *condition.happened)
    meaning = f". {query.metric}: {_sentence(query.help)} Fires where {condition.written}{lasting}. "
    return Rule(
        name=name,
        expression=condition.expression,
        lasting=alert.lasting,
        severity=alert.severity,
        summary=alert.summary or summary,
        description=(*summary, meaning, *condition.advice),
        runbook_url=alert.runbook_url or links.section(runbook, condition.runbook),
        panel=f"{query.name}/{watched_panel(query, alert, queries)}",
    )


def _rise(query: Query, rise: Rise, queries: Mapping[str, Query]) -> _Condition:
    within = durations.write(rise.within)
    new = promql.one(promql.new(query, rise.within))
    expression, share = f"floor({new}) >= {rise.by}", ""
    if rise.of:
        whole = queries[rise.of]
        matching = promql.matching(query, whole)
        all_new = promql.one(promql.new(whole, rise.within))
        expression += f"\nand {new}\n  > {matching}{rise.above:.10g} * {all_new}"
        # Right after its start, `of` may not have been counted a second time.
        begun = promql.one(promql.begun(whole, rise.within))
        more = promql.more_labels(query, whole)
        expression += f"\nand {f'ignoring ({more}) ' if more else ''}{begun}"
        share = f", and these are more than {_percent(rise.above)} of what is new in {rise.of}"
    return _Condition(
        expression=expression,
        runbook=RUNBOOK_NEW,
        happened=(_COUNT, f" new in {query.name}", *_labels(query), f" within {within}"),
        written=f"{rise.by} or more are new within {within}{share}",
        advice=_latest(query),
    )


def _too_few(query: Query, few: TooFew) -> _Condition:
    within = durations.write(few.within)
    # The count must be there at each step: each minute, up to a day.
    step = min(few.within, max(60.0, few.within // _MOST_STEPS))
    window = f"[{within}:{durations.write(step)}]"
    # Of Pods that follow each other none has seen all that is new. Only "none" is the same for all of them.
    there = (
        f"count_over_time(({promql.one(query.metric)}){window})"
        if few.than == 1
        else promql.one(f"count_over_time({query.metric}{window})")
    )
    return _Condition(
        expression=f"floor({promql.one(promql.new(query, few.within))}) < {few.than}\n"
        f"and {there} >= {few.within // step:.0f}",
        runbook=RUNBOOK_TOO_FEW,
        happened=("only ", _COUNT, f" new in {query.name}", *_labels(query), f" within {within}"),
        written=f"fewer than {few.than} are new within {within}, and the count was there all the time",
        advice=("Requests to NativeChat succeed, so try the bot itself on its channels.",),
    )


def _level(query: Query, level: Level, queries: Mapping[str, Query]) -> _Condition:
    of = f" of {level.of}" if level.of else ""
    limit = _percent(level.value) if level.of else f"{level.value:.15g}"
    expression = promql.one(promql.value(query))
    if level.of:
        whole = queries[level.of]
        expression += f"\n  / {promql.matching(query, whole)}({promql.one(promql.value(whole))} > 0)"
    return _Condition(
        expression=f"{expression} {'>' if level.side == 'above' else '<'} {level.value:.15g}",
        runbook=RUNBOOK_ABOVE if level.side == "above" else RUNBOOK_BELOW,
        happened=(
            query.name,
            *_labels(query),
            " is ",
            _SHARE if level.of else _VALUE,
            f"{of}, {level.side} {limit}",
        ),
        written=f"it is {level.side} {limit}{of}",
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


def _percent(share: float) -> str:
    return f"{share * 100:.10g}%"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."

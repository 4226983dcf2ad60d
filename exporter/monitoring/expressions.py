"""Writes the PromQL of panels: each series once, however many exporters expose it.

While an exporter is replaced, two of them expose the same series. So each expression takes the maximum for
a bot and labels before it adds anything up. A label with a variable in the dashboard is matched with it.
"""

from __future__ import annotations

from typing import Final

from exporter.language import durations
from exporter.model import Query
from exporter.monitoring import promql
from exporter.monitoring.variables import BOT, matcher

_GAP: Final = "5m"


def matchers(query: Query) -> str:
    """Return the matchers for the chosen series of a query: bots, and values of its labels."""
    return ",".join((BOT, *map(matcher, query.label_names)))


def keys(query: Query) -> tuple[str, ...]:
    """Return the labels that identify a series of a query; a bot's own labels follow from `bot`."""
    return ("bot", *query.label_names)


def greatest(query: Query, values: str) -> str:
    """Return each series once."""
    return f"max by ({', '.join(keys(query))}) ({values})"


def now(query: Query) -> str:
    """Return each series' value, and nothing if it is stale."""
    return greatest(query, promql.metric(query, matchers(query)))


def shown(query: Query, shift: str = "") -> str:
    """Return each series' value, and the last one during a short gap: a restart is no fall.

    `shift` is a PromQL `offset`, if any.
    """
    series = promql.metric(query, matchers(query))
    return greatest(query, f"last_over_time({series}[{_GAP}]{shift})")


def watched(query: Query) -> str:
    """Return each series' value as its alert sees it, with the last one during longer gaps."""
    return greatest(query, promql.value(query, matchers(query)))


def added(query: Query, values: str, labels: tuple[str, ...] = ()) -> str:
    """Return the sum of a query's values by these labels; without labels, the sum of all values."""
    if labels == keys(query):
        return values
    return f"sum by ({', '.join(labels)}) ({values})" if labels else f"sum({values})"


def new(query: Query, window: str) -> str:
    """Return by how much each series rose in a window, from run to run; falls are ignored.

    What came and went between two runs is not seen. The window is shifted by a millisecond, so that it
    holds the same number of runs in Prometheus 2, which includes both ends, as in Prometheus 3.
    """
    run = durations.write(query.every)
    before = shown(query, f" offset {run}")
    return f"sum_over_time(clamp_min({shown(query)} - {before}, 0)[{window}:{run}] offset 1ms)"


def risen(query: Query, within: float) -> str:
    """Return how many are new in each series, as the query's alert sees it."""
    return greatest(query, promql.new(query, within, matchers(query)))


def share(query: Query, whole: Query) -> str:
    """Return each series' share of the series of `whole` with the same labels, as the alert sees it."""
    many = "group_left () " if set(query.label_names) - set(whole.label_names) else ""
    return f"{watched(query)} / on ({', '.join(keys(whole))}) {many}({watched(whole)} > 0)"


def share_of_all(query: Query, whole: Query) -> str:
    """Return the share of all bots together, for the bots that have values of both queries."""
    part, all_of = now(query), now(whole)
    return f"sum({part} and on (bot) {all_of}) / (sum({all_of} and on (bot) {part}) > 0)"


def share_among(query: Query) -> str:
    """Return each series' share of all the query's series of the same bot, if their sum is not 0."""
    return f"{now(query)} / on (bot) group_left () (sum by (bot) ({now(query)}) > 0)"


JOB: Final = 'job=~"$job"'
_SINCE: Final = f"last_over_time(nativechat_exporter_build_info{{{JOB}}}[$__range])"
TARGETS: Final = f"max by (job, instance) (up{{{JOB}}} and on (job, instance) {_SINCE})"
"""1 or 0 for each target that was an exporter in the time shown; a job may have other targets too."""


def of_process(metric: str) -> str:
    """Return a metric that every process may have, for exporters only."""
    return f"{metric} and on (job, instance) nativechat_exporter_build_info{{{JOB}}}"

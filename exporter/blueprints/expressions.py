"""Writes the PromQL of panels: each series once, however many exporters show it.

While an exporter is replaced, two of them show the same series. So values are the greatest of their bot and
labels before anything is added up. A label that the dashboard has a variable for is matched with it.
"""

from __future__ import annotations

from typing import Final

from exporter.blueprints import promql
from exporter.blueprints.variables import BOT, matcher
from exporter.language import durations
from exporter.model import Query

_GAP: Final = "5m"


def matchers(query: Query) -> str:
    """Return what is chosen of a query's series: bots, and values of its labels."""
    return ",".join((BOT, *map(matcher, query.label_names)))


def keys(query: Query) -> tuple[str, ...]:
    """Return the labels that tell a query's series apart; those of bots follow from `bot`."""
    return ("bot", *query.label_names)


def greatest(query: Query, values: str) -> str:
    """Return each series once."""
    return f"max by ({', '.join(keys(query))}) ({values})"


def now(query: Query) -> str:
    """Return each series' value, and nothing where none is fresh enough."""
    return greatest(query, promql.metric(query, matchers(query)))


def shown(query: Query, shift: str = "") -> str:
    """Return each series' value, the last one over a short gap: a restart is no fall.

    `shift` is PromQL's `offset`, if any.
    """
    series = promql.metric(query, matchers(query))
    return greatest(query, f"last_over_time({series}[{_GAP}]{shift})")


def watched(query: Query) -> str:
    """Return each series' value as an alert on it sees it, over longer gaps."""
    return greatest(query, promql.value(query, matchers(query)))


def added(query: Query, values: str, labels: tuple[str, ...] = ()) -> str:
    """Return a query's values added up by labels, or all of them."""
    if labels == keys(query):
        return values
    return f"sum by ({', '.join(labels)}) ({values})" if labels else f"sum({values})"


def new(query: Query, window: str) -> str:
    """Return by how much each series rose in a window, what it fell meanwhile left out.

    From run to run, that is: nothing is known of what came and went between two runs. A window that is
    shifted by a millisecond holds as many runs in Prometheus 2, where both its ends belong to it, as in 3.
    """
    run = durations.write(query.every)
    before = shown(query, f" offset {run}")
    return f"sum_over_time(clamp_min({shown(query)} - {before}, 0)[{window}:{run}] offset 1ms)"


def risen(query: Query, within: float) -> str:
    """Return how much each series rose, as the query's alert sees it."""
    return greatest(query, promql.rise(query, within, matchers(query)))


def share(query: Query, whole: Query) -> str:
    """Return each series' share in the one of `whole` with the same labels, as the query's alert sees it."""
    many = "group_left () " if set(query.label_names) - set(whole.label_names) else ""
    return f"{watched(query)} / on ({', '.join(keys(whole))}) {many}({watched(whole)} > 0)"


def share_of_all(query: Query, whole: Query) -> str:
    """Return the share of all bots together, of those that both queries have counted."""
    part, all_of = now(query), now(whole)
    return f"sum({part} and on (bot) {all_of}) / (sum({all_of} and on (bot) {part}) > 0)"


def share_among(query: Query) -> str:
    """Return each series' share in all of the query's series for the same bot, where that is not 0."""
    return f"{now(query)} / on (bot) group_left () (sum by (bot) ({now(query)}) > 0)"


JOB: Final = 'job=~"$job"'
_SINCE: Final = f"last_over_time(nativechat_exporter_build_info{{{JOB}}}[$__range])"
TARGETS: Final = f"max by (job, instance) (up{{{JOB}}} and on (job, instance) {_SINCE})"
"""1 or 0 for each target that was an exporter in the time shown: a job may have other targets."""


def of_process(metric: str) -> str:
    """Return a metric that any process may have, of exporters."""
    return f"{metric} and on (job, instance) nativechat_exporter_build_info{{{JOB}}}"

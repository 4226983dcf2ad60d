"""Renders the metrics of a plan: its counts, and the state of each poll and bot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple

from exporter.errors import REASONS
from exporter.exposition.family import Family, Kind, family
from exporter.language import durations
from exporter.model import Labels, Plan, Query
from exporter.snapshot import PollSnapshot, Snapshot


class _PollMetric(NamedTuple):
    name: str
    kind: Kind
    help: str
    value: Callable[[PollSnapshot], float]


POLL_METRICS: Final = (
    _PollMetric(
        "nativechat_exporter_query_up",
        "gauge",
        "1 if every request of the query's last run for the bot succeeded, else 0; 0 before the first run.",
        lambda poll: poll.up,
    ),
    _PollMetric(
        "nativechat_exporter_query_last_success_timestamp_seconds",
        "gauge",
        "When the query's last successful run for the bot ended, in Unix seconds; 0 for never.",
        lambda poll: poll.last_success,
    ),
    _PollMetric(
        "nativechat_exporter_query_last_run_timestamp_seconds",
        "gauge",
        "When the query's last run for the bot started, in Unix seconds; 0 for never.",
        lambda poll: poll.last_run,
    ),
    _PollMetric(
        "nativechat_exporter_query_duration_seconds",
        "gauge",
        "How long the query's last run for the bot took, waits for the bot's rate included.",
        lambda poll: poll.duration,
    ),
    _PollMetric(
        "nativechat_exporter_query_runs",
        "counter",
        "Runs of the query for the bot that were started.",
        lambda poll: poll.runs,
    ),
    _PollMetric(
        "nativechat_exporter_query_skipped",
        "counter",
        "Runs that were due while the previous run of the query for the bot was still in flight.",
        lambda poll: poll.skipped,
    ),
)
FAILURES: Final = "nativechat_exporter_query_failures"
FAILURES_HELP: Final = "Failed requests of the query for the bot, by reason, each after its last attempt."
INTERVAL: Final = "nativechat_exporter_query_interval_seconds"
INTERVAL_HELP: Final = "The query's configured interval, its `every`."
UP: Final = "nativechat_up"
UP_HELP: Final = (
    "1 if the bot's most recent request to NativeChat got a count or a rejection of its predicate, else 0."
)
SERIES: Final = "nativechat_exporter_series"
SERIES_HELP: Final = "Series of queries that are exposed now."

Counts = Sequence[int | None]
"""The counts of one poll, in the order of its series; None if there is no fresh count."""


class CountsRenderer:
    """Renders the counts of a plan: one family for each query."""

    def __init__(self, plan: Plan) -> None:
        labels: dict[str, list[Labels]] = {query.name: [] for query in plan.queries}
        self._polls: dict[str, list[int]] = {query.name: [] for query in plan.queries}
        for number, poll in enumerate(plan.polls):
            labels[poll.query.name].extend(series.labels for series in poll.series)
            self._polls[poll.query.name].append(number)
        self._families = {
            query.name: family(query.metric, help_text(query), "gauge", labels[query.name])
            for query in plan.queries
        }

    def text(self, counts: Sequence[Counts], *, openmetrics: bool) -> Iterator[str]:
        """Return the families with the counts of each of the plan's polls."""
        for name, each in self._families.items():
            values = chain.from_iterable(counts[number] for number in self._polls[name])
            yield each.text(values, openmetrics=openmetrics)


class Renderer:
    """Renders a snapshot of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._counts = CountsRenderer(plan)
        keys = [(("bot", poll.bot.name), ("query", poll.query.name)) for poll in plan.polls]
        self._polls = [(each.value, family(each.name, each.help, each.kind, keys)) for each in POLL_METRICS]
        by_reason = [(*key, ("reason", reason)) for key in keys for reason in REASONS]
        self._failures = family(FAILURES, FAILURES_HELP, "counter", by_reason)
        intervals = [(("query", query.name),) for query in plan.queries]
        self._intervals = family(INTERVAL, INTERVAL_HELP, "gauge", intervals)
        self._every = [query.every for query in plan.queries]
        self._up = family(UP, UP_HELP, "gauge", [(("bot", bot.name),) for bot in plan.bots])
        self._series = family(SERIES, SERIES_HELP, "gauge")

    def text(self, snapshot: Snapshot, *, openmetrics: bool) -> Iterator[str]:
        """Return the families with the values of a snapshot of the same plan."""
        counts = [poll.counts for poll in snapshot.polls]
        yield from self._counts.text(counts, openmetrics=openmetrics)

        def write(each: Family, values: Sequence[float]) -> str:
            return each.text(values, openmetrics=openmetrics)

        yield write(self._up, [bool(bot.up) for bot in snapshot.bots])
        for value, each in self._polls:
            yield write(each, [value(poll) for poll in snapshot.polls])
        yield write(self._failures, [count for poll in snapshot.polls for count in poll.failures])
        yield write(self._intervals, self._every)
        yield write(self._series, [sum(len(each) - each.count(None) for each in counts)])


def help_text(query: Query) -> str:
    """Return the HELP of a query's metric: the configured help, and how old a value can be."""
    every, stale_after = durations.write(query.every), durations.write(query.stale_after)
    words = query.help if query.help.endswith((".", "!", "?")) else f"{query.help}."
    return f"{words} Asked every {every}; absent once older than {stale_after}."

"""Shows one plan's values: the counts, and how each poll fares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from exporter.changes import Changes, PollState
from exporter.errors import REASONS
from exporter.exposition.counts import Counts
from exporter.exposition.family import Family, Kind, blank
from exporter.exposition.sheet import Sheet
from exporter.model import Plan


class _PollMetric(NamedTuple):
    name: str
    kind: Kind
    help: str
    value: Callable[[PollState], float]


POLL_METRICS: Final = (
    _PollMetric(
        "nativechat_exporter_query_up",
        "gauge",
        "1 if every request of the query's last run for the bot succeeded, else 0; 0 before the first run.",
        lambda state: state.up,
    ),
    _PollMetric(
        "nativechat_exporter_query_last_success_timestamp_seconds",
        "gauge",
        "When the query's last wholly successful run for the bot ended, in Unix seconds; 0 for never.",
        lambda state: state.last_success,
    ),
    _PollMetric(
        "nativechat_exporter_query_last_run_timestamp_seconds",
        "gauge",
        "When the query's last run for the bot started, in Unix seconds; 0 for never.",
        lambda state: state.last_run,
    ),
    _PollMetric(
        "nativechat_exporter_query_duration_seconds",
        "gauge",
        "How long the query's last run for the bot took, waits for the bot's rate included.",
        lambda state: state.duration,
    ),
    _PollMetric(
        "nativechat_exporter_query_runs",
        "counter",
        "Runs of the query for the bot that were started.",
        lambda state: state.runs,
    ),
    _PollMetric(
        "nativechat_exporter_query_skipped",
        "counter",
        "Runs that were due while the previous run of the query for the bot was still in flight.",
        lambda state: state.skipped,
    ),
)
FAILURES: Final = "nativechat_exporter_query_failures"
FAILURES_HELP: Final = "Failed requests of the query for the bot, by reason, each after its last attempt."
INTERVAL: Final = "nativechat_exporter_query_interval_seconds"
INTERVAL_HELP: Final = "How often the query is asked: its `every`."
UP: Final = "nativechat_up"
UP_HELP: Final = (
    "1 if the bot's most recent request to NativeChat got an answer, a refused predicate included, else 0."
)
SERIES: Final = "nativechat_exporter_series"
SERIES_HELP: Final = "Series of queries that are exposed now."


class Board:
    """The families of one plan on a sheet, kept up with what changes; not locked."""

    def __init__(self, plan: Plan) -> None:
        self.sheet = sheet = Sheet()
        self._counts = Counts(plan, sheet)
        self._bots = {bot.name: row for row, bot in enumerate(plan.bots)}
        self._up = Family(sheet, blank(UP, UP_HELP, "gauge", [(("bot", name),) for name in self._bots]))
        keys = [(("bot", poll.bot.name), ("query", poll.query.name)) for poll in plan.polls]
        self._states = [(m.value, Family(sheet, blank(m.name, m.help, m.kind, keys))) for m in POLL_METRICS]
        by_reason = [(*key, ("reason", reason)) for key in keys for reason in REASONS]
        self._failures = Family(sheet, blank(FAILURES, FAILURES_HELP, "counter", by_reason))
        intervals = [(("query", query.name),) for query in plan.queries]
        interval = Family(sheet, blank(INTERVAL, INTERVAL_HELP, "gauge", intervals))
        interval.set_all([query.every for query in plan.queries])
        self._series = Family(sheet, blank(SERIES, SERIES_HELP, "gauge", [()]))
        self._shown: list[PollState | None] = [None] * len(plan.polls)

    def take(self, changes: Changes) -> None:
        """Show what has changed."""
        for change in changes.polls:
            self._show(change.poll, change.state)
            for row, count in change.counts:
                self._counts.set(change.poll, row, count)
        for name, up in changes.bots_up:
            self._up.set(self._bots[name], up)
        self._series.set(0, self._counts.shown)

    def _show(self, poll: int, state: PollState) -> None:
        before, self._shown[poll] = self._shown[poll], state
        for value, family in self._states:
            if before is None or value(before) != value(state):
                family.set(poll, value(state))
        if before is None or before.failures != state.failures:
            for row, failures in enumerate(state.failures, poll * len(REASONS)):
                self._failures.set(row, failures)

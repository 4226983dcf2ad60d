"""Makes the row on requests to NativeChat: which query fails, why, and what is late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exporter.monitoring.dashboard_model import (
    BAD_FROM_ONE,
    Column,
    Limit,
    Line,
    Matrix,
    Row,
    Table,
    Target,
    Trend,
)
from exporter.monitoring.expressions import JOB
from exporter.monitoring.headline import AGES, LATENESS, POLLS
from exporter.monitoring.rule import Rule
from exporter.monitoring.variables import BOT

_RATE: Final = "[$__rate_interval]"
_OURS: Final = "nativechat_exporter_"
_FAILURES: Final = f"{_OURS}query_failures_total{{{BOT}}}"
_REASONS: Final = f"{_OURS}bot_failures_total{{{BOT}}}"
_DURATION: Final = f"max by (bot, query) ({_OURS}query_duration_seconds{{{BOT}}})"
_BUCKETS: Final = f"sum by (le) (rate({_OURS}api_request_duration_seconds_bucket{{{BOT}}}{_RATE}))"
_FINE_OR_FAILING: Final = (("1", "fine", "green"), ("0", "failing", "red"))


def polls(rules: Mapping[str, Rule]) -> Row:
    """Return the row on requests; `rules` are the alerts on the exporter itself, by name."""
    return Row(
        "polls",
        "Asking NativeChat",
        (
            Line((_polls(rules), _reasons()), height=10),
            Line((_failures(), _attempts(), _attempt_durations())),
            Line((_lateness(rules), _durations(), _skipped(rules), _lag())),
        ),
    )


def _polls(rules: Mapping[str, Rule]) -> Table:
    return Table(
        title="Queries of each bot",
        description="How the last run ended, how long ago one succeeded, how long the last took, "
        "and how many requests failed in the time shown. Without an age, none has succeeded yet.",
        targets=(
            Target(POLLS),
            Target(AGES),
            Target(_DURATION),
            Target(f"round(sum by (bot, query) (increase({_FAILURES}[$__range])))"),
        ),
        columns=(
            Column("bot", "bot"),
            Column("query", "query", narrowest=200),
            Column(0, "last run", words=_FINE_OR_FAILING),
            Column(1, "age", unit="s"),
            Column(2, "took", unit="s"),
            Column(3, "failed requests", unit="locale", steps=BAD_FROM_ONE),
        ),
        runbook=rules["NativeChatQueryFailing"].runbook_url,
    )


def _reasons() -> Matrix:
    return Matrix(
        title="Failed requests, reason by bot",
        description="Requests that failed after their last attempt, in the time shown.",
        targets=(Target(f"round(sum by (bot, reason) (increase({_REASONS}[$__range])))"),),
        down="reason",
        across="bot",
    )


def _failures() -> Trend:
    return Trend(
        title="Failed requests by reason",
        description="Requests that failed after their last attempt.",
        targets=(Target(f"sum by (reason) (rate({_REASONS}{_RATE}))", "{{reason}}"),),
        unit="reqps",
        stacked=True,
    )


def _attempts() -> Trend:
    requests = f"{_OURS}api_requests_total{{{BOT}}}"
    return Trend(
        title="Attempts by status",
        description="Attempts of requests by HTTP status; none where there was no answer.",
        targets=(Target(f"sum by (code) (rate({requests}{_RATE}))", "{{code}}"),),
        unit="reqps",
        stacked=True,
    )


def _attempt_durations() -> Trend:
    return Trend(
        title="Duration of attempts",
        description="How long NativeChat takes to answer: half of all, 95 % and 99 % take no longer.",
        targets=tuple(
            Target(f"histogram_quantile({part / 100:g}, {_BUCKETS})", f"{part} %") for part in (50, 95, 99)
        ),
        unit="s",
    )


def _lateness(rules: Mapping[str, Rule]) -> Trend:
    return Trend(
        title="Oldest value, in intervals",
        description="How long ago each bot's slowest query succeeded, counted in its own intervals. "
        "One is usual; at five, unless stale_after says otherwise, its values are dropped.",
        targets=(Target(f"max by (bot) ({LATENESS})", "{{bot}}"),),
        unit="none",
        runbook=rules["NativeChatValueStale"].runbook_url,
    )


def _durations() -> Trend:
    return Trend(
        title="Longest run",
        description="How long each bot's slowest query took in its last run, waits for the rate included.",
        targets=(Target(f"max by (bot) ({_DURATION})", "{{bot}}"),),
        unit="s",
    )


def _skipped(rules: Mapping[str, Rule]) -> Trend:
    rule = rules["NativeChatPollsSkipped"]
    skipped, started = (
        f"sum by (bot, query) (increase({_OURS}query_{what}_total{{{BOT}}}[1h]))"
        for what in ("skipped", "runs")
    )
    return Trend(
        title="Runs skipped within 1h",
        description="The share of runs that were due while the one before was still in flight, of each "
        "bot's worst query: the bot's rate allows too little, or its answers are slow.",
        targets=(Target(f"max by (bot) ({skipped} / ({skipped} + {started} > 0))", "{{bot}}"),),
        unit="percentunit",
        limit=Limit(0.25, "above", "orange"),
        runbook=rule.runbook_url,
    )


def _lag() -> Trend:
    return Trend(
        title="Schedule lag",
        description="How late the latest run of any exporter started.",
        targets=(Target(f"max({_OURS}schedule_lag_seconds{{{JOB}}})", "lag"),),
        unit="s",
    )

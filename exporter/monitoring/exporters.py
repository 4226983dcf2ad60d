"""Makes the row on the exporters: their requests to NativeChat, and how they run."""

from __future__ import annotations

from typing import Final

from exporter.monitoring.expressions import OURS, RANGE, TARGETS, foremost, of_process
from exporter.monitoring.panels import UP_OR_DOWN, Column, Panel, Row, Tones, table, trend
from exporter.monitoring.promql import one
from exporter.monitoring.variables import APART, BOT, JOB
from exporter.monitoring.words import legend

_TITLE: Final = "The exporter itself"
_BY_BOT: Final = ("bot", *APART)
_FINE_OR_FAILING: Final = (("1", "fine", "green"), ("0", "failing", "red"))
_RATE: Final = "[$__rate_interval]"


def exporters() -> Row:
    """Return the row on the exporters: their requests to NativeChat, and how they run."""
    queries, *requests = _polls()
    each, memory = _exporters()
    lines = ((queries,), tuple(requests[:2]), (*requests[2:], memory), (each,))
    return Row(_TITLE, _TITLE, lines, collapsed=True)


def _polls() -> tuple[Panel, ...]:
    success = f"{OURS}query_last_success_timestamp_seconds{{{BOT}}}"
    failed, skipped = (
        one(f"increase({OURS}query_{what}_total{{{BOT}}}[{RANGE}])") for what in ("failures", "skipped")
    )
    attempts = one(f"rate({OURS}api_requests_total{{{BOT}}}{_RATE})")
    reasons = one(f"rate({OURS}bot_failures_total{{{BOT}}}{_RATE})")
    buckets = f"sum by (le) (rate({OURS}api_request_duration_seconds_bucket{{{BOT}}}{_RATE}))"
    interval = f"last_over_time({OURS}query_interval_seconds{{{JOB}}}[5m])"
    late = f"(time() - (last_over_time({success}[5m]) > 0)) / ignoring (bot) group_left () {interval}"
    latest = f"max by ({', '.join(_BY_BOT)}) (min without (instance, pod) ({late}))"
    queries = table(
        "Queries of each bot",
        "How the last run ended, how long ago one succeeded, how long the last took; and in the time shown, "
        "how many requests failed and how many runs were skipped, because the one before was in flight. "
        "Without an age, none has succeeded yet.",
        (*_BY_BOT, "query"),
        Column(one(f"{OURS}query_up{{{BOT}}}"), "last run", words=_FINE_OR_FAILING),
        Column(f"time() - ({one(success)} > 0)", "age"),
        Column(one(f"{OURS}query_duration_seconds{{{BOT}}}"), "took"),
        Column(f"round({failed})", "failed", unit="locale"),
        Column(f"round({skipped})", "skipped", unit="locale"),
        unit="s",
        first="age",
        linked="bot",
    )
    oldest = trend(
        "Oldest value, in intervals",
        "How long ago each bot's slowest query succeeded, counted in its own intervals. One is usual; at "
        "five, unless stale_after says otherwise, values are dropped. Of more than eight bots, the greatest.",
        (foremost(latest), legend(_BY_BOT)),
    )
    failures = trend(
        "Failed requests by reason",
        "Requests that failed after their last attempt, per second.",
        (f"sum by (reason) ({reasons})", "{{reason}}"),
        unit="reqps",
        tones=Tones(all_red=True),
    )
    statuses = trend(
        "Attempts by status",
        "Attempts of requests by HTTP status, per second; none where there was no answer.",
        (f"sum by (code) ({attempts})", "{{code}}"),
        unit="reqps",
    )
    durations = trend(
        "Duration of attempts",
        "How long NativeChat takes to answer: half of all, and 99 %, take no longer.",
        *((f"histogram_quantile({part / 100:g}, {buckets})", f"{part} %") for part in (50, 99)),
        unit="s",
    )
    return queries, oldest, failures, statuses, durations


def _exporters() -> tuple[Panel, Panel]:
    build = f"on (job, instance) group_left (version) {OURS}build_info{{{JOB}}}"
    running = f"(time() - process_start_time_seconds{{{JOB}}}) * {build}"
    cpu = of_process(f"rate(process_cpu_seconds_total{{{JOB}}}{_RATE})")
    memory = of_process(f"process_resident_memory_bytes{{{JOB}}}")
    errors = f"round(increase({OURS}internal_errors_total{{{JOB}}}[{RANGE}]))"
    each = table(
        "Exporters",
        "Every exporter in the time shown: whether its configuration was good when it was last loaded, the "
        "series of queries it exposes, its CPU time as a share of one core, how late its latest run started, "
        "and its internal errors, each of which is in its log and worth a report. Its name leads to its "
        "status page, where the address that Prometheus scrapes can be reached from here too.",
        ("job", "instance", "version"),
        Column(TARGETS, "scraped", words=UP_OR_DOWN),
        Column(f"max by (job, instance, version) ({running})", "running for", unit="s"),
        *(
            Column(f"max by (job, instance) ({expr})", title, unit)
            for expr, title, unit in (
                (f"{OURS}config_last_reload_successful{{{JOB}}}", "configuration", "bool_yes_no"),
                (f"{OURS}shard_ordinal{{{JOB}}}", "shard", ""),
                (f"{OURS}series{{{JOB}}}", "series", ""),
                (cpu, "CPU", "percentunit"),
                (f"{OURS}schedule_lag_seconds{{{JOB}}}", "lag", "s"),
                (errors, "internal errors", ""),
            )
        ),
        linked="instance",
    )
    largest = trend(
        "Memory", "Resident memory of the largest exporter.", (f"max({memory})", "largest"), unit="bytes"
    )
    return each, largest

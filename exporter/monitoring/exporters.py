"""Makes the row on the exporters: whether they run, in which version, with which configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exporter.monitoring.dashboard_model import (
    BAD_FROM_ONE,
    GOOD_FROM_ONE,
    Column,
    Line,
    Row,
    Stat,
    Table,
    Target,
    Trend,
)
from exporter.monitoring.expressions import JOB, TARGETS, of_process
from exporter.monitoring.rule import Rule

_OURS: Final = "nativechat_exporter_"
_MEMORY: Final = of_process(f"process_resident_memory_bytes{{{JOB}}}")
_CPU: Final = of_process(f"rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval])")
_STARTED: Final = of_process(f"process_start_time_seconds{{{JOB}}}")
_STATUS_PAGE: Final = "http://${__value.raw}/"
_UP_OR_DOWN: Final = (("1", "up", "green"), ("0", "down", "red"))


def exporters(rules: Mapping[str, Rule]) -> Row:
    """Return the row on the exporters; `rules` are the alerts on them, by name."""
    return Row(
        "exporters",
        "The exporter itself",
        (
            Line(_configuration(rules), height=5),
            Line((_exporters(rules), _memory(), _cpu(), _series())),
        ),
    )


def _exporters(rules: Mapping[str, Rule]) -> Table:
    return Table(
        title="Exporters",
        description="Every exporter in the time shown. Its name leads to its status page, where the address "
        "that Prometheus scrapes can be reached from here too.",
        targets=(
            Target(TARGETS),
            Target(f"max by (job, instance, version) ({_OURS}build_info{{{JOB}}})"),
            Target(f"max by (job, instance) ({_OURS}shard_ordinal{{{JOB}}})"),
            Target(f"max by (job, instance) (time() - ({_STARTED}))"),
        ),
        weight=2,
        runbook=rules["NativeChatExporterDown"].runbook_url,
        columns=(
            Column("job", "job"),
            Column("instance", "instance", link=_STATUS_PAGE, narrowest=150),
            Column(0, "scraped", words=_UP_OR_DOWN),
            Column("version", "version"),
            Column(2, "shard", unit="none"),
            Column(3, "running for", unit="s"),
        ),
    )


def _memory() -> Trend:
    return Trend(
        title="Memory",
        description="Resident memory of the largest exporter.",
        targets=(Target(f"max({_MEMORY})", "largest"),),
        unit="bytes",
    )


def _cpu() -> Trend:
    return Trend(
        title="CPU",
        description="CPU time of the busiest exporter, as a share of one core.",
        targets=(Target(f"max({_CPU})", "busiest"),),
        unit="percentunit",
    )


def _series() -> Trend:
    return Trend(
        title="Series",
        description="Series of queries that all exporters expose; one that two of them expose counts twice.",
        targets=(Target(f"sum({_OURS}series{{{JOB}}})", "exposed"),),
        unit="short",
    )


def _configuration(rules: Mapping[str, Rule]) -> tuple[Stat, ...]:
    shards = f'count(count_values("shard", {_OURS}shard_ordinal{{{JOB}}}))'
    good = f"{_OURS}config_last_reload_successful{{{JOB}}}"
    return (
        Stat(
            title="Shards",
            description="Shards that are there, and those that are missing.",
            targets=(
                Target(shards, "there"),
                Target(f"max({_OURS}shard_total{{{JOB}}}) - {shards}", "missing", steps=BAD_FROM_ONE),
            ),
            runbook=rules["NativeChatShardMissing"].runbook_url,
        ),
        Stat(
            title="Last load of the configuration",
            description="Exporters whose configuration was good when it was last loaded, and those "
            "that refused it and go on with the one before.",
            targets=(
                Target(f"sum({good})", "good", steps=GOOD_FROM_ONE),
                Target(f"sum(1 - {good})", "refused", steps=BAD_FROM_ONE),
            ),
            runbook=rules["NativeChatReloadFailed"].runbook_url,
        ),
        Stat(
            title="Configuration in use since",
            description="How long ago an exporter last took up a configuration.",
            targets=(
                Target(
                    f"time() - max({_OURS}config_last_reload_success_timestamp_seconds{{{JOB}}})", unit="s"
                ),
            ),
        ),
        Stat(
            title="Internal errors",
            description="Defects of the exporter in the time shown; each is in its log, and worth a report.",
            targets=(Target(f"sum(increase({_OURS}internal_errors_total{{{JOB}}}[$__range]))"),),
            steps=BAD_FROM_ONE,
        ),
        Stat(
            title="Versions",
            description="The versions that run.",
            targets=(Target(f"count by (version) ({_OURS}build_info{{{JOB}}})", "{{version}}"),),
            names_only=True,
        ),
    )

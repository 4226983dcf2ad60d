"""Counts what the process itself does, with prometheus-client's own metrics in a registry of its own."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from threading import Lock
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import UnknownMetricFamily
from prometheus_client.registry import Collector

from exporter import __version__
from exporter.model import Collection, Plan

NO_ANSWER: Final = "none"
"""The label `code` of an attempt that got no HTTP status."""


class Telemetry:
    """The metrics that do not belong to a poll; each exists from the first second.

    Safe to use from every thread.
    """

    def __init__(self, shard_ordinal: int, shard_total: int) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus-client leaves it untyped
        self.registry = registry = CollectorRegistry()
        labels = ("bot", "collection")
        self._requests = Counter(
            "nativechat_exporter_api_requests",
            'Attempts of requests to NativeChat by HTTP status; code "none" where there was no answer.',
            (*labels, "code"),
            registry=registry,
        )
        self._durations = Histogram(
            "nativechat_exporter_api_request_duration_seconds",
            "How long one attempt of a request to NativeChat took.",
            labels,
            registry=registry,
        )
        self._lag = _gauge(registry, "schedule_lag_seconds", "How late the latest run started.")
        self._reload_good = _gauge(
            registry,
            "config_last_reload_successful",
            "1 if the last reload of the configuration worked, else 0.",
        )
        self._reload_time = _gauge(
            registry,
            "config_last_reload_success_timestamp_seconds",
            "When the configuration in use was loaded, in Unix seconds.",
        )
        _gauge(registry, "shard_ordinal", "Which shard this exporter is, from 0.").set(shard_ordinal)
        registry.register(_ShardTotal(shard_total))
        self._defects = Counter(
            "nativechat_exporter_internal_errors",
            "Errors that are defects of the exporter; each is in its log with a traceback.",
            registry=registry,
        )
        build = Gauge(
            "nativechat_exporter_build_info",
            "1, with the exporter's version and Python's.",
            ("version", "python"),
            registry=registry,
        )
        build.labels(__version__, platform.python_version()).set(1)
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._lock = Lock()
        self._shown: set[tuple[str, str]] = set()
        self._codes: set[tuple[str, str, str]] = set()

    def apply(self, plan: Plan) -> None:
        """Show the requests of the plan's bots from 0 on, and those of no other."""
        shown = {(poll.bot.name, str(poll.query.collection)) for poll in plan.polls}
        with self._lock:
            for gone in [key for key in self._codes if key[:2] not in shown]:
                self._requests.remove(*gone)
                self._codes.discard(gone)
            for bot, collection in self._shown - shown:
                self._durations.remove(bot, collection)
            for bot, collection in shown - self._shown:
                self._durations.labels(bot, collection)
                for code in ("200", NO_ANSWER):
                    self._requests.labels(bot, collection, code)
                    self._codes.add((bot, collection, code))
            self._shown = shown

    def attempted(self, bot: str, collection: Collection, status: int | None, seconds: float) -> None:
        """Count one attempt of a request."""
        code = NO_ANSWER if status is None else str(status)
        with self._lock:
            if (bot, collection) not in self._shown:
                return  # a reload took the bot away while this was in flight
            self._codes.add((bot, collection, code))
            self._requests.labels(bot, collection, code).inc()
            self._durations.labels(bot, collection).observe(seconds)

    def lagged(self, seconds: float) -> None:
        """Note how late a run started."""
        self._lag.set(max(0.0, seconds))

    def reloaded(self, when: float | None) -> None:
        """Note a load of the configuration at Unix time `when`, or with None that one failed."""
        self._reload_good.set(when is not None)
        if when is not None:
            self._reload_time.set(when)

    def defect(self) -> None:
        """Count an internal error."""
        self._defects.inc()


def _gauge(registry: CollectorRegistry, name: str, help_text: str) -> Gauge:
    return Gauge(f"nativechat_exporter_{name}", help_text, registry=registry)


class _ShardTotal(Collector):
    """How many shards there are, without a type.

    Prometheus's own linter keeps names in `_total` for counters, and this one counts nothing up.
    """

    def __init__(self, total: int) -> None:
        self._total = total

    def collect(self) -> Iterable[Metric]:
        yield UnknownMetricFamily(
            "nativechat_exporter_shard_total", "How many shards there are.", value=self._total
        )

"""Collects the metrics of the process itself."""

from __future__ import annotations

import platform
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from threading import Lock
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Metric,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    UnknownMetricFamily,
)

from exporter import __version__
from exporter.exposition.family import write, write_value
from exporter.exposition.own import HELP
from exporter.model import Plan

NO_ANSWER: Final = "none"
"""The label `code` of an attempt without an HTTP status."""

OTHER: Final = "other"
"""The label `code` of further statuses, once a bot has MOST_CODES of them."""

MOST_CODES: Final = 10
"""Most values of the label `code` for one bot, OTHER included: a server may answer with any three digits."""

_BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, float("inf"))
_BUCKETS: Final = tuple(map(write_value, _BOUNDS))


@dataclass(slots=True)
class _Attempts:
    """The attempts for one bot; `buckets` are not cumulative."""

    codes: dict[str, int] = field(default_factory=lambda: {"200": 0, NO_ANSWER: 0})
    buckets: list[int] = field(default_factory=lambda: [0] * len(_BOUNDS))
    seconds: float = 0.0


class Telemetry:
    """The metrics that belong to no poll; safe to use from every thread.

    Each exists from the first scrape on. `version` changes with every change but those of the process.
    """

    def __init__(self, shard_ordinal: int, shard_total: int) -> None:
        self.version = 0
        self._lock = Lock()
        self._lag = 0.0
        self._reload_good = False
        self._reload_time = 0.0
        self._defects = 0
        self._shard_ordinal = shard_ordinal
        self._shard_total = shard_total
        self._attempts: dict[str, _Attempts] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        for collector in (ProcessCollector, GCCollector, PlatformCollector):
            collector(registry=self._registry)

    def apply(self, plan: Plan) -> None:
        """Expose the attempts of the plan's bots, from 0 for a new bot, and drop those of others."""
        names = [bot.name for bot in plan.bots]
        with self._lock:
            self._attempts = {name: self._attempts.get(name) or _Attempts() for name in names}
            self.version += 1

    def attempted(self, bot: str, status: int | None, seconds: float) -> None:
        """Count one attempt, unless a reload has removed the bot meanwhile."""
        code = NO_ANSWER if status is None else str(status)
        with self._lock:
            if attempts := self._attempts.get(bot):
                if code not in attempts.codes and len(attempts.codes.keys() | {OTHER}) >= MOST_CODES:
                    code = OTHER
                attempts.codes[code] = attempts.codes.get(code, 0) + 1
                attempts.buckets[bisect_left(_BOUNDS, seconds)] += 1
                attempts.seconds += seconds
                self.version += 1

    def lagged(self, seconds: float) -> None:
        """Record how late a run started."""
        with self._lock:
            self._lag = max(0.0, seconds)
            self.version += 1

    def reloaded(self, when: float | None) -> None:
        """Record a reload at Unix time `when`, or a failed one if it is None."""
        with self._lock:
            self._reload_good = when is not None
            self._reload_time = self._reload_time if when is None else when
            self.version += 1

    def defect(self) -> None:
        """Count an internal error."""
        with self._lock:
            self._defects += 1
            self.version += 1

    def text(self, *, openmetrics: bool) -> str:
        """Return the text of all metrics."""
        return write(self._registry, openmetrics=openmetrics)

    def collect(self) -> list[Metric]:
        """Return the metrics with their values at this moment, without those of the process."""
        requests = CounterMetricFamily(*_own("api_requests_total"), labels=("bot", "code"))
        durations = HistogramMetricFamily(*_own("api_request_duration_seconds"), labels=("bot",))
        build = GaugeMetricFamily(*_own("build_info"), labels=("version", "python"))
        build.add_metric((__version__, platform.python_version()), 1)
        with self._lock:
            for bot, attempts in self._attempts.items():
                for code, count in attempts.codes.items():
                    requests.add_metric((bot, code), count)
                buckets = list(zip(_BUCKETS, accumulate(attempts.buckets), strict=True))
                durations.add_metric((bot,), buckets, attempts.seconds)
            return [
                requests,
                durations,
                build,
                GaugeMetricFamily(*_own("schedule_lag_seconds"), self._lag),
                GaugeMetricFamily(*_own("config_last_reload_successful"), self._reload_good),
                GaugeMetricFamily(*_own("config_last_reload_success_timestamp_seconds"), self._reload_time),
                CounterMetricFamily(*_own("internal_errors_total"), self._defects),
                GaugeMetricFamily(*_own("shard_ordinal"), self._shard_ordinal),
                # Without a type: Prometheus's linter reserves names in `_total` for counters.
                UnknownMetricFamily(*_own("shard_total"), self._shard_total),
            ]


def _own(name: str) -> tuple[str, str]:
    return f"nativechat_exporter_{name}", HELP[f"nativechat_exporter_{name}"]

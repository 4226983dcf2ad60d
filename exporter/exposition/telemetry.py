"""Collects and renders the metrics of the process itself."""

from __future__ import annotations

import itertools
import platform
from bisect import bisect_left
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
)

from exporter import __version__
from exporter.exposition.family import Family, Kind, family, write, write_value
from exporter.model import Collection, Labels, Plan

NO_ANSWER: Final = "none"
"""The label `code` of an attempt without an HTTP status."""

READ_EVERY: Final = 1.0
"""Seconds between two reads of the process's own metrics: one costs more than a page of 1,000 series."""

_BOUNDS: Final = tuple(map(float, Histogram.DEFAULT_BUCKETS))
_REQUESTS: Final = "nativechat_exporter_api_requests"
_REQUESTS_HELP: Final = (
    'Attempts of requests to NativeChat by HTTP status; code "none" if there was no answer.'
)
_DURATION: Final = "nativechat_exporter_api_request_duration_seconds"
_DURATION_HELP: Final = "Duration of one attempt of a request to NativeChat."


class _Attempts:
    """The attempts for one bot and collection; `buckets` are not cumulative."""

    __slots__ = ("buckets", "codes", "seconds")

    def __init__(self) -> None:
        self.codes = {"200": 0, NO_ANSWER: 0}
        self.buckets = [0] * len(_BOUNDS)
        self.seconds = 0.0

    def values(self) -> list[float]:
        """Return the samples of the histogram, in their order."""
        cumulative = list(itertools.accumulate(self.buckets))
        return [*cumulative, cumulative[-1], self.seconds]


class Telemetry:
    """The metrics that belong to no poll; safe to use from every thread.

    Each exists from the first scrape on. `version` changes with every change.
    """

    def __init__(self, shard_ordinal: int, shard_total: int, steady: Callable[[], float]) -> None:
        self.version = 0
        self._steady = steady
        self._lock = Lock()
        self._lag = 0.0
        self._reload_good = False
        self._reload_time = 0.0
        self._defects = 0
        self._shard = shard_ordinal, shard_total
        self._attempts: dict[tuple[str, str], _Attempts] = {}
        self._families: tuple[Family, Family] | None = None
        self._own = [_own(*each) for each in _OWN]
        build = (("version", __version__), ("python", platform.python_version()))
        self._build = _own("build_info", "gauge", "1, with the exporter's version and Python's.", build)
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, GCCollector, PlatformCollector):
            collector(registry=self._registry)
        self._process: dict[bool, str] = {}
        self.read_at = float("-inf")

    def apply(self, plan: Plan) -> None:
        """Expose the attempts of the plan's bots, from 0 for a new bot, and drop those of others."""
        keys = dict.fromkeys((poll.bot.name, str(poll.query.collection)) for poll in plan.polls)
        with self._lock:
            self._attempts = {key: self._attempts.get(key) or _Attempts() for key in keys}
            self._families = None
            self.version += 1

    def attempted(self, bot: str, collection: Collection, status: int | None, seconds: float) -> None:
        """Count one attempt, unless a reload has removed the bot meanwhile."""
        code = NO_ANSWER if status is None else str(status)
        bucket = bisect_left(_BOUNDS, seconds)
        with self._lock:
            attempts = self._attempts.get((bot, str(collection)))
            if attempts is None:
                return
            if code not in attempts.codes:
                attempts.codes[code] = 0
                self._families = None
            attempts.codes[code] += 1
            attempts.buckets[bucket] += 1
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
            if when is not None:
                self._reload_time = when
            self.version += 1

    def defect(self) -> None:
        """Count an internal error."""
        with self._lock:
            self._defects += 1
            self.version += 1

    def text(self, *, openmetrics: bool) -> Iterator[str]:
        """Return the text of all metrics; those of the process may be a second old."""
        with self._lock:
            requests, durations = self._families or self._prepare()
            codes = [count for attempts in self._attempts.values() for count in attempts.codes.values()]
            seconds = [value for attempts in self._attempts.values() for value in attempts.values()]
            own = [self._lag, self._reload_good, self._reload_time, self._defects, *self._shard]
        yield requests.text(codes, openmetrics=openmetrics)
        yield durations.text(seconds, openmetrics=openmetrics)
        for each, value in zip(self._own, own, strict=True):
            yield each.text([value], openmetrics=openmetrics)
        yield self._build.text([1], openmetrics=openmetrics)
        yield self._read_process(openmetrics=openmetrics)

    def _read_process(self, *, openmetrics: bool) -> str:
        now = self._steady()
        if now - self.read_at >= READ_EVERY:
            self.read_at, self._process = now, {}
        if openmetrics not in self._process:
            self._process[openmetrics] = write(self._registry, openmetrics=openmetrics)
        return self._process[openmetrics]

    def _prepare(self) -> tuple[Family, Family]:
        """Prepare the families of attempts again after their label sets changed."""
        codes = [
            (*_labels(key), ("code", code)) for key, each in self._attempts.items() for code in each.codes
        ]
        requests = family(_REQUESTS, _REQUESTS_HELP, "counter", codes)
        self._families = requests, Family(_histogram([dict(_labels(key)) for key in self._attempts]))
        return self._families


_OWN: Final[tuple[tuple[str, Kind, str], ...]] = (
    ("schedule_lag_seconds", "gauge", "Seconds by which the latest run started late."),
    ("config_last_reload_successful", "gauge", "1 if the last reload of the configuration worked, else 0."),
    (
        "config_last_reload_success_timestamp_seconds",
        "gauge",
        "When the configuration in use was loaded, in Unix seconds.",
    ),
    (
        "internal_errors",
        "counter",
        "Internal errors of the exporter; each is in its log with a traceback.",
    ),
    ("shard_ordinal", "gauge", "The ordinal of this exporter's shard, from 0."),
    # Without a type: Prometheus's linter reserves names in `_total` for counters, and this is none.
    ("shard_total", "unknown", "The number of shards."),
)


def _own(name: str, kind: Kind, help_text: str, labels: Labels = ()) -> Family:
    return family(f"nativechat_exporter_{name}", help_text, kind, [labels])


def _labels(key: tuple[str, str]) -> Labels:
    return ("bot", key[0]), ("collection", key[1])


def _histogram(rows: list[dict[str, str]]) -> Metric:
    metric = Metric(_DURATION, _DURATION_HELP, "histogram")
    for labels in rows:
        for bound in _BOUNDS:
            metric.add_sample(f"{_DURATION}_bucket", {**labels, "le": write_value(bound)}, 0)
        metric.add_sample(f"{_DURATION}_count", labels, 0)
        metric.add_sample(f"{_DURATION}_sum", labels, 0)
    return metric

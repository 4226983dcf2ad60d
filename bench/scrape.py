"""How long a scrape of 1,000 series takes while none of them changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from bench.figure import Figure, Target, interleaved
from bench.processes import ENVIRON, configuration
from exporter.clock import SystemClock
from exporter.config.load import parse
from exporter.exposition.exposition import Exposition
from exporter.exposition.telemetry import Telemetry
from exporter.plan import make_plan
from exporter.store.store import Store

_SERIES: Final = 1_000
_QUERIES: Final = 10


def measure(repetitions: int) -> Figure:
    """Measure a scrape with everything on the page, beside generate_latest of as many gauges alone."""
    exposition, registry = _exposition(), _gauges()
    pair = interleaved(
        lambda: _milliseconds(lambda: exposition.scrape("text/plain", "")),
        lambda: _milliseconds(lambda: generate_latest(registry)),
        repetitions,
    )
    what = "scrape of 1,000 series"
    return Figure(what, " ms", pair[0], "generate_latest", pair[1], Target(0.25, "ratio"))


def _exposition() -> Exposition:
    config = configuration("http://127.0.0.1:1/v1", _QUERIES, _SERIES // _QUERIES)
    plan = make_plan(parse(config.encode(), Path("config.yaml"), ENVIRON).config)
    store = Store(SystemClock())
    exposition = Exposition(Telemetry(0, 1), store.take_changes)
    exposition.apply(plan, with_it=lambda: store.apply(plan))
    for poll in plan.polls:
        for row in range(len(poll.series)):
            store.counted(poll, row, 12_345 + row)
    return exposition


def _gauges() -> CollectorRegistry:
    registry = CollectorRegistry()
    for number in range(_QUERIES):
        gauge = Gauge(f"nativechat_query_{number}", "As many.", ("bot", "channel"), registry=registry)
        for value in range(_SERIES // _QUERIES):
            gauge.labels("main", f"value_{value}").set(12_345 + value)
    return registry


def _milliseconds(scrape: Callable[[], object]) -> float:
    times = 10
    began = time.perf_counter()
    for _ in range(times):
        scrape()
    return (time.perf_counter() - began) / times * 1e3

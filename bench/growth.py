"""Measures how each cost grows with the number of series."""

from __future__ import annotations

import math
import time
from typing import Final

from bench import configs, large, subjects
from bench.figure import Figure, Report, Sample, Target, Turns, number
from bench.pages import Reader
from bench.processes import PATIENCE, Subject
from bench.scale import Scale
from bench.scraping import groups, until_changed
from bench.subjects import Responder
from exporter.cli.output import columns

_REPETITIONS: Final = 2
_SCRAPES: Final = 5
_LOOK: Final = 0.05
_SETTLING: Final = 0.5

_UNITS: Final = {
    "exec to first answered scrape": " s",
    "CPU of one round of counts": " s",
    "RSS": " MB",
    "scrape": " ms",
}
_START, _ROUND, _MEMORY, _SCRAPE = _UNITS


def exponent(cost: dict[int, float]) -> float:
    """Return the power of the number of series that a cost grows with, where it grows most.

    Taken over two steps of sizes at a time: one step is too short to tell growth from noise.
    """
    points = list(cost.items())
    return max(
        math.log(after / before) / math.log(more / less)
        for (less, before), (more, after) in zip(points, points[2:], strict=False)
    )


def measure(scale: Scale) -> Report:
    """Start the exporter with each number of series in turns; start the greatest once."""
    turns = Turns()
    *smaller, greatest = scale.sizes
    with subjects.responder() as api:
        for _ in range(scale.times(_REPETITIONS)):
            for series in smaller:
                with subjects.ours(configs.write(api.url, *groups(series, "1s"))) as exporter:
                    _take(turns, series, exporter, api, scale)
        config = configs.write(api.url, *groups(greatest, "2s"), large.PROBES)
        with subjects.ours(config) as exporter:
            _take(turns, greatest, exporter, api, scale)
            figures = large.figures(exporter, api, greatest, scale)
    costs = {what: {series: turns[f"{what} {series}"].median for series in scale.sizes} for what in _UNITS}
    exponents = (
        Figure(f"growth of {what}, exponent", "", Sample((exponent(cost),)), Target(1.05, "ours"))
        for what, cost in costs.items()
    )
    return Report((*figures, _per_series(costs[_MEMORY]), *exponents), _table(costs))


def _take(turns: Turns, series: int, exporter: Subject, api: Responder, scale: Scale) -> None:
    api.log()
    turns.take(f"{_START} {series}", exporter.until_answers())
    began = exporter.cpu()
    counts = _until_counted(api, series)
    turns.take(f"{_ROUND} {series}", (exporter.cpu() - began) * series / counts)
    with Reader(exporter.port) as reader:
        reader.read()
        for _ in range(scale.times(_SCRAPES)):
            until_changed(api, series // 100)
            turns.take(f"{_SCRAPE} {series}", reader.seconds() * 1e3)
    turns.take(f"{_MEMORY} {series}", exporter.resident() / 1e6)


def _until_counted(api: Responder, counts: int) -> int:
    """Wait for so many requests, without a scrape; return how many there were."""
    asked, limit = 0, time.monotonic() + PATIENCE
    while asked < counts and time.monotonic() < limit:
        time.sleep(_LOOK)
        asked += len(api.log())
    time.sleep(_SETTLING)
    return asked + len(api.log())


def _per_series(memory: dict[int, float]) -> Figure:
    least, greatest = min(memory), max(memory)
    added = (memory[greatest] - memory[least]) / (greatest - least) * 1e3
    return Figure("RSS per further series", " kB", Sample((added,)), Target(1.0, "ours"))


def _table(costs: dict[str, dict[int, float]]) -> str:
    head = ("GROWTH WITH SERIES", *(f"{series:,}" for series in costs[_MEMORY]), "EXPONENT")
    rows = [
        (f"{what},{_UNITS[what]}", *map(number, cost.values()), number(exponent(cost)))
        for what, cost in costs.items()
    ]
    return columns(head, rows, right=range(1, len(head)))

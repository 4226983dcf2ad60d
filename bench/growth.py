"""How each cost grows with the number of series, up to a page so large that it must not be in the way."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from bench import configs, large, subjects
from bench.figure import Figure, Report, Sample, Target, Turns, number
from bench.pages import Reader
from bench.processes import PATIENCE, Subject
from bench.scale import Peers, Scale
from bench.scrape import groups, until_changed
from bench.subjects import Responder
from exporter.cli.output import columns

_REPETITIONS: Final = 2
_SCRAPES: Final = 5
_LOOK: Final = 0.05
_SETTLING: Final = 0.5


@dataclass(frozen=True, slots=True)
class Cost:
    """One thing that grows: its name, its unit, and a sample of it for each size."""

    what: str
    unit: str
    samples: tuple[Sample, ...]

    def exponent(self, sizes: tuple[int, ...]) -> float:
        """Return the power of the number of series that the cost grows with, where it grows most.

        Over two steps at a time: over one, a tenth more or less of a cost would be seen.
        """
        points = list(zip(sizes, (sample.median for sample in self.samples), strict=True))
        return max(
            math.log(after / before) / math.log(more / less)
            for (less, before), (more, after) in zip(points, points[2:], strict=False)
        )

    def added(self, sizes: tuple[int, ...]) -> float:
        """Return the same for what is added to the cost of the smallest size, from the last size but one.

        A small difference of two large costs: it tells where to look, and is not judged.
        """
        fixed, _, many, very_many = (sample.median for sample in self.samples)
        if min(many, very_many) <= fixed:
            return math.nan
        grown = math.log((very_many - fixed) / (many - fixed))
        return grown / math.log((sizes[3] - sizes[0]) / (sizes[2] - sizes[0]))


def measure(scale: Scale, peers: Peers) -> Report:  # noqa: ARG001 - the largest size is beyond them
    """Start sizes in turns, the largest once; measure the page of the largest while it is there."""
    turns = Turns()
    with subjects.responder() as api:
        for _ in range(scale.times(_REPETITIONS)):
            for series in scale.sizes[:3]:
                with subjects.ours(configs.exporter(api.api, *groups(series, "1s"))) as exporter:
                    _take(turns, series, exporter, api, scale)
        script = {series: _script_memory(api, series) for series in (scale.sizes[0], scale.sizes[2])}
        series = scale.sizes[3]
        config = configs.exporter(api.api, *groups(series, "2s"), large.PROBES)
        with subjects.ours(config) as exporter:
            _take(turns, series, exporter, api, scale)
            figures = large.figures(exporter, api, series, scale)
    return Report(
        (*figures, _per_series(scale.sizes, turns, script), *_exponents(scale.sizes, turns)),
        _table(scale.sizes, turns),
    )


def _take(turns: Turns, series: int, exporter: Subject, api: Responder, scale: Scale) -> None:
    api.log()
    turns.take(f"start {series}", exporter.until_answers())
    began = exporter.cpu()
    asked = _until_asked(api, series)
    turns.take(f"round {series}", (exporter.cpu() - began) * series / asked)
    with Reader(exporter.port) as reader:
        reader.read()
        for _ in range(scale.times(_SCRAPES)):
            until_changed(api, series // 100)
            turns.take(f"scrape {series}", reader.seconds() * 1e3)
    turns.take(f"memory {series}", exporter.resident() / 1e6)


def _until_asked(api: Responder, counts: int) -> int:
    """Wait until the API was asked so often, without a scrape; return how often it was."""
    asked, limit = 0, time.monotonic() + PATIENCE
    while asked < counts and time.monotonic() < limit:
        time.sleep(_LOOK)
        asked += len(api.log())
    time.sleep(_SETTLING)
    return asked + len(api.log())


def _script_memory(api: Responder, series: int) -> float:
    with ExitStack() as stack:
        config = configs.exporter(api.api, *groups(series, "1d"))
        script = stack.enter_context(subjects.baseline(config))
        script.until_counted(series)
        reader = stack.enter_context(Reader(script.port))
        for _ in range(_SCRAPES):
            reader.read()
        return script.resident() / 1e6


def _costs(sizes: tuple[int, ...], turns: Turns) -> tuple[Cost, ...]:
    named = {
        "start": ("exec to first answered scrape", " s"),
        "round": ("CPU of one round of counts", " s"),
        "memory": ("RSS", " MB"),
        "scrape": ("scrape, 1 % changed, gzip", " ms"),
    }
    return tuple(
        Cost(what, unit, tuple(turns[f"{name} {series}"] for series in sizes))
        for name, (what, unit) in named.items()
    )


def _exponents(sizes: tuple[int, ...], turns: Turns) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            f"growth of {cost.what.partition(',')[0]}, exponent",
            "",
            Sample((cost.exponent(sizes),)),
            target=Target(1.05, "ours"),
        )
        for cost in _costs(sizes, turns)
    )


def _per_series(sizes: tuple[int, ...], turns: Turns, script: dict[int, float]) -> Figure:
    low, high = sizes[0], sizes[3]
    grown = turns[f"memory {high}"].median - turns[f"memory {low}"].median
    low_script, high_script = script
    of_script = (script[high_script] - script[low_script]) / (high_script - low_script)
    return Figure(
        "RSS per further series",
        " kB",
        Sample((grown / (high - low) * 1e3,)),
        "the script by hand",
        Sample((of_script * 1e3,)),
        Target(1.0, "ours"),
    )


def _table(sizes: tuple[int, ...], turns: Turns) -> str:
    rows = [
        (
            f"{cost.what},{cost.unit}",
            *(number(sample.median) for sample in cost.samples),
            number(cost.exponent(sizes)),
            number(cost.added(sizes)),
        )
        for cost in _costs(sizes, turns)
    ]
    head = ("GROWTH WITH SERIES", *(f"{size:,}" for size in sizes), "EXPONENT", "OF WHAT IS ADDED")
    return columns(head, rows, right=range(1, 7))

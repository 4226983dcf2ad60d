"""Measures polling: the CPU of a count, a round of slow requests, and how late requests are."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from bench import configs, subjects
from bench.configs import Group
from bench.figure import Figure, Report, Sample, Target, Turns, percentile
from bench.pages import Reader
from bench.processes import PATIENCE, Subject
from bench.scale import Scale
from bench.subjects import Request, Responder

_PAIRS: Final = 6
_SETTLING: Final = 0.5
_WINDOW: Final = 1.0

_ROUNDS: Final = 5
_LATENCY: Final = 0.05
_CONCURRENCY: Final = 32

_LAGS: Final = 3
_LAG_WINDOW: Final = 4.0
_LAG_LIMITS: Final = {"median": 10.0, "99.9th percentile": 250.0}


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to make 200 counts a second, and the most CPU they may cost in multiples of the script's."""

    what: str
    queries: int
    series: int
    concurrency: int
    limit: float


SHAPES: Final = (
    Shape("200 queries of 1 series", 200, 1, 8, 0.9),
    Shape("20 queries of 10", 20, 10, 8, 0.7),
    Shape("1 query of 200", 1, 200, 8, 0.65),
    Shape("1 query of 200, one at a time", 1, 200, 1, 0.55),
)
"""The shapes; the script makes one request at a time in all of them."""


def measure(scale: Scale) -> Report:
    """Measure counts, then a round, then lag."""
    counts = _counts(scale)
    cost = counts[f"ours {SHAPES[0].what}"].median
    rows = (
        counts.beside_script(f"CPU per count, {shape.what}", " µs", Target(shape.limit, "ratio"), shape.what)
        for shape in SHAPES
    )
    return Report((*rows, _round(scale), *_lag(scale)), costs={"count": cost})


def _counts(scale: Scale) -> Turns:
    """Let the exporter and the script count in turns; take the microseconds of CPU of one count."""
    turns = Turns()
    with ExitStack() as stack:
        api = stack.enter_context(subjects.responder())
        pairs = [_pair(stack, api, shape) for shape in SHAPES]
        for number in range(scale.times(_PAIRS)):
            for shape, pair in zip(SHAPES, pairs, strict=True):
                for name, subject in turns.order(pair.items(), number):
                    turns.take(f"{name} {shape.what}", _cost(subject, api) * 1e6)
    return turns


def _pair(stack: ExitStack, api: Responder, shape: Shape) -> dict[str, Subject]:
    """Start the exporter and the script with one configuration; stop both once they have counted."""
    group = Group("counts", shape.queries, shape.series, "1s")
    pair = subjects.pair(stack, configs.write(api.url, group, concurrency=shape.concurrency))
    for subject in pair.values():
        subject.until_counted(shape.queries * shape.series)
        subject.stop()
    return pair


def _cost(subject: Subject, api: Responder) -> float:
    """Return the seconds of CPU of one count; look longer if there was none."""
    with subject.running(_SETTLING), Reader(subject.port) as reader:
        api.log()
        began, counts = subject.cpu(), 0
        while not counts:
            time.sleep(_WINDOW)
            counts += len(api.log())
        reader.read()
        return (subject.cpu() - began) / counts


def _round(scale: Scale) -> Figure:
    """Compare rounds of slow requests with the most that the API's latency allows."""
    counts, every = (1_000, "3s") if scale.is_result else (100, "1s")
    rates = []
    with subjects.responder(_LATENCY) as api:
        config = configs.write(api.url, Group("rounds", 1, counts, every), concurrency=_CONCURRENCY)
        with subjects.ours(config) as exporter:
            exporter.until_counted(counts)
            for _ in range(scale.times(_ROUNDS)):
                asked = _next_round(api, counts)
                length = max(request.left for request in asked) - min(request.came for request in asked)
                rates.append(counts / length)
    return Figure(
        f"counts a second, {counts:,} at 50 ms, {_CONCURRENCY} at once",
        "",
        Sample(tuple(rates)),
        Target(0.92, "ratio", least=True),
        "the latency alone",
        Sample((_CONCURRENCY / _LATENCY,)),
    )


def _next_round(api: Responder, counts: int) -> list[Request]:
    """Wait for a round that begins after this is called, and return its requests."""
    api.log()
    asked: list[Request] = []
    limit = time.monotonic() + PATIENCE
    while len(asked) < counts and time.monotonic() < limit:
        # A look costs the API time. So there is none between the first requests and the earliest end.
        time.sleep((counts - len(asked)) / _CONCURRENCY * _LATENCY if asked else _LATENCY)
        asked += api.log()
    return asked


def _lag(scale: Scale) -> tuple[Figure, ...]:
    """Let the exporter run 500 queries of one series, each every second; read the API's log."""
    queries = 500 if scale.is_result else 50
    turns = Turns()
    with subjects.responder() as api:
        config = configs.write(api.url, Group("lag", queries, 1, "1s"))
        with subjects.ours(config) as exporter:
            exporter.until_counted(queries)
            time.sleep(_WINDOW)
            for _ in range(scale.times(_LAGS)):
                api.log()
                time.sleep(scale.window(_LAG_WINDOW))
                late = [seconds * 1e3 for _, seconds in lateness(api.log())]
                turns.take("median", percentile(late, 0.5))
                turns.take("99.9th percentile", percentile(late, 0.999))
    return tuple(
        Figure(f"lag at {queries} counts a second, {what}", " ms", turns[what], Target(limit, "ours"))
        for what, limit in _LAG_LIMITS.items()
    )


def lateness(requests: Iterable[Request]) -> list[tuple[float, float]]:
    """Return when each request came, and how late, for requests that are due once a second each.

    A request is due at its own moment of each second: the moment of its earliest arrival. A skipped second
    makes all later ones of that request a second late.
    """
    came: dict[str, list[float]] = {}
    for request in requests:
        came.setdefault(request.target, []).append(request.came)
    found = []
    for times in came.values():
        times.sort()
        moments = [at - second for second, at in enumerate(times)]
        found += [(at, moment - min(moments)) for at, moment in zip(times, moments, strict=True)]
    return found

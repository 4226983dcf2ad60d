"""Measures the CPU of one count: scheduling, the request, parsing, the value, the page and a scrape."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from bench import configs, subjects
from bench.configs import Group
from bench.figure import Figure, Report, Target, Turns
from bench.pages import Reader
from bench.processes import Subject
from bench.scale import Peers, Scale
from bench.subjects import Responder

_REPETITIONS: Final = 6
_SETTLING: Final = 0.5
_WINDOW: Final = 1.0


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


def measure(scale: Scale, peers: Peers) -> Report:  # noqa: ARG001 - peers have no such shapes
    """Let the exporter and the script count in turns, and divide the CPU of each by its counts."""
    turns = Turns()
    with ExitStack() as stack:
        api = stack.enter_context(subjects.responder())
        pairs = [_pair(stack, api, shape) for shape in SHAPES]
        for number in range(scale.times(_REPETITIONS)):
            for shape, pair in zip(SHAPES, pairs, strict=True):
                for name, subject in turns.order(pair.items(), number):
                    turns.take(f"{name} {shape.what}", _cost(subject, api))
    return Report(
        tuple(
            Figure(
                f"CPU per count, {shape.what}",
                " µs",
                turns[f"ours {shape.what}"],
                "the script by hand",
                turns[f"script {shape.what}"],
                Target(shape.limit, "ratio"),
            )
            for shape in SHAPES
        ),
        costs={"count": turns[f"ours {SHAPES[0].what}"].median},
    )


def _pair(stack: ExitStack, api: Responder, shape: Shape) -> dict[str, Subject]:
    """Start the exporter and the script with one configuration; stop both once they have counted."""
    group = Group("counts", shape.queries, shape.series, "1s")
    config = configs.exporter(api.api, group, concurrency=shape.concurrency)
    pair = {
        "ours": stack.enter_context(subjects.ours(config)),
        "script": stack.enter_context(subjects.baseline(config)),
    }
    for subject in pair.values():
        subject.until_counted(shape.queries * shape.series)
        subject.freeze()
    return pair


def _cost(subject: Subject, api: Responder) -> float:
    """Return the microseconds of CPU of one count; look longer if there was none."""
    with subject.awake(_SETTLING), Reader(subject.port) as reader:
        api.log()
        began, counts = subject.cpu(), 0
        while not counts:
            time.sleep(_WINDOW)
            counts += len(api.log())
        reader.read()
        return (subject.cpu() - began) / counts * 1e6

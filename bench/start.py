"""How soon after its start a scrape is answered and all values are there, and what memory that takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from bench import configs, subjects
from bench.configs import Group
from bench.figure import Figure, Report, Target, Turns
from bench.pages import Reader
from bench.processes import Subject, resident
from bench.scale import Peers, Scale

_REPETITIONS: Final = 5
_QUICK: Final = 2
_VALUES: Final = 10
_EVERY: Final = 30
_SCRAPES: Final = 10

Starts = dict[str, tuple[Callable[[], AbstractContextManager[Subject]], int]]
"""How to start each, and how many counts its page then shows."""


def measure(scale: Scale, peers: Peers) -> Report:
    """Start one after the other anew, until its values are there and it was scraped some times.

    More often only until it answers, as no two starts take as long on a machine that has others to serve.
    """
    series = scale.sizes[0]
    turns = Turns()
    with subjects.responder() as api:
        config = configs.exporter(api.api, Group("start", series // _VALUES, _VALUES, f"{_EVERY}s"))
        starts: Starts = {
            "ours": (partial(subjects.ours, config), series),
            "baseline": (partial(subjects.baseline, config), series),
        }
        if peers.es_exporter:
            es = partial(subjects.es_exporter, peers.es_exporter, api, series // 2, _EVERY)
            starts["es"] = (es, series // 2)
        if peers.query_exporter:
            queries = series // _VALUES
            query = partial(subjects.query_exporter, peers.query_exporter, queries, _EVERY)
            starts["query"] = (query, series)
        for _ in range(scale.times(_REPETITIONS)):
            for name, (start, counts) in starts.items():
                _take(turns, name, start, counts)
            with subjects.bare() as pid:
                turns.take("bare memory", resident(pid) / 1e6)
            _take_bare(turns)
            for number in range(scale.times(_QUICK)):
                _take_bare(turns)
                for name, (start, _) in turns.order(starts.items(), number):
                    with start() as subject:
                        turns.take(f"{name} answers", subject.until_answers())
    figures = (*_memory(series, turns), *_start(series, turns))
    return Report(figures, costs={"memory": turns["ours memory"].median})


def _take(turns: Turns, name: str, start: Callable[[], AbstractContextManager[Subject]], counts: int) -> None:
    with start() as subject:
        turns.take(f"{name} answers", subject.until_answers())
        turns.take(f"{name} counted", subject.until_counted(counts, pause=0.02))
        with Reader(subject.port) as reader:
            for _ in range(_SCRAPES):
                reader.read()
        turns.take(f"{name} memory", subject.resident() / 1e6)


def _take_bare(turns: Turns) -> None:
    began = time.perf_counter()
    with subjects.bare():
        turns.take("bare answers", time.perf_counter() - began)


def _memory(series: int, turns: Turns) -> tuple[Figure, ...]:
    rows = (
        ("bare", "the four imports", Target(1.4, "ratio")),
        ("baseline", "the script by hand", None),
        ("query", "query-exporter", None),
        ("es", "prometheus-es-exporter", None),
    )
    what, ours = f"RSS at {series:,} series", turns["ours memory"]
    return tuple(
        Figure(what, " MB", ours, beside, turns[f"{name} memory"], target)
        for name, beside, target in rows
        if f"{name} memory" in turns
    )


def _start(series: int, turns: Turns) -> tuple[Figure, ...]:
    rows = (
        ("baseline", "the script by hand", Target(1.7, "ratio")),
        ("bare", "the four imports", None),
        ("query", "query-exporter", None),
        ("es", "prometheus-es-exporter", None),
    )
    what, ours = "exec to first answered scrape", turns["ours answers"]
    return (
        *(
            Figure(what, " s", ours, beside, turns[f"{name} answers"], target)
            for name, beside, target in rows
            if f"{name} answers" in turns
        ),
        Figure(
            f"exec to all of {series:,} first values",
            " s",
            turns["ours counted"],
            "the script by hand",
            turns["baseline counted"],
            Target(2.0, "ours"),
            by_chance=True,  # of ours the first runs are spread over a second, on purpose
        ),
    )

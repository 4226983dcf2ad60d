"""How much of a core it takes to be scraped all the time."""

from __future__ import annotations

import time
from contextlib import ExitStack
from statistics import median
from typing import Final

from bench import configs, subjects
from bench.configs import Group
from bench.figure import Figure, Report, Target, Turns
from bench.pages import Reader
from bench.processes import Subject
from bench.scale import Peers, Scale

_REPETITIONS: Final = 10
_WINDOW: Final = 1.0
_A_SECOND: Final = 50
_READERS: Final = 5
_VALUES: Final = 10
_EVERY: Final = 60


def measure(scale: Scale, peers: Peers) -> Report:
    """Scrape one after the other 50 times a second, while each counts its series anew once a minute."""
    series = scale.sizes[1]
    group = Group("load", series // _VALUES, _VALUES, f"{_EVERY}s")
    turns = Turns()
    with ExitStack() as stack:
        api = stack.enter_context(subjects.responder())
        config = configs.exporter(api.api, group)
        others = {
            "ours": stack.enter_context(subjects.ours(config)),
            "baseline": stack.enter_context(subjects.baseline(config)),
        }
        if peers.es_exporter:
            # Its page has two lines for each count: as many lines, so half as many counts.
            es = subjects.es_exporter(peers.es_exporter, api, series // 2, _EVERY)
            others["es"] = stack.enter_context(es)
        if peers.query_exporter:
            query = subjects.query_exporter(peers.query_exporter, series // _VALUES, _EVERY)
            others["query"] = stack.enter_context(query)
        for name, subject in others.items():
            subject.until_counted(series // 2 if name == "es" else series)
        others["static"] = stack.enter_context(subjects.static(others["ours"]))
        others["static"].until_answers()
        for subject in others.values():
            subject.freeze()
        for number in range(scale.times(_REPETITIONS)):
            for name, subject in turns.order(others.items(), number):
                share, seconds = _cost(subject, scale.window(_WINDOW))
                turns.take(name, share)
                turns.take(f"{name} time", seconds * 1e3)
    line = turns["ours"].median / 100 / _A_SECOND / series * 1e6
    return Report(_figures(series, turns), costs={"line": line})


def _cost(subject: Subject, seconds: float) -> tuple[float, float]:
    """Return the percentage of a core that 50 scrapes a second take, and the median seconds of one.

    One that is too slow for so many is scraped less often, and its CPU is multiplied.
    """
    with subject.awake(), ExitStack() as stack:
        readers = [stack.enter_context(Reader(subject.port)) for _ in range(_READERS)]
        for reader in readers:
            reader.read()
        took, began, cpu = list[float](), time.monotonic(), subject.cpu()
        while time.monotonic() < began + seconds:
            took.append(readers[len(took) % _READERS].seconds())
            time.sleep(max(0.0, began + len(took) / _A_SECOND - time.monotonic()))
        return (subject.cpu() - cpu) / len(took) * _A_SECOND * 100, median(took)


def _figures(series: int, turns: Turns) -> tuple[Figure, ...]:
    rows = (
        ("baseline", "the script by hand", Target(10.0, "ours")),
        ("static", "a static page", None),
        ("query", "query-exporter", None),
        ("es", "prometheus-es-exporter", None),
    )
    all_cpu = f"{_A_SECOND} scrapes a second, {series:,} series"
    return (
        *(
            Figure(all_cpu, " % of a core", turns["ours"], beside, turns[name], target)
            for name, beside, target in rows
            if name in turns
        ),
        *(
            # query-exporter takes 35 ms for one, or 60, for seconds on end: its threads obstruct each other.
            Figure(
                "each of these scrapes",
                " ms",
                turns["ours time"],
                beside,
                turns[f"{name} time"],
                by_chance=name == "query",
            )
            for name, beside, _ in rows
            if name in turns
        ),
    )

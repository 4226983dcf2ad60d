"""How much of a core it takes to be scraped all the time."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Final

from bench import configs, subjects
from bench.configs import Group
from bench.figure import Figure, Report, Target, Turns
from bench.pages import Reader
from bench.processes import Subject
from bench.scale import Peers, Scale

_REPETITIONS: Final = 5
_WINDOW: Final = 2.0
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
        others["static"] = stack.enter_context(subjects.static(others["ours"].page()))
        others["static"].until_answers()
        for subject in others.values():
            subject.freeze()
        for _ in range(scale.times(_REPETITIONS)):
            for name, subject in others.items():
                turns.take(name, _share(subject, scale.window(_WINDOW)))
    line = turns["ours"].median / 100 / _A_SECOND / series * 1e6
    return Report(_figures(series, turns), costs={"line": line})


def _share(subject: Subject, seconds: float) -> float:
    """Return the percentage of a core that 50 scrapes a second take; a slow one is asked less often."""
    with subject.awake(), ExitStack() as stack:
        readers = [stack.enter_context(Reader(subject.port)) for _ in range(_READERS)]
        for reader in readers:
            reader.read()
        scrapes, began, cpu = 0, time.monotonic(), subject.cpu()
        while time.monotonic() < began + seconds:
            readers[scrapes % _READERS].read()
            scrapes += 1
            time.sleep(max(0.0, began + scrapes / _A_SECOND - time.monotonic()))
        return (subject.cpu() - cpu) / scrapes * _A_SECOND * 100


def _figures(series: int, turns: Turns) -> tuple[Figure, ...]:
    rows = (
        ("baseline", "the script by hand", Target(10.0, "ours")),
        ("static", "a static page", None),
        ("query", "query-exporter", None),
        ("es", "prometheus-es-exporter", None),
    )
    what = f"{_A_SECOND} scrapes a second, {series:,} series"
    return tuple(
        Figure(what, " % of a core", turns["ours"], beside, turns[name], target)
        for name, beside, target in rows
        if name in turns
    )

"""How long a scrape of many series takes when a hundredth has changed, compressed as for Prometheus."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Final

from bench import configs, subjects
from bench.configs import Group
from bench.figure import Figure, Report, Target, Turns
from bench.floor import ANEW
from bench.pages import METRICS, Reader
from bench.processes import PATIENCE
from bench.scale import Peers, Scale
from bench.subjects import Request, Responder

_REPETITIONS: Final = 24
_MOVING: Final = "moving"
_LOOK: Final = 0.05
SETTLING: Final = 0.1


def groups(series: int, every: str) -> tuple[Group, ...]:
    """Return the queries of a page on which one series in a hundred is counted anew all the time."""
    return Group("still", series // 100, 100, "1d"), Group(_MOVING, 1, series // 100, every)


def until_changed(api: Responder, counts: int) -> list[Request]:
    """Wait until so many of the series that move were counted anew, and all is calm again.

    Returns all that was asked since the API's log was read last.
    """
    asked: list[Request] = []
    limit = time.monotonic() + PATIENCE
    counted, latest = 0, 1
    while time.monotonic() < limit and (counted < counts or latest):
        time.sleep(_LOOK)
        asked += (new := api.log())
        latest = sum(_MOVING in request.target for request in new)
        counted += latest
    time.sleep(SETTLING)
    return asked


def measure(scale: Scale, peers: Peers) -> Report:  # noqa: ARG001 - theirs cannot be kept from changing
    """Scrape ours, the script's and a web server's page that never changes, one after the other."""
    series = scale.sizes[2]
    with ExitStack() as stack:
        api = stack.enter_context(subjects.responder())
        config = configs.exporter(api.api, *groups(series, "1s"))
        exporter = stack.enter_context(subjects.ours(config))
        script = stack.enter_context(subjects.baseline(config))
        for subject in (exporter, script):
            subject.until_counted(series)
        floor = stack.enter_context(subjects.static(exporter))
        floor.until_answers()
        readers = {
            name: stack.enter_context(Reader(subject.port))
            for name, subject in {"ours": exporter, "static": floor, "baseline": script}.items()
        }
        for reader in readers.values():
            reader.read()
        scrapes = {name: (reader, METRICS) for name, reader in readers.items()}
        scrapes["anew"] = readers["static"], ANEW
        turns = Turns()
        for _ in range(scale.times(_REPETITIONS)):
            api.log()
            until_changed(api, 2 * series // 100)
            for name, (reader, path) in scrapes.items():
                # Each finds the machine as ours does: after a pause, and not warmed up by the one before.
                time.sleep(SETTLING)
                turns.take(name, reader.seconds(path) * 1e3)
    what = f"scrape of {series:,} series, 1 % changed, gzip"
    return Report(
        (
            Figure(what, " ms", turns["ours"], "the script by hand", turns["baseline"], Target(0.1, "ratio")),
            Figure(what, " ms", turns["ours"], "a static page", turns["static"]),
            Figure(what, " ms", turns["ours"], "one compressed each time", turns["anew"]),
        )
    )

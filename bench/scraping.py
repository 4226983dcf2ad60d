"""Measures scrapes: how long one of many series takes, and the CPU of 50 a second."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Final

from bench import configs, subjects
from bench.configs import Group
from bench.figure import Figure, Report, Target, Turns
from bench.pages import Reader
from bench.processes import PATIENCE, Subject
from bench.scale import Scale
from bench.subjects import Request, Responder

_SCRAPES: Final = 24
_MOVING: Final = "moving"
_LOOK: Final = 0.05
_SETTLING: Final = 0.1

_WINDOWS: Final = 10
_WINDOW: Final = 1.0
_A_SECOND: Final = 50
_READERS: Final = 5


def groups(series: int, every: str) -> tuple[Group, ...]:
    """Return queries of which one, with a hundredth of the series, runs `every` so often."""
    return Group("still", series // 100, 100, "1d"), Group(_MOVING, 1, series // 100, every)


def until_changed(api: Responder, counts: int) -> list[Request]:
    """Wait until so many of the series that move were counted, and no more requests come.

    Returns all requests since the API's log was read last.
    """
    asked: list[Request] = []
    limit = time.monotonic() + PATIENCE
    counted, latest = 0, 1
    while time.monotonic() < limit and (counted < counts or latest):
        time.sleep(_LOOK)
        asked += (new := api.log())
        latest = sum(_MOVING in request.target for request in new)
        counted += latest
    time.sleep(_SETTLING)
    return asked


def measure(scale: Scale) -> Report:
    """Measure single scrapes, then many."""
    many = _many(scale)
    line = many.ours.median / 100 / _A_SECOND / scale.sizes[1] * 1e6
    return Report((_one(scale), many), costs={"line": line})


def _one(scale: Scale) -> Figure:
    """Scrape the exporter and the script in turns, with gzip, after each change."""
    series = scale.sizes[2]
    turns = Turns()
    with ExitStack() as stack:
        api = stack.enter_context(subjects.responder())
        pair = subjects.pair(stack, configs.write(api.url, *groups(series, "1s")))
        for subject in pair.values():
            subject.until_counted(series)
        readers = {name: stack.enter_context(Reader(subject.port)) for name, subject in pair.items()}
        for reader in readers.values():
            reader.read()
        for number in range(scale.times(_SCRAPES)):
            api.log()
            until_changed(api, 2 * series // 100)
            for name, reader in turns.order(readers.items(), number):
                time.sleep(_SETTLING)  # so that neither finds the caches warm from the other
                turns.take(name, reader.seconds() * 1e3)
    what = f"scrape of {series:,} series, 1 % changed, gzip"
    return turns.beside_script(what, " ms", Target(0.1, "ratio"))


def _many(scale: Scale) -> Figure:
    """Scrape the exporter and the script in turns, 50 times a second, while each query runs once a minute."""
    series = scale.sizes[1]
    turns = Turns()
    with ExitStack() as stack:
        api = stack.enter_context(subjects.responder())
        pair = subjects.pair(stack, configs.write(api.url, Group("load", series // 10, 10, "1m")))
        for subject in pair.values():
            subject.until_counted(series)
            subject.stop()
        for number in range(scale.times(_WINDOWS)):
            for name, subject in turns.order(pair.items(), number):
                turns.take(name, _share(subject, scale.window(_WINDOW)))
    what = f"{_A_SECOND} scrapes a second, {series:,} series"
    return turns.beside_script(what, " % of a core", Target(10.0, "ours"))


def _share(subject: Subject, seconds: float) -> float:
    """Return the percentage of a core that 50 scrapes a second take.

    A process too slow for 50 is scraped as often as it can be, and its CPU is multiplied.
    """
    with subject.running(), ExitStack() as stack:
        readers = [stack.enter_context(Reader(subject.port)) for _ in range(_READERS)]
        for reader in readers:
            reader.read()
        scrapes, began, cpu = 0, time.monotonic(), subject.cpu()
        while time.monotonic() < began + seconds:
            readers[scrapes % _READERS].read()
            scrapes += 1
            time.sleep(max(0.0, began + scrapes / _A_SECOND - time.monotonic()))
        return (subject.cpu() - cpu) / scrapes * _A_SECOND * 100

"""Measures a scrape of a very large page, and how it delays other scrapes and polls."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from operator import sub
from typing import Final

from bench.configs import Group
from bench.figure import Figure, Sample, Target, Turns
from bench.pages import Reader
from bench.polling import lateness
from bench.processes import Subject
from bench.scale import Scale
from bench.scraping import until_changed
from bench.subjects import Responder

PROBES: Final = Group("probe", 100, 1, "1s")
"""Queries that are due at different moments of each second: the next one due shows a delay."""

_REPETITIONS: Final = 8
_APART: Final = 0.001
"""Seconds by which one of two concurrent scrapes begins before the other."""

_AFTER: Final = 0.01
"""Seconds after a scrape in which it may still delay a poll."""

_REST: Final = 0.1
"""Seconds from then on until polls are compared that no scrape delays."""

_EARLIER: Final = 0.05
"""Seconds by which a probe may come earlier than ever before, after a skipped second."""

Span = tuple[float, float]


def figures(exporter: Subject, api: Responder, series: int, scale: Scale) -> tuple[Figure, ...]:
    """Scrape once, then twice at the same time, in turns; compare polls during scrapes and between them."""
    turns, spans, rests = Turns(), list[Span](), list[Span]()
    with ExitStack() as stack:
        one, other = (stack.enter_context(Reader(exporter.port)) for _ in range(2))
        pool = stack.enter_context(ThreadPoolExecutor(2))
        asked = api.log()
        for _ in range(scale.times(_REPETITIONS)):
            for name, scrape in {"one": one.seconds, "two": lambda: _both(pool, one, other)}.items():
                asked += until_changed(api, series // 100)
                turns.take(name, _timed(scrape, spans, rests) * 1e3)
        asked += api.log()
    probes = lateness(request for request in asked if PROBES.name in request.target)
    waits = Sample(tuple(map(sub, turns["two"].values, turns["one"].values)))
    what = f"scrape of {series:,} series, 1 % changed, gzip"
    return (
        Figure(what, " ms", turns["one"], Target(120.0, "ours")),
        Figure("another such scrape at once waits", " ms", waits, Target(50.0, "ours")),
        Figure(
            "polls at such a scrape are late by",
            " ms",
            _latest(probes, spans),
            Target(50.0, "ours"),
            "between scrapes",
            _latest(probes, rests),
            by_chance=True,
        ),
    )


def _timed(scrape: Callable[[], float], spans: list[Span], rests: list[Span]) -> float:
    """Scrape; add its span, and an equally long one after it, in which nothing is scraped."""
    began = time.monotonic()
    seconds = scrape()
    ended = time.monotonic() + _AFTER
    spans.append((began, ended))
    rests.append((ended + _REST, ended + _REST + ended - began))
    time.sleep(max(0.0, rests[-1][1] - time.monotonic()))
    return seconds


def _both(pool: ThreadPoolExecutor, one: Reader, other: Reader) -> float:
    """Scrape twice at the same time; return the seconds of the slower one."""
    first = pool.submit(one.seconds)
    time.sleep(_APART)
    second = pool.submit(other.seconds)
    return max(first.result(), second.result())


def _latest(probes: list[tuple[float, float]], spans: list[Span]) -> Sample:
    """Return the milliseconds by which the latest poll of those due in each span was late.

    A probe that was skipped, because it waited for other series of its bot, is not delayed by a scrape.
    """
    polls = [(came, late - math.floor(late + _EARLIER)) for came, late in probes]
    due_in = ([late * 1e3 for came, late in polls if began <= came - late <= ended] for began, ended in spans)
    return Sample(tuple(max(late) for late in due_in if late) or (math.nan,))

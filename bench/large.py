"""What a scrape of a very large page takes, and what it does to other scrapes and to polls meanwhile."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from operator import sub
from typing import Final

from bench import subjects
from bench.configs import Group
from bench.figure import Figure, Sample, Target, Turns
from bench.floor import ANEW
from bench.lag import lateness
from bench.pages import METRICS, Reader
from bench.processes import Subject
from bench.scale import Scale
from bench.scrape import SETTLING, until_changed
from bench.subjects import Responder

PROBES: Final = Group("probe", 100, 1, "1s")
"""Queries that are due one after the other, all the time: the next to be due shows a delay."""

_REPETITIONS: Final = 8
_APART: Final = 0.001
"""Seconds by which one of two scrapes at once begins before the other."""

_AFTER: Final = 0.01
"""Seconds after a scrape in which a poll may still be late because of it."""

_REST: Final = 0.1
"""Seconds from then on until polls are looked at that no scrape can delay."""

_EARLIER: Final = 0.05
"""Seconds by which a probe, after a second that was left out, may come earlier than it ever did before."""

Span = tuple[float, float]


def figures(exporter: Subject, api: Responder, series: int, scale: Scale) -> tuple[Figure, ...]:
    """Scrape alone, then twice at once, in turns; compare the polls of these moments with those between."""
    turns, spans, rests = Turns(), list[Span](), list[Span]()
    with ExitStack() as stack:
        floor = stack.enter_context(subjects.static(exporter))
        floor.until_answers()
        one, other, still = (
            stack.enter_context(Reader(port)) for port in (exporter.port, exporter.port, floor.port)
        )
        pool = stack.enter_context(ThreadPoolExecutor(2))
        asked = api.log()
        for _ in range(scale.times(_REPETITIONS)):
            asked += until_changed(api, series // 100)
            turns.take("alone", _noted(one.seconds, spans, rests) * 1e3)
            for name, path in {"static": METRICS, "anew": ANEW}.items():
                time.sleep(SETTLING)
                turns.take(name, still.seconds(path) * 1e3)
            asked += until_changed(api, series // 100)
            turns.take("other", _noted(lambda: _both(pool, one, other), spans, rests) * 1e3)
        asked += api.log()
    probes = lateness(request for request in asked if PROBES.name in request.target)
    delayed = _worst(probes, spans), _worst(probes, rests)
    what = f"scrape of {series:,} series, 1 % changed, gzip"
    return (
        Figure(what, " ms", turns["alone"], "a static page", turns["static"], Target(120.0, "ours")),
        Figure(what, " ms", turns["alone"], "one compressed each time", turns["anew"]),
        Figure(
            "another such scrape at once waits",
            " ms",
            Sample(tuple(map(sub, turns["other"].values, turns["alone"].values))),
            target=Target(50.0, "ours"),
        ),
        Figure(
            "polls at such a scrape are late by",
            " ms",
            delayed[0].scaled(1e3),
            "between scrapes",
            delayed[1].scaled(1e3),
            Target(50.0, "ours"),
            by_chance=True,
        ),
    )


def _noted(scrape: Callable[[], float], spans: list[Span], rests: list[Span]) -> float:
    """Scrape, and note the time that took, and as long a time of rest after it."""
    began = time.monotonic()
    seconds = scrape()
    ended = time.monotonic() + _AFTER
    spans.append((began, ended))
    rests.append((ended + _REST, ended + _REST + ended - began))
    time.sleep(max(0.0, rests[-1][1] - time.monotonic()))
    return seconds


def _both(pool: ThreadPoolExecutor, one: Reader, other: Reader) -> float:
    """Scrape twice at once; return the seconds of the slower one."""
    first = pool.submit(one.seconds)
    time.sleep(_APART)
    second = pool.submit(other.seconds)
    return max(first.result(), second.result())


def _worst(probes: list[tuple[float, float]], spans: list[Span]) -> Sample:
    """Return how late the latest poll was of those due in each span, against the second it was due in.

    A probe that was left out, since it had to wait behind the many of the same bot, is no delay by a scrape.
    """
    polls = [(came, late - math.floor(late + _EARLIER)) for came, late in probes]
    due_in = ([late for came, late in polls if began <= came - late <= ended] for began, ended in spans)
    return Sample(tuple(max(late) for late in due_in if late) or (math.nan,))

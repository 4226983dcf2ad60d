"""How much CPU one count takes, all included: schedule, request, parsing, store, metrics and a scrape."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Final
from urllib.parse import quote

from bench import configs, subjects
from bench.configs import BOT_ID, Group
from bench.figure import Figure, Report, Target, Turns
from bench.pages import Reader
from bench.processes import Subject
from bench.scale import Peers, Scale
from bench.subjects import Responder

_REPETITIONS: Final = 8
_EVERY: Final = 2
_VALUES: Final = 10
_ES_QUERIES: Final = 300
_PREDICATE: Final = '{"Data.query":"counts-0","Data.channel":"value-0"}'


def measure(scale: Scale, peers: Peers) -> Report:
    """Let one after the other count for a while, and divide its CPU by what the API answered to it."""
    series = scale.sizes[1]
    group = Group("counts", series // _VALUES, _VALUES, f"{_EVERY}s")
    turns = Turns()
    with ExitStack() as stack:
        api = stack.enter_context(subjects.responder())
        # One request at a time, as the script makes them: several that are answered at once cost more.
        config = configs.exporter(api.api, group, concurrency=1)
        others: dict[str, Subject] = {}
        if peers.es_exporter:
            es = subjects.es_exporter(peers.es_exporter, api, min(series, _ES_QUERIES), every=1)
            others["es"] = stack.enter_context(es)
        others |= {
            "shipped": stack.enter_context(subjects.ours(configs.exporter(api.api, group))),
            "baseline": stack.enter_context(subjects.baseline(config)),
            "ours": stack.enter_context(subjects.ours(config)),
        }
        url = f"{api.api}/bots/{BOT_ID}/conversations/_count?query={quote(_PREDICATE)}"
        loops = {name: stack.enter_context(subjects.loop(name, url)) for name in ("adapter", "client")}
        for name, subject in others.items():
            subject.until_counted(min(series, _ES_QUERIES) if name == "es" else series)
            subject.freeze()
        costs: dict[str, Callable[[], float]] = {
            **{name: partial(_cost, subject, api) for name, subject in others.items()},
            **{name: partial(loop.microseconds, int(scale.window(1000))) for name, loop in loops.items()},
        }
        for number in range(scale.times(_REPETITIONS)):
            for name, cost in turns.order(costs.items(), number):
                turns.take(name, cost())
    return Report(_figures(series, turns), costs={"count": turns["shipped"].median})


def _cost(subject: Subject, api: Responder) -> float:
    with subject.awake(), Reader(subject.port) as reader:
        api.log()
        began = subject.cpu()
        time.sleep(_EVERY)  # in less, the script may ask nothing
        reader.read()
        asked = len(api.log())
        return (subject.cpu() - began) / asked * 1e6


def _figures(series: int, turns: Turns) -> tuple[Figure, ...]:
    rows = (
        ("baseline", "the script by hand", Target(0.6, "ratio")),
        ("adapter", "HTTPAdapter.send alone", Target(1.6, "ratio")),
        ("client", "http.client alone", None),
        ("es", "prometheus-es-exporter", None),
    )
    what = f"CPU per count, {series:,} series, one at a time"
    return (
        *(
            Figure(what, " µs", turns["ours"], beside, turns[name], target)
            for name, beside, target in rows
            if name in turns
        ),
        Figure("the same, 8 at once (the default)", " µs", turns["shipped"], rows[0][1], turns["baseline"]),
    )

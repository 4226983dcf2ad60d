"""What it costs to be there: few queries, seldom asked, and nobody who scrapes."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Final

from bench import configs, subjects
from bench.configs import Group
from bench.figure import Figure, Report, Target, Turns
from bench.processes import Subject
from bench.scale import Peers, Scale

_REPETITIONS: Final = 4
_QUERIES: Final = 20
_EVERY: Final = 30

_REASONS_TO_WAKE: Final = 0.5
"""Wake-ups a second that have a reason: a look at the configuration's file every 5 s, by whoever has to."""


def measure(scale: Scale, peers: Peers) -> Report:  # noqa: ARG001 - what others need at rest is not at issue
    """Watch whole intervals after the first; all at once, as none of them is in the way of another."""
    turns = Turns()
    with ExitStack() as stack:
        api = stack.enter_context(subjects.responder())
        few = configs.exporter(api.api, Group("rest", _QUERIES, 1, f"{_EVERY}s"))
        none = configs.exporter(api.api, Group("rest", _QUERIES, 1, "1d"))
        watched = {
            "ours": stack.enter_context(subjects.ours(few)),
            "baseline": stack.enter_context(subjects.baseline(few)),
            "ours, nothing due": stack.enter_context(subjects.ours(none)),
            "baseline, nothing due": stack.enter_context(subjects.baseline(none)),
        }
        for subject in watched.values():
            subject.until_counted(_QUERIES)
        interval = _EVERY if scale.repetitions else 1.0
        time.sleep(interval)
        for _ in range(scale.times(_REPETITIONS)):
            _watch(watched, turns, interval)
    cpu = f"CPU at rest, {_QUERIES} queries every {_EVERY} s"
    return Report(
        (
            Figure(
                cpu,
                " % of a core",
                turns["ours"],
                "the script by hand",
                turns["baseline"],
                Target(0.2, "ours"),
            ),
            Figure(
                "wake-ups a second with nothing due",
                "",
                turns["ours, nothing due wakes"],
                "the script by hand",
                turns["baseline, nothing due wakes"],
                Target(_REASONS_TO_WAKE, "ours"),
            ),
        )
    )


def _watch(watched: dict[str, Subject], turns: Turns, seconds: float) -> None:
    before = {name: (subject.cpu(), subject.wakes()) for name, subject in watched.items()}
    time.sleep(seconds)
    for name, subject in watched.items():
        cpu, wakes = before[name]
        turns.take(name, (subject.cpu() - cpu) / seconds * 100)
        turns.take(f"{name} wakes", (subject.wakes() - wakes) / seconds)

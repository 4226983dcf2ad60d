"""Measures what it costs to run: few queries, long intervals, no scrapes."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Final

from bench import configs, subjects
from bench.configs import Group
from bench.figure import Report, Target, Turns
from bench.scale import Scale

_REPETITIONS: Final = 4
_QUERIES: Final = 20
_EVERY: Final = 30


def measure(scale: Scale) -> Report:
    """Watch the exporter and the script for whole intervals, all at once: they use next to nothing."""
    turns = Turns()
    interval = _EVERY if scale.is_result else 1.0
    with ExitStack() as stack:
        api = stack.enter_context(subjects.responder())
        groups = {"": Group("rest", _QUERIES, 1, f"{_EVERY}s"), " idle": Group("rest", _QUERIES, 1, "1d")}
        watched = {
            f"{name}{suffix}": subject
            for suffix, group in groups.items()
            for name, subject in subjects.pair(stack, configs.write(api.url, group)).items()
        }
        for subject in watched.values():
            subject.until_counted(_QUERIES)
        time.sleep(interval)
        for _ in range(scale.times(_REPETITIONS)):
            before = {name: (subject.cpu(), subject.wakes()) for name, subject in watched.items()}
            time.sleep(interval)
            for name, subject in watched.items():
                cpu_before, wakes_before = before[name]
                turns.take(name, (subject.cpu() - cpu_before) / interval * 100)
                turns.take(f"{name} wakes", (subject.wakes() - wakes_before) / interval)
    cpu, wakes = f"CPU at rest, {_QUERIES} queries every {_EVERY} s", "wake-ups a second with nothing due"
    return Report(
        (
            turns.beside_script(cpu, " % of a core", Target(0.2, "ours")),
            turns.beside_script(wakes, "", Target(0.5, "ours"), "idle wakes"),
        )
    )

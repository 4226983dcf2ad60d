"""Measures how soon after its start a scrape is answered and all values are there, and the memory then."""

from __future__ import annotations

from typing import Final

from bench import configs, subjects
from bench.configs import Group
from bench.figure import Figure, Report, Target, Turns
from bench.pages import Reader
from bench.scale import Scale

_REPETITIONS: Final = 12
_SCRAPES: Final = 10


def measure(scale: Scale) -> Report:
    """Start the exporter, the script and the four imports in turns, each anew every time."""
    series = scale.sizes[0]
    turns = Turns()
    with subjects.responder() as api:
        config = configs.write(api.url, Group("start", series // 10, 10, "30s"))
        starts = {"ours": subjects.ours, "script": subjects.script}
        for number in range(scale.times(_REPETITIONS)):
            for name, start in turns.order(starts.items(), number):
                with start(config) as subject:
                    turns.take(f"{name} answers", subject.until_answers())
                    turns.take(f"{name} values", subject.until_counted(series, pause=0.02))
                    with Reader(subject.port) as reader:
                        for _ in range(_SCRAPES):
                            reader.read()
                    turns.take(f"{name} memory", subject.resident() / 1e6)
            turns.take("imports memory", subjects.imports() / 1e6)
    ours = turns["ours memory"]
    what, first_values = f"RSS at {series:,} series", f"exec to all of {series:,} first values"
    return Report(
        (
            Figure(what, " MB", ours, Target(1.4, "ratio"), "the four imports", turns["imports memory"]),
            turns.beside_script("exec to first answered scrape", " s", Target(1.7, "ratio"), "answers"),
            # The exporter spreads its first runs over a second on purpose, so there is no ratio.
            Figure(first_values, " s", turns["ours values"], Target(2.0, "ours")),
        ),
        costs={"memory": ours.median},
    )

"""How much memory a daemon with 100 series holds once each has been counted and scraped."""

from __future__ import annotations

from bench.figure import Figure, Target, interleaved
from bench.processes import bare, configuration, daemon, resident, responder


def measure(repetitions: int) -> Figure:
    """Measure a daemon's resident memory beside that of an interpreter with the four packages."""
    with responder() as url:
        config = configuration(url, queries=10, values=10)

        def ours() -> float:
            with daemon(config) as running:
                running.until_ready()
                running.get("/metrics")
                return resident(running.pid)

        pair = interleaved(ours, _bare, repetitions)
    return Figure("RSS at 100 series", " MB", pair[0], "the four imports", pair[1], Target(60, "ours"))


def _bare() -> float:
    with bare() as pid:
        return resident(pid)

"""How long a daemon takes from its start to the first scrape it answers."""

from __future__ import annotations

import subprocess
import sys
import time

from bench.figure import Figure, Target, interleaved
from bench.processes import BARE, configuration, daemon, responder


def measure(repetitions: int) -> Figure:
    """Measure from exec to an answered scrape, beside exec to exit of the four imports."""
    with responder() as url:
        config = configuration(url, queries=10, values=10)

        def ours() -> float:
            began = time.perf_counter()
            with daemon(config) as running:
                running.get("/metrics")
                return time.perf_counter() - began

        pair = interleaved(ours, _bare, repetitions)
    return Figure("start to first scrape", " s", pair[0], "the four imports", pair[1], Target(1.5, "ours"))


def _bare() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", BARE], check=True)
    return time.perf_counter() - began

"""Makes `python -m bench` measure, print one table, and exit with 1 if a target is missed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bench import bots, breakeven, growth, machine, polling, rest, scraping, start
from bench.figure import HEAD, Report
from bench.scale import RESULT, TRIAL, Scale
from exporter import __version__
from exporter.cli.output import columns

MEASUREMENTS: Final = {
    "polling": polling.measure,
    "scraping": scraping.measure,
    "growth": growth.measure,
    "bots": bots.measure,
    "start": start.measure,
    "rest": rest.measure,
}

AT_REST: Final = "rest"
"""What is measured while others are: it uses next to nothing."""


def main() -> int:
    """Measure, print, and return the exit code."""
    flags = argparse.ArgumentParser(prog="python -m bench", description="Measure the exporter.")
    flags.add_argument("--quick", action="store_true", help="a short trial of everything, all at once")
    flags.add_argument("--only", action="append", choices=MEASUREMENTS, help="this part; repeatable")
    chosen = flags.parse_args()
    before, began = machine.look(), time.monotonic()
    reports = _measured(chosen.only or list(MEASUREMENTS), TRIAL if chosen.quick else RESULT)
    print(_text(reports))
    took = time.monotonic() - began
    print(f"Took {took / 60:.1f} minutes; {machine.look().told_since(before)}")
    return 0 if all(figure.met for report in reports for figure in report.figures) else 1


def _measured(parts: Sequence[str], scale: Scale) -> list[Report]:
    """Measure one thing after the other; a trial measures all at once."""
    threads = 1 if scale is RESULT else len(MEASUREMENTS)
    with ThreadPoolExecutor(threads) as pool, ThreadPoolExecutor(1) as beside:
        results = [
            (beside if name == AT_REST else pool).submit(measure, scale)
            for name, measure in MEASUREMENTS.items()
            if name in parts
        ]
        return [result.result() for result in results]


def _text(reports: Sequence[Report]) -> str:
    where = f"nativechat-exporter {__version__}, Python {platform.python_version()}, {os.cpu_count()} cores"
    parts = [
        f"{where}; medians, with the minimum and the maximum",
        columns(HEAD, [figure.row() for report in reports for figure in report.figures]),
        *(report.appendix for report in reports if report.appendix),
    ]
    costs = {name: cost for report in reports for name, cost in report.costs.items()}
    if costs.keys() >= {"count", "line", "memory"}:
        parts.append(breakeven.table(costs))
    return "\n\n".join((*parts, ""))


if __name__ == "__main__":
    sys.exit(main())

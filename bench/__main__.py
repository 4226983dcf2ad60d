"""Makes `python -m bench` measure everything and print one table; exits with 1 if a target is missed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bench import breakeven, growth, history, load, machine, peers, polling, rest, scrape, start
from bench.figure import HEAD, Report
from bench.scale import RESULT, TRIAL, Peers, Scale
from exporter import __version__
from exporter.cli.output import columns

MEASUREMENTS: Final = {
    "polling": polling.measure,
    "scrape": scrape.measure,
    "growth": growth.measure,
    "load": load.measure,
    "start": start.measure,
    "rest": rest.measure,
}

BESIDE: Final = "rest"
"""What is measured while others are: it does next to nothing, and is at rest on a busy machine too."""


def main() -> int:
    """Measure, print, judge."""
    flags = argparse.ArgumentParser(prog="python -m bench", description="Measure the exporter.")
    flags.add_argument("--quick", action="store_true", help="little of everything, and all at once: a trial")
    flags.add_argument(
        "--without-peers", action="store_true", help="do not install and measure other exporters"
    )
    flags.add_argument("--only", action="append", choices=MEASUREMENTS, help="this measurement; repeatable")
    chosen = flags.parse_args()
    alone = chosen.without_peers or chosen.only == ["polling"]
    others = Peers(missing="left out as asked") if alone else peers.install()
    scale = TRIAL if chosen.quick else RESULT
    machine_before, began = machine.look(), time.monotonic()
    with (
        ThreadPoolExecutor(len(MEASUREMENTS) if chosen.quick else 1) as pool,
        ThreadPoolExecutor(1) as beside,
    ):
        asked = [
            (beside if name == BESIDE else pool).submit(_measure, name, scale, others)
            for name in MEASUREMENTS
            if not chosen.only or name in chosen.only
        ]
        reports = [one.result() for one in asked]
    took = time.monotonic() - began
    print(_text(reports, others))
    if not chosen.quick and not chosen.only:
        print(history.compare([figure for report in reports for figure in report.figures]))
    print(f"Took {took / 60:.1f} minutes; {machine.look().told_since(machine_before)}")
    return 0 if all(figure.met for report in reports for figure in report.figures) else 1


def _measure(name: str, scale: Scale, others: Peers) -> Report:
    if sys.stderr.isatty():
        print(f"measuring {name} …", file=sys.stderr)
    return MEASUREMENTS[name](scale, others)


def _text(reports: Sequence[Report], others: Peers) -> str:
    where = f"nativechat-exporter {__version__}, Python {platform.python_version()}, {os.cpu_count()} cores"
    parts = [f"{where}; medians, with the least and the greatest"]
    if others.missing:
        parts.append(f"!!! NOT MEASURED: query-exporter and prometheus-es-exporter: {others.missing}")
    parts.append(columns(HEAD, [figure.row() for report in reports for figure in report.figures]))
    parts += [report.appendix for report in reports if report.appendix]
    costs = {name: cost for report in reports for name, cost in report.costs.items()}
    if costs.keys() >= {"count", "line", "memory"}:
        parts.append(breakeven.table(costs))
    return "\n\n".join((*parts, ""))


if __name__ == "__main__":
    sys.exit(main())

"""Makes `python -m bench` measure everything and print one table; exits with 1 if a target is missed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from typing import Final

from bench import counts, memory, scrape, start
from bench.figure import HEAD
from exporter import __version__
from exporter.cli.table import columns

MEASUREMENTS: Final = ((memory.measure, 5), (start.measure, 9), (scrape.measure, 15), (counts.measure, 15))
"""Each measurement, and how often it is repeated."""


def main() -> int:
    """Measure, print, judge."""
    flags = argparse.ArgumentParser(prog="python -m bench", description="Measure the exporter.")
    flags.add_argument("--quick", action="store_true", help="measure each only once: a trial, not a result")
    quick = flags.parse_args().quick
    figures = [measure(1 if quick else repetitions) for measure, repetitions in MEASUREMENTS]
    where = f"nativechat-exporter {__version__}, Python {platform.python_version()}, {os.cpu_count()} cores"
    table = columns(HEAD, [figure.row() for figure in figures])
    sys.stdout.write(f"{where}; medians, with the least and the greatest\n\n{table}\n")
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())

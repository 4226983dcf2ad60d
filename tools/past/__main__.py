"""Checks `backfill` and downloads at full size, line by line: `python -m tools.past`."""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.past.backfills import check_backfills, check_memory
from tools.past.downloads import check_downloads


def main() -> int:
    """Check everything; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    chosen = random.Random(options.seed)
    began, wrong = time.monotonic(), 0
    with TemporaryDirectory() as folder:
        home = Path(folder)
        for check in (
            check_memory(home),
            check_downloads(home, chosen),
            *(check_backfills(home, chosen, dates) for dates in ("iso", "extended-json")),
        ):
            for what, holds in check:
                wrong += not holds
                print(
                    f"{'ok   ' if holds else 'NOT  '} {what} ({time.monotonic() - began:.0f} s)", flush=True
                )
                began = time.monotonic()
            for file in home.glob("*.om"):
                file.unlink()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Draws the Grafana dashboard of a configuration: python -m tools.picture --config FILE --output FILE

Starts a simulated NativeChat, an exporter and a Prometheus, lets some minutes pass in which things happen,
and has Grafana's own components draw the dashboard's JSON (draw.mjs). Queries are asked every few seconds,
and the dashboard is that of the configuration so changed. Needs Node.js, Debian's `prometheus` and
`chromium`, and the packages of tools/picture; `make picture` sees to the last.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from tools.stage import Size, Stage, staged

ROOT = Path(__file__).parents[2]
SCRAPE_SECONDS = 1


def main() -> int:
    """Draw a dashboard; return 1 if a panel has no data or cannot be drawn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=ROOT / "config.yaml")
    parser.add_argument("--dashboard", type=Path, help="JSON to draw, instead of the configuration's")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/dashboard.png")
    parser.add_argument("--bots", type=int, default=3, help="how many bots there are, at least 3")
    parser.add_argument("--rows", type=int, default=0, help="draw only so many rows and their panels")
    parser.add_argument("--seconds", type=int, default=300, help="how long to watch, and the range drawn")
    options = parser.parse_args()
    config = yaml.safe_load(options.config.read_text("utf-8"))
    size = Size(bots=options.bots, growth=1.5, scrape_seconds=SCRAPE_SECONDS)
    with TemporaryDirectory() as home, staged(Path(home), config, size) as stage:
        dashboard = options.dashboard or stage.dashboard()
        watched(stage, options.seconds)
        command = ["node", Path(__file__).with_name("draw.mjs"), dashboard, stage.prometheus]
        command += [str(options.seconds), str(SCRAPE_SECONDS), str(options.rows), options.output]
        return subprocess.run(command, check=False).returncode


def watched(stage: Stage, seconds: float) -> None:
    """Let one bot have errors, another be down for a while, a third lose history; then reload."""
    support, sales, third, *_ = stage.bots
    story: tuple[tuple[float, Callable[[], None]], ...] = (
        (0.25, lambda: stage.control("POST", "burst", bot=support, number=30, fields={"Errors": 2})),
        (0.5, lambda: stage.control("PUT", "faults", bot=sales, kind="status", status=503)),
        (0.6, lambda: stage.control("DELETE", f"faults?bot={sales}")),
        (0.75, lambda: stage.control("POST", "forget", bot=third, oldest=80)),
        (0.9, stage.reload),
        (1.0, lambda: None),
    )
    began = time.monotonic()
    for share, happens in story:
        time.sleep(max(0.0, began + share * seconds - time.monotonic()))
        happens()


if __name__ == "__main__":
    sys.exit(main())

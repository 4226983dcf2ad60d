"""The daemon that is soaked: in a process of its own, with a wall clock that can be set."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from exporter.clock import SystemClock
from exporter.daemon.daemon import Daemon
from exporter.daemon.service import serve
from exporter.logs import set_up

TOKEN = "soak-token-that-must-never-be-seen"


class SteppedClock(SystemClock):
    """The machine's clocks, the wall clock off by so many seconds."""

    def __init__(self, offset: Any) -> None:
        super().__init__()
        self._offset = offset

    def wall(self) -> float:
        return super().wall() + float(self._offset.value)


def run_daemon(config: Path, log: Path, offset: Any) -> None:
    """Run a daemon as `run` does, logging to a file."""
    with log.open("w") as stream:
        os.dup2(stream.fileno(), sys.stderr.fileno())
    set_up("info", "logfmt")
    daemon = Daemon(config, {"T": TOKEN}, SteppedClock(offset), watch_interval=3600.0)
    serve(daemon, ["127.0.0.1:0"], enable_lifecycle=True)

"""Runs a command of the exporter in a process of its own, interrupts it, and measures its memory."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from signal import Signals

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


class Child:
    """A command that has ended: its exit code, its log, and its peak memory in MiB."""

    def __init__(
        self,
        home: Path,
        *words: str,
        interrupt: Signals = Signals.SIGINT,
        when: Callable[[], bool] = lambda: False,
    ) -> None:
        """Run it in `home`, and interrupt it with a signal once `when` is true."""
        log = home / "log"
        self.peak = 0.0
        with log.open("wb") as stderr:
            process = subprocess.Popen([sys.executable, "-m", "exporter", *words], cwd=home, stderr=stderr)
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            if found := _PEAK.search(status.read_text("ascii")):  # a process that has ended has none
                self.peak = int(found[1]) / 1024
            if when():
                process.send_signal(interrupt)
                process.wait()
            time.sleep(0.002)
        self.code = process.returncode
        self.log = log.read_text("utf-8")

"""Measures how long this machine stood still, which no exporter can help."""

from __future__ import annotations

import threading
import time
from typing import Final, Self

_LOOK: Final = 0.05


class Stopwatch:
    """Measures, from a thread of its own, the longest time for which this process could do nothing."""

    def __init__(self) -> None:
        self.longest_halt = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="stopwatch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        before = time.monotonic()
        while not self._over.wait(_LOOK):
            now = time.monotonic()
            self.longest_halt = max(self.longest_halt, now - before - _LOOK)
            before = now

"""Runs what neither polls nor serves, one after the other on one thread: reloads, and periodic tasks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

from exporter.clock import Clock

log = logging.getLogger(__name__)

LONGEST_END: Final = 0.1
"""Seconds that a stop waits for the thread: Python may abort if it wakes up while the interpreter ends."""


class Housekeeping:
    """Call functions on a thread of its own: a slow one, such as one that reads a file, delays no poll.

    An internal error is logged, `on_defect` is called, and the thread goes on.
    """

    def __init__(self, clock: Clock, on_defect: Callable[[], None], name: str = "housekeeping") -> None:
        self._clock = clock
        self._on_defect = on_defect
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._tasks: list[tuple[float, float, Callable[[], None]]] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def every(self, seconds: float, function: Callable[[], None]) -> None:
        """Call `function` every so many seconds from now on; before `start`."""
        self._tasks.append((self._clock.steady() + seconds, seconds, function))

    def call(self, function: Callable[[], None]) -> None:
        """Call `function` once, soon; from any thread."""
        self._calls.put(function)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Call nothing further; return once the thread has ended, unless it is busy."""
        self._stopping = True
        self._calls.put(lambda: None)  # ends the wait for a call
        if self._thread.ident:
            self._thread.join(LONGEST_END)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def run_due(self) -> None:
        """Call what is due now, without the thread."""
        while not self._calls.empty():
            self._run(self._calls.get())
        for index, (due, seconds, function) in enumerate(self._tasks):
            if due <= (now := self._clock.steady()):
                self._tasks[index] = (now + seconds, seconds, function)
                self._run(function)

    def _work(self) -> None:
        while not self._stopping:
            self.run_due()
            due = min((due for due, _, _ in self._tasks), default=None)
            with suppress(Empty):
                self._run(self._calls.get(timeout=due and max(0.0, due - self._clock.steady())))

    def _run(self, function: Callable[[], None]) -> None:
        if self._stopping:
            return
        try:
            function()
        except Exception:
            log.exception("internal error in housekeeping; please report it")
            self._on_defect()

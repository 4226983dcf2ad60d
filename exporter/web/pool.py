"""Does blocking work beside the event loop, on a bounded number of threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

THREADS: Final = 4
"""Threads for pages, passwords and reloads: enough for a few Prometheus replicas and a person at once."""

MOST_WAITING: Final = 64
"""Jobs that may wait for a thread."""


class Busy(Exception):
    """Too much work waits already."""


class Pool:
    """Daemon threads, started as they are needed: nobody waits at the end for a job that hangs.

    Belongs to one event loop.
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(THREADS)
        self._jobs: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]]] = SimpleQueue()
        self._waiting = self._unfinished = self._threads = 0
        self.has_no_thread = False
        """Whether the system refuses the first thread."""

    async def run(self, work: Callable[[], _T], is_wanted: Callable[[], bool] = lambda: True) -> _T:
        """Return or raise what `work` does, or raise Busy; cancelled if nobody wants it at its turn."""
        if self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        if not is_wanted():
            self._free.release()
            raise asyncio.CancelledError
        if self._unfinished == self._threads:
            self._add_thread()
        outcome: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._unfinished += 1
        self._jobs.put((work, outcome))
        return await outcome

    def _add_thread(self) -> None:
        try:
            threading.Thread(target=self._work, name=f"web-{self._threads + 1}", daemon=True).start()
            self._threads += 1
        except RuntimeError:  # the system refuses it; one is enough
            self.has_no_thread = not self._threads
            if self.has_no_thread:
                self._free.release()
                raise
        else:
            self.has_no_thread = False

    def _work(self) -> None:
        while True:
            work, outcome = self._jobs.get()
            result, error = None, None
            try:
                result = work()
            except BaseException as exc:  # noqa: BLE001 - whoever waits gets it, whatever it is
                error = exc
            with suppress(RuntimeError):  # the loop has ended meanwhile
                outcome.get_loop().call_soon_threadsafe(self._settle, outcome, result, error)
            # Nothing of a page is held until the next one.
            del work, outcome, result, error

    def _settle(self, outcome: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
        self._unfinished -= 1
        self._free.release()
        if not outcome.done():
            outcome.set_result(result) if error is None else outcome.set_exception(error)

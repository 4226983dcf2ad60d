"""Runs blocking work beside the event loop, on a bounded number of threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

THREADS: Final = 4
"""Threads for pages and reloads: enough for a few Prometheus replicas and a person at once."""

MOST_WAITING: Final = 1_000
"""Jobs that may wait for a thread, those of clients that have hung up included."""


class Busy(Exception):
    """Too many jobs wait already."""


class Pool:
    """Run jobs on at most `threads` threads. The first starts at once, the others as needed.

    They are daemon threads, so a job that hangs does not delay the end of the process. Belongs to one event
    loop. Raises RuntimeError if the system refuses the first thread.
    """

    def __init__(self, name: str = "web", threads: int = THREADS) -> None:
        self._name, self._most = name, threads
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any], Callable[[], bool]]] = SimpleQueue()
        self._idle = threading.Semaphore(1)
        self._threads = 0
        self._add_thread()

    async def run(self, work: Callable[[], _T], is_wanted: Callable[[], bool] = lambda: True) -> _T:
        """Return or raise what `work` does, or raise Busy.

        Work that is cancelled, or that is not wanted when a thread is free, never begins.
        """
        if self._jobs.qsize() >= MOST_WAITING:
            raise Busy
        if not self._idle.acquire(blocking=False) and self._threads < self._most:
            with suppress(RuntimeError):  # the system refuses it; one thread is enough
                self._add_thread()
        job = Future[_T]()
        self._jobs.put((job, work, is_wanted))
        return await asyncio.wrap_future(job)

    def _add_thread(self) -> None:
        threading.Thread(target=self._work, name=f"{self._name}-{self._threads + 1}", daemon=True).start()
        self._threads += 1

    def _work(self) -> None:
        while True:
            job, work, is_wanted = self._jobs.get()
            if not is_wanted():
                job.cancel()
            settle: Callable[[], None] | None = None
            if job.set_running_or_notify_cancel():
                try:
                    settle = partial(job.set_result, work())
                except BaseException as error:  # noqa: BLE001 - the caller gets it, whatever it is
                    settle = partial(job.set_exception, error)
            # Idle before the caller has its result: its next job then needs no other thread.
            self._idle.release()
            if settle:
                settle()
            # Keep no page until the next job.
            del job, work, is_wanted, settle

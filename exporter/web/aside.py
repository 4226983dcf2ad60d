"""Does blocking work beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

_T = TypeVar("_T")
_Job = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class Aside:
    """At most `limit` daemon threads, made as they are needed.

    What they still do when the loop has ended nobody waits for: work that hangs holds no process.
    """

    def __init__(self, limit: int, name: str) -> None:
        self._limit = limit
        self._name = name
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._threads = 0
        self._unfinished = 0

    async def run(self, work: Callable[[], _T]) -> _T:
        """Return or raise what `work` does, once it is its turn."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[_T] = loop.create_future()
        self._unfinished += 1
        outcome.add_done_callback(self._finished)
        if self._threads < min(self._unfinished, self._limit):
            self._add_thread()
        self._jobs.put((work, loop, outcome))
        return await outcome

    def _finished(self, _outcome: asyncio.Future[Any]) -> None:
        self._unfinished -= 1

    def _add_thread(self) -> None:
        try:
            threading.Thread(target=self._work, name=f"{self._name}-{self._threads + 1}", daemon=True).start()
            self._threads += 1
        except RuntimeError:
            # A container may not make as many as it likes; one is enough.
            if not self._threads:
                raise

    def _work(self) -> None:
        while True:
            work, loop, outcome = self._jobs.get()
            result, error = None, None
            try:
                result = work()
            except BaseException as exc:  # noqa: BLE001 - whoever waits gets it, whatever it is
                error = exc
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_settle, outcome, result, error)
            # Nothing of a page is held until the next one.
            del work, loop, outcome, result, error


def _settle(outcome: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if outcome.done():
        return
    if error is None:
        outcome.set_result(result)
    else:
        outcome.set_exception(error)

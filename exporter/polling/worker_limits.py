"""Divides the workers among the bots, so that a slow or silent bot cannot take them all."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from exporter.polling.queue import BotQueue
from exporter.polling.request import Request
from exporter.polling.workers import Workers


class WorkerLimits:
    """Decide which queue gets a worker, and remember which ones wait. Not locked: hold the poller's lock.

    Bots that do not answer get at most half of the workers, however many such bots there are. Once half
    of the remaining workers are busy, each other bot gets one worker at a time.
    """

    def __init__(self, workers: Workers) -> None:
        self.busy = 0
        self._probing = 0
        self._workers = workers
        self._waiting: dict[bool, OrderedDict[BotQueue, None]] = {True: OrderedDict(), False: OrderedDict()}

    @property
    def scarce(self) -> bool:
        """Whether each bot gets only one worker at a time."""
        return (self.busy - self._probing) * 2 >= self._workers.limit - self._probing

    def has_worker(self, *, answering: bool) -> bool:
        """Return whether there is a worker for a bot that answers, or for one that does not."""
        limit = self._workers.limit
        return self.busy < limit and (answering or self._probing * 2 + 2 <= max(2, limit))

    def run(self, request: Request, job: Callable[[], None]) -> None:
        """Run a request's job on a worker, and count that worker as busy."""
        self.busy += 1
        self._probing += request.is_probe
        self._workers.submit(job)

    def release(self, request: Request) -> None:
        """Count the request's worker as free again."""
        self.busy -= 1
        self._probing -= request.is_probe

    def wait(self, queue: BotQueue) -> None:
        """Remember a queue that has a request to start but no worker."""
        self._waiting[queue.answering][queue] = None

    def next_waiting(self) -> BotQueue | None:
        """Remove and return the queue that has waited longest, of those that can have a worker now."""
        for answering, queues in self._waiting.items():
            if queues and self.has_worker(answering=answering):
                return queues.popitem(last=False)[0]
        return None

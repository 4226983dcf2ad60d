"""Shares the workers out among the bots, so that none that is slow or silent leaves the others without."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from exporter.polling.lane import Lane
from exporter.polling.questions import Question
from exporter.polling.workers import Workers


class Shares:
    """Who may have a worker, and who waits for one. Not locked: the poller's lock is held.

    Bots that do not answer get at most half of the workers, whatever their number. The others are kept
    to one worker each once half of what is left over is at work.
    """

    def __init__(self, workers: Workers) -> None:
        self.busy = 0
        self._probing = 0
        self._workers = workers
        self._waiting: dict[bool, OrderedDict[Lane, None]] = {True: OrderedDict(), False: OrderedDict()}

    @property
    def crowded(self) -> bool:
        """Whether workers are scarce."""
        return (self.busy - self._probing) * 2 >= self._workers.limit - self._probing

    def has_room(self, *, answering: bool) -> bool:
        """Tell whether there is a worker for a bot that answers, or for one that does not."""
        limit = self._workers.limit
        return self.busy < limit and (answering or self._probing * 2 + 2 <= max(2, limit))

    def take(self, question: Question, job: Callable[[], None]) -> None:
        """Have a worker do a question's job."""
        self.busy += 1
        self._probing += question.is_probe
        self._workers.run(job)

    def give_back(self, question: Question) -> None:
        """Take the question's worker back."""
        self.busy -= 1
        self._probing -= question.is_probe

    def wait(self, lane: Lane) -> None:
        """Remember that a lane would start a question if it had a worker."""
        self._waiting[lane.answering][lane] = None

    def next_waiting(self) -> Lane | None:
        """Return the lane that waits longest of those there is room for; it waits no more."""
        for answering, lanes in self._waiting.items():
            if lanes and self.has_room(answering=answering):
                return lanes.popitem(last=False)[0]
        return None

"""Holds one bot's questions back until its rate, its concurrency and its pauses let them go."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Protocol

from exporter.clock import Clock
from exporter.errors import ApiError, TimedOut, Unauthorized
from exporter.model import Bot, Collection, DateFormat
from exporter.pace import Pace, asked_pause, rest_after, retry_wait
from exporter.polling.questions import Batch, Question


class Asker(Protocol):
    """What a lane needs of a client: each `count` is one attempt, bounded by `budget` seconds."""

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int: ...

    def has_new_token(self) -> bool:
        """Tell whether the token is another than the one that was last refused; from any thread."""

    def prune(self) -> None:
        """Close connections that are too old to be used again; waits for nothing."""

    def renew(self) -> None:
        """Use no connection again that is open now."""

    def close(self) -> None: ...


class Lane:
    """One bot's queue. Not locked: the poller's lock is held around every call but the attempt itself.

    A bot that does not answer (none has yet, at the start) is asked by one request at a time, so
    that it holds one worker and not all of them. One whose token is refused is left alone for a while,
    longer each time, then tried with one request; its questions get that refusal for an answer.
    `before` is the lane of the bot under other settings: where they name the same bot of the same
    API, they free it neither of its pace nor of a pause.
    """

    def __init__(
        self,
        bot: Bot,
        make_asker: Callable[[], Asker],
        jitter: Callable[[], float],
        before: Lane | None = None,
    ) -> None:
        self.bot = bot
        self.in_flight = 0
        self.answering = False
        self.wakes_at = float("inf")
        self.proven: dict[tuple[Collection, tuple[str, ...]], DateFormat] = {}
        self._pace = Pace(bot.api.rate)
        if before and (before.bot.id, before.bot.api.url) == (bot.id, bot.api.url):
            self._pace = before._pace  # noqa: SLF001 - a lane's own kind
            self._pace.change_rate(bot.api.rate)
        self._refusal: Unauthorized | None = None
        self._refusals = 0
        self._rests_until = float("-inf")
        self._make_asker = make_asker
        self._jitter = jitter
        self._ready: deque[Batch] = deque()
        self._again: list[tuple[float, int, Question]] = []
        self._ties = itertools.count()

    @cached_property
    def asker(self) -> Asker:
        """The bot's client; made at the first run, as a start does not wait for what only requests need."""
        return self._make_asker()

    def close(self) -> None:
        """Close the client, if there is one."""
        if "asker" in vars(self):
            self.asker.close()

    def prune(self) -> None:
        """Close the client's connections that are too old to be used again."""
        if "asker" in vars(self):
            self.asker.prune()

    def renew(self) -> None:
        """Forget what a reload may have changed: proofs of date formats, orphans, addresses, certificates."""
        if "asker" in vars(self):
            self.asker.renew()
        self.proven.clear()
        self.drop_orphans()

    def drop_orphans(self) -> None:
        """Drop the questions that nobody waits for any more."""
        self._ready = deque(batch for batch in self._ready if not batch.owner.over)
        self._again = [entry for entry in self._again if not entry[2].owner.over]
        heapq.heapify(self._again)

    def add(self, batch: Batch) -> None:
        """Queue questions, one at least, for their first attempts."""
        self._ready.append(batch)

    def refusal(self, now: float) -> Unauthorized | None:
        """Return why the bot is left alone at this time, if it is."""
        return self._refusal if now < self._rests_until else None

    def forgive(self) -> None:
        """Ask the bot again as if its token had never been refused."""
        self._refusal, self._refusals, self._rests_until = None, 0, float("-inf")

    def limit(self, *, crowded: bool) -> int:
        """Return how many requests may be in flight; `crowded` when workers are scarce."""
        trusted = self.answering and self._refusals == 0
        return self.bot.api.concurrency if trusted and not crowded else 1

    def next_at(self, now: float) -> float:
        """Return when a question could start at the earliest, infinity if none is waiting."""
        if self._ready:
            return self._pace.next_at(now)
        if self._again:
            return self._pace.next_at(max(now, self._again[0][0]))
        return float("inf")

    def take(self, now: float) -> Question:
        """Start the next attempt: a further attempt that is due before a first one."""
        if self._again and self._again[0][0] <= now:
            question = heapq.heappop(self._again)[2]
        else:
            question = self._take_ready()
            question.deadline = now + self.bot.api.timeout
        question.attempts += 1
        question.is_probe = not self.answering
        self._pace.take(now)
        self.in_flight += 1
        return question

    def attempt(self, question: Question, clock: Clock) -> int:
        """Make an attempt of a question that was taken, and return its count; without the lock.

        Raises ApiError: that of the attempt before, where this one comes too late to be made. A count
        that is read after its deadline, because this machine slept, is as old as that sleep: nobody can
        say that it is fresh.
        """
        budget = question.deadline - clock.steady()
        if budget <= 0.0 and question.error is not None:
            raise question.error
        count = self.asker.count(question.collection, question.predicate(), budget)
        if clock.steady() > question.deadline:
            raise TimedOut("the answer was read too late: this process or its machine was asleep")
        return count

    def settle(self, question: Question, error: ApiError | None, now: float) -> bool:
        """Take the outcome of an attempt; return whether the question is at its end."""
        self.in_flight -= 1
        self.answering = error is None or error.status is not None
        question.error = error
        if isinstance(error, Unauthorized):
            return self._settle_refusal(question, error, now)
        if self.answering:
            self.forgive()
        if error is None:
            return True
        if error.retry_after is not None:
            self._pace.pause(now + asked_pause(error))
        wait = retry_wait(error, question.attempts, self._jitter())
        if wait is None or question.owner.over or question.attempts > self.bot.api.retries:
            return True
        if self._pace.next_at(now + wait) >= question.deadline:
            return True
        heapq.heappush(self._again, (now + wait, next(self._ties), question))
        return False

    def take_ended(self, now: float) -> Iterator[Question]:
        """Take out, one by one, questions that end without an attempt: too late, or the bot is left alone.

        What is queued meanwhile is seen as well.
        """
        overdue = [entry[2] for entry in self._again if entry[2].deadline <= now]
        if overdue:
            self._again = [entry for entry in self._again if entry[2].deadline > now]
            heapq.heapify(self._again)
        yield from overdue
        while self._ready and (refusal := self.refusal(now)):
            question = self._take_ready()
            question.error = refusal
            yield question

    def first_deadline(self) -> float:
        """Return when the first question that waits for a further attempt is overdue."""
        return min((entry[2].deadline for entry in self._again), default=float("inf"))

    def _take_ready(self) -> Question:
        batch = self._ready[0]
        question = batch.take()
        if not batch.left:
            self._ready.popleft()
        return question

    def _settle_refusal(self, question: Question, error: Unauthorized, now: float) -> bool:
        if error.token_is_new and not question.renewed:
            question.renewed = True
            heapq.heappush(self._again, (now, next(self._ties), question))
            return False
        if self.refusal(now) is None:  # those in flight beside it are one refusal together
            self._refusals += 1
            self._rests_until = now + rest_after(self._refusals)
        self._refusal = error
        return True

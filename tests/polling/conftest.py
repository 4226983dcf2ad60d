"""A clock that a test moves, and the real dispatcher running on that clock."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import time as time_of_day
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter.errors import ApiError, TimedOut
from exporter.language import predicate
from exporter.model import Api, Bot, Collection, Config, Plan, Poll, Query, TokenSource, Unknown, Variant
from exporter.plan import keep_same, make_plan
from exporter.polling.dispatcher import Attempt, Dispatcher
from tests.clock import FakeClock

Key = tuple[str, str]


def bot(name: str = "support", *, labels: tuple[tuple[str, str], ...] = (), **api: Any) -> Bot:
    return Bot(name, "5bfd1c9d8f2a4e0012345678", TokenSource(env="TOKEN"), labels, Api(**api))


def query(
    name: str = "all",
    *predicates: Any,
    every: float = 60.0,
    at: time_of_day | None = None,
    bots: tuple[str, ...] = ("support",),
    collection: Collection = "conversations",
) -> Query:
    variants = tuple(Variant((), predicate.compile(raw)) for raw in predicates or (None,))
    return Query(name, "Help.", collection, every, 5 * every, bots, at=at, variants=variants)


def plan(
    bots: Sequence[Bot],
    queries: Sequence[Query],
    *,
    workers: int = 64,
    zone: str = "UTC",
    before: Plan | None = None,
) -> Plan:
    """Make a plan; polls that are equal in `before` are the same objects."""
    made = make_plan(Config(tuple(bots), tuple(queries), zone=ZoneInfo(zone), workers=workers))
    return made if before is None else keep_same(made, before)


@dataclass
class Recorder:
    """A recorder that keeps every call for the test."""

    runs: Counter[Key] = field(default_factory=Counter)
    skips: Counter[Key] = field(default_factory=Counter)
    counts: defaultdict[Key, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    failures: defaultdict[Key, list[tuple[tuple[int, ...], ApiError]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    ends: defaultdict[Key, list[tuple[float, ApiError | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    requests: Counter[str] = field(default_factory=Counter)
    unknown_fields: defaultdict[Key, list[dict[str, str]]] = field(default_factory=lambda: defaultdict(list))
    unknown_values: defaultdict[Key, list[set[tuple[str, str]]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def started(self, poll: Poll) -> None:
        self.runs[poll.key] += 1

    def skipped(self, poll: Poll) -> None:
        self.skips[poll.key] += 1

    def last_count(self, poll: Poll, row: int) -> int | None:
        return next((count for at, count in reversed(self.counts[poll.key]) if at == row), None)

    def counted(self, poll: Poll, row: int, count: int) -> None:
        self.counts[poll.key].append((row, count))

    def failed(self, poll: Poll, rows: Sequence[int], error: ApiError) -> None:
        self.failures[poll.key].append((tuple(rows), error))

    def finished(self, poll: Poll, duration: float, error: ApiError | None) -> None:
        self.ends[poll.key].append((duration, error))

    def asked(self, poll: Poll, error: ApiError | None, began: float) -> None:
        self.requests[poll.bot.name] += 1

    def unknown(self, poll: Poll, unknown: Unknown) -> None:
        self.unknown_fields[poll.key].append(dict(unknown.fields))
        self.unknown_values[poll.key].append(set(unknown.values))

    def reasons(self, key: Key) -> list[str]:
        return [error.reason for _, error in self.failures[key]]


@dataclass
class Call:
    """One attempt, from the moment it is made."""

    bot: Bot
    asked: str
    budget: float
    began: float


Outcome = tuple[float, "int | Exception"]
"""Seconds that an attempt takes, and its result."""

Behave = Callable[[Call], Outcome]


def hang(call: Call) -> Outcome:
    return call.budget, TimedOut("no answer")


class FakeClient:
    """The client of one bot: each attempt takes the time, and has the result, that `behave` returns."""

    def __init__(self, bot: Bot, world: World) -> None:
        self.bot = bot
        self.closed = False
        self.prunings = 0
        self.renewals = 0
        self.new_token = False
        self._world = world

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        return self._world.answer(self.bot, f"{collection} {predicate_text}", budget)

    def misread_dates(
        self, collection: Collection, field: str, dates: str, descends: bool, budget: float
    ) -> int:
        asked = f"{collection} shown {field} {dates} {'highest' if descends else 'lowest'}"
        self._world.answer(self.bot, asked, budget)
        return self._world.misread

    def prune(self) -> None:
        self.prunings += 1

    def renew(self) -> None:
        self.renewals += 1

    def has_new_token(self) -> bool:
        return self.new_token

    def close(self) -> None:
        self.closed = True


class World:
    """The real dispatcher in the time of a fake clock; as many attempts at once as it starts."""

    def __init__(self, behave: Behave) -> None:
        self.behave = behave
        self.misread = 0  # dates that each look at documents finds
        self.clock = FakeClock()
        self.recorder = Recorder()
        self.clients: list[FakeClient] = []
        self.defects = 0
        self.lags: list[float] = []
        self.calls: list[Call] = []
        self.most: Counter[str] = Counter()
        self._open: list[tuple[float, int, Attempt, int | None, ApiError | None]] = []
        self._ties = itertools.count()
        self._seconds = 0.0
        self.dispatcher = Dispatcher(
            self.clock,
            recorder=self.recorder,
            make_client=self._make_client,
            on_defect=self._defect,
            on_lag=self.lags.append,
            chance=random.Random(1).random,
        )

    def apply(self, plan: Plan) -> None:
        for client in self.dispatcher.apply(plan):
            client.close()

    def open(self, bot: str | None = None) -> int:
        """Count the attempts that are being made."""
        return sum(bot in (None, attempt.queue.bot.name) for _, _, attempt, _, _ in self._open)

    def starts(self, bot: str) -> list[float]:
        return [call.began for call in self.calls if call.bot.name == bot]

    def run(self, seconds: float) -> None:
        """Let so many seconds pass."""
        end = self.clock.steady() + seconds
        while True:
            while attempt := self.dispatcher.take():
                self._begin(attempt)
            due = min(self.dispatcher.next_times()[0], self._open[0][0] if self._open else math.inf)
            if due > end:
                break
            self.clock.move_to(due)
            while self._open and self._open[0][0] <= self.clock.steady():
                self.end_next()
        self.clock.move_to(end)

    def end_next(self) -> None:
        """Let the attempt end that ends first."""
        ends, _, attempt, count, error = heapq.heappop(self._open)
        self.clock.move_to(ends)
        self.dispatcher.settle(attempt, count, error)

    def answer(self, bot: Bot, asked: str, budget: float) -> int:
        call = Call(bot, asked, budget, self.clock.steady())
        self.calls.append(call)
        self._seconds, result = self.behave(call)
        if isinstance(result, Exception):
            raise result
        return result

    def _begin(self, attempt: Attempt) -> None:
        self._seconds = 0.0
        count, error = self.dispatcher.make(attempt)
        ends = self.clock.steady() + self._seconds
        heapq.heappush(self._open, (ends, next(self._ties), attempt, count, error))
        bot = attempt.queue.bot.name
        self.most[bot] = max(self.most[bot], self.open(bot))
        self.most[""] = max(self.most[""], self.open())

    def _make_client(self, bot: Bot) -> FakeClient:
        self.clients.append(FakeClient(bot, self))
        return self.clients[-1]

    def _defect(self) -> None:
        self.defects += 1


class Kit:
    """What the tests build with; of session scope, so that property tests may use it."""

    Clock = FakeClock
    Recorder = Recorder
    bot = staticmethod(bot)
    query = staticmethod(query)
    plan = staticmethod(plan)
    hang = staticmethod(hang)


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit()


@pytest.fixture(scope="session")
def make_world() -> Callable[[Behave], World]:
    """Return what makes a world with a given behaviour; of session scope, as property tests use it."""
    return World

"""A clock that a test moves, and the real poller with its threads running on that clock."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import time as time_of_day
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter.errors import ApiError, TimedOut
from exporter.language import predicate
from exporter.model import Api, Bot, Collection, Config, Plan, Poll, Query, TokenSource, Variant
from exporter.plan import keep_same, make_plan
from exporter.polling.poller import Poller
from tests.clock import FakeClock

PATIENCE = 20.0
"""Real seconds after which a test that waits for a thread has failed."""

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

    def started(self, poll: Poll) -> None:
        self.runs[poll.key] += 1

    def skipped(self, poll: Poll) -> None:
        self.skips[poll.key] += 1

    def counted(self, poll: Poll, row: int, count: int) -> None:
        self.counts[poll.key].append((row, count))

    def failed(self, poll: Poll, rows: Sequence[int], error: ApiError) -> None:
        self.failures[poll.key].append((tuple(rows), error))

    def finished(self, poll: Poll, duration: float, error: ApiError | None) -> None:
        self.ends[poll.key].append((duration, error))

    def asked(self, poll: Poll, error: ApiError | None) -> None:
        self.requests[poll.bot.name] += 1

    def reasons(self, key: Key) -> list[str]:
        return [error.reason for _, error in self.failures[key]]


@dataclass
class Call:
    """One attempt, from the moment a worker makes it; `ends` is the steady time it ends at."""

    bot: Bot
    asked: str
    budget: float
    began: float
    ends: float = 0.0
    release: threading.Event = field(default_factory=threading.Event)


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
        return self._world.attempt(self.bot, f"{collection} {predicate_text}", budget)

    def prune(self) -> None:
        self.prunings += 1

    def renew(self) -> None:
        self.renewals += 1

    def has_new_token(self) -> bool:
        return self.new_token

    def close(self) -> None:
        self.closed = True


class World:
    """The real poller with its real workers, in the time of a fake clock.

    The test takes the place of the timetable's thread. Every attempt blocks its worker until the clock
    has reached the attempt's end; the clock only moves while every worker is blocked or idle.
    """

    def __init__(self, behave: Behave) -> None:
        self.behave = behave
        self.clock = FakeClock()
        self.recorder = Recorder()
        self.clients: list[FakeClient] = []
        self.defects = 0
        self.lags: list[float] = []
        self.calls: list[Call] = []
        self.most: Counter[str] = Counter()
        self._open: list[tuple[float, int, Call]] = []
        self._ties = itertools.count()
        self._arrived = threading.Condition()
        self._closed = False
        self.poller = Poller(
            self.clock,
            recorder=self.recorder,
            make_client=self._make_client,
            on_defect=self._defect,
            on_lag=self.lags.append,
        )

    def open(self, bot: str | None = None) -> int:
        """Count the attempts that are being made."""
        return sum(bot in (None, call.bot.name) for _, _, call in self._open)

    def starts(self, bot: str) -> list[float]:
        return [call.began for call in self.calls if call.bot.name == bot]

    def run(self, seconds: float) -> None:
        """Let so many seconds pass."""
        end = self.clock.steady() + seconds
        while True:
            due = self.poller.timetable.run_due()
            with self.poller._changed:
                due = min(due, self.poller._wake_due())
            self._settle()
            due = min(due, self._open[0][0] if self._open else math.inf)
            if due > end:
                break
            self.clock.move_to(due)
            while self._open and self._open[0][0] <= self.clock.steady():
                heapq.heappop(self._open)[2].release.set()
                self._settle()
        self.clock.move_to(end)

    def attempt(self, bot: Bot, asked: str, budget: float) -> int:
        call = Call(bot, asked, budget, self.clock.steady())
        seconds, result = self.behave(call)
        call.ends = call.began + seconds
        with self._arrived:
            self.calls.append(call)
            heapq.heappush(self._open, (call.ends, next(self._ties), call))
            self.most[bot.name] = max(self.most[bot.name], self.open(bot.name))
            self.most[""] = max(self.most[""], self.open())
            self._arrived.notify()
            if self._closed:  # submitted to a worker before the end, and begun after it
                call.release.set()
        assert call.release.wait(PATIENCE)
        if isinstance(result, Exception):
            raise result
        return result

    def close(self) -> None:
        self.poller.stop()
        with self._arrived:
            self._closed = True
            for _, _, call in self._open:
                call.release.set()

    def end(self) -> None:
        """Close, and wait until no attempt is in flight: each draws from `random` when it ends."""
        self.close()
        patience = time.monotonic() + PATIENCE
        with self._arrived:
            while self.poller._limits.busy:
                assert time.monotonic() < patience, "an attempt never ends"
                self._arrived.wait(0.0002)

    def _settle(self) -> None:
        """Wait until each attempt in flight has arrived here, and each that has left is settled."""
        patience = time.monotonic() + PATIENCE
        with self._arrived:
            while len(self._open) != self.poller._limits.busy:
                assert time.monotonic() < patience, "an attempt is neither made nor settled"
                self._arrived.wait(0.0002)

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


@pytest.fixture(scope="module")
def make_world() -> Iterator[Callable[[Behave], World]]:
    """Return a function that makes a world with a given behaviour; all worlds end with the test file."""
    worlds: list[World] = []

    def make(behave: Behave) -> World:
        for old in worlds:
            old.close()
        worlds[:] = [World(behave)]
        return worlds[0]

    yield make
    for old in worlds:
        old.end()

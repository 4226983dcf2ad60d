"""Knows which poll is due when; the only module that imports the package `schedule`.

A job of `schedule` computes its due times on the machine's local wall clock and delays them by the
length of each run, and its scheduler looks at every job on every tick. So this module sets `next_run`
itself, in seconds of the steady clock and without drift, and finds what is due with a heap.
"""

from __future__ import annotations

import heapq
import itertools
import math
import zlib
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import schedule

from exporter.clock import Clock
from exporter.model import Plan, Poll
from exporter.polling.calendar import DAY, next_daily_due, next_interval_due

FIRST_RUNS_WITHIN: Final = 5.0
"""Seconds within which every poll runs first, so that values appear soon after a start."""

FIRST_RUNS_AFTER: Final = 0.1
"""Seconds before which no poll runs, so that the page is served before the HTTP client is loaded."""

FIRST_REQUESTS: Final = 100.0
"""Requests a second of the first runs, where that rate needs less than `FIRST_RUNS_WITHIN`."""

SLOT: Final = 0.05
"""Due times are multiples of these seconds, so that one wake-up serves several polls."""

STEP: Final = 1.0
"""Seconds by which the wall clock must move against the steady one to count as changed."""

_ORIGIN: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - schedule is naive, and these seconds have no zone


class _Task:
    """A job of `schedule` that is due on a grid of `every` seconds from `origin`; the first run is off it.

    `due` is when it runs next, in steady seconds.
    """

    def __init__(self, job: schedule.Job, first: float, every: float, origin: float) -> None:
        self.job = job
        self.every = every
        self.origin = origin
        self.set(first)

    def set(self, due: float) -> None:
        """Set the next due time."""
        self.due = due
        self.job.next_run = _ORIGIN + timedelta(seconds=due)

    def advance(self, clock: Clock) -> None:
        """Set the due time that follows the run which begins now."""
        self.set(next_interval_due(self.origin, self.every, clock.steady()))


class _DailyTask(_Task):
    """Due at a time of day on the wall clock, except for the first run.

    `last_due` is the wall time of the last due time, or of the first run.
    """

    def __init__(self, job: schedule.Job, first: float, every: float, at: time, zone: ZoneInfo) -> None:
        super().__init__(job, first, every, first)
        self.at = at
        self.zone = zone
        self.last_due: float | None = None

    def advance(self, clock: Clock) -> None:
        now = clock.wall()
        if self.last_due is None:
            self.last_due = now
        while (due := self._due_after(self.last_due)) <= now:
            self.last_due = due
        self.set(clock.steady() + due - now)

    def follow(self, clock: Clock) -> None:
        """Set the due time again from the wall clock, which was changed."""
        now = clock.wall()
        if self.last_due is None:
            return
        if self.last_due - now > self.every:  # the clock was far ahead, and is right now
            self.last_due = now
        self.set(clock.steady() + self._due_after(self.last_due) - now)

    def _due_after(self, last: float) -> float:
        return next_daily_due(last, self.at, round(self.every / DAY), self.zone)


class Timetable:
    """The due times of every poll. Not locked.

    `start` is called with a due poll and the steady time at which it was due.
    """

    def __init__(self, clock: Clock, start: Callable[[Poll, float], None]) -> None:
        self._clock = clock
        self._start = start
        self._scheduler = schedule.Scheduler()
        self._plan: dict[tuple[str, str], tuple[Poll, ZoneInfo, _Task]] = {}
        self._heap: list[tuple[float, int, _Task]] = []
        self._ties = itertools.count()
        self._due = math.nan
        self._wall_ahead = clock.wall() - clock.steady()

    def apply(self, plan: Plan) -> None:
        """Take a new plan: polls that the old one has too keep their due times, others run soon."""
        kept = {poll.key: entry for poll in plan.polls if (entry := self._kept(poll, plan.zone))}
        requests = sum(len(poll.series) for poll in plan.polls if poll.key not in kept)
        within = min(FIRST_RUNS_WITHIN, requests / FIRST_REQUESTS)
        now = self._clock.steady()  # one moment for all of them: making many takes a while
        self._plan = {
            poll.key: kept.get(poll.key) or (poll, plan.zone, self._make(poll, plan.zone, now, within))
            for poll in plan.polls
        }
        tasks = [task for _, _, task in self._plan.values()]
        self._scheduler.jobs[:] = [task.job for task in tasks]
        self._fill_heap()

    def run_due(self) -> None:
        """Start every poll that is due."""
        self._follow_the_wall_clock()
        now = self._clock.steady()
        while self._heap and self._heap[0][0] <= now:
            self._due, _, task = self._heap[0]
            # The job may raise, so the next due time is set before it runs.
            task.advance(self._clock)
            heapq.heapreplace(self._heap, (task.due, next(self._ties), task))
            task.job.run()  # type: ignore[no-untyped-call]  # schedule leaves it untyped
            task.set(task.due)  # schedule wrote a next_run of its own

    def next_times(self) -> list[float]:
        """Return up to three due times, unsorted, with the two earliest among them."""
        return [entry[0] for entry in self._heap[:3]]

    def next_run(self, key: tuple[str, str]) -> float | None:
        """Return the steady time at which a poll is due next, None for an unknown one; from any thread."""
        entry = self._plan.get(key)
        return None if entry is None else entry[2].due

    def _kept(self, poll: Poll, zone: ZoneInfo) -> tuple[Poll, ZoneInfo, _Task] | None:
        same = self._plan.get(poll.key)
        keeps = same and same[0] is poll and (same[1] == zone or poll.query.at is None)
        return same if keeps else None

    def _make(self, poll: Poll, zone: ZoneInfo, now: float, first_within: float) -> _Task:
        every = poll.query.every
        phase = zlib.crc32("/".join(poll.key).encode()) / 2**32
        first = _slot(now + max(FIRST_RUNS_AFTER, phase * min(every, first_within)))
        job = self._scheduler.every().second.do(lambda: self._start(poll, self._due))
        if poll.query.at is None:
            return _Task(job, first, every, _slot(now + phase * every))
        return _DailyTask(job, first, every, poll.query.at, zone)

    def _fill_heap(self) -> None:
        self._heap = [(task.due, next(self._ties), task) for _, _, task in self._plan.values()]
        heapq.heapify(self._heap)

    def _follow_the_wall_clock(self) -> None:
        ahead = self._clock.wall() - self._clock.steady()
        if abs(ahead - self._wall_ahead) < STEP:
            return
        self._wall_ahead = ahead
        for _, _, task in self._plan.values():
            if isinstance(task, _DailyTask):
                task.follow(self._clock)
        self._fill_heap()


def _slot(due: float) -> float:
    return math.ceil(due / SLOT) * SLOT

"""Says which poll is due when; the only module that touches the package `schedule`.

A job of schedule computes its due times on the machine's local wall clock and lets them drift by the
length of each run, and a scheduler looks at every job on every tick. So `next_run` is written here, on
a timeline of steady seconds that never steps and without drift, and what is due is found by a heap.
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
from exporter.polling.calendar import DAY, next_beat, next_call

FIRST_RUNS_WITHIN: Final = 5.0
"""Every poll runs first within this many seconds: a newcomer sees values at once."""

FIRST_RUNS_AFTER: Final = 0.1
"""No poll runs sooner than this many seconds from now: first the page is served, then requests is loaded."""

FIRST_REQUESTS: Final = 100.0
"""Requests a second that first runs are spread to, where that takes less time."""

STEP: Final = 1.0
"""A wall clock that moved by more seconds than this against the steady one was set anew."""

_ORIGIN: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - schedule is naive, and these seconds have no zone


class _Beat:
    """A job of schedule that is due at `due` steady seconds, and again each time `advance` says."""

    def __init__(self, job: schedule.Job, due: float, every: float) -> None:
        self.job = job
        self.every = every
        self.set(due)

    def set(self, due: float) -> None:
        self.due = due
        self.job.next_run = _ORIGIN + timedelta(seconds=due)

    def advance(self, clock: Clock) -> None:
        """Set the next due time."""
        self.set(clock.steady() + self.every)


class _Interval(_Beat):
    """Due on a grid of `every` seconds that starts at `origin`; only the first run is off the grid."""

    def __init__(self, job: schedule.Job, due: float, every: float, origin: float) -> None:
        super().__init__(job, due, every)
        self.origin = origin

    def advance(self, clock: Clock) -> None:
        self.set(next_beat(self.origin, self.every, self.due, clock.steady()))


class _Daily(_Beat):
    """Due at a time of day, on the wall clock, but for the first run.

    `last_call` is the wall time it was last due at, or that of the first run.
    """

    def __init__(self, job: schedule.Job, due: float, every: float, at: time, zone: ZoneInfo) -> None:
        super().__init__(job, due, every)
        self.at = at
        self.zone = zone
        self.last_call: float | None = None

    def advance(self, clock: Clock) -> None:
        now = clock.wall()
        if self.last_call is None:
            self.last_call = now
        while (call := self._call_after(self.last_call)) <= now:
            self.last_call = call
        self.follow(clock)

    def follow(self, clock: Clock) -> None:
        """Set the due time anew from the wall clock, which may have been set since."""
        now = clock.wall()
        if self.last_call is None:
            return
        if self.last_call - now > self.every:  # the clock was far ahead, and is right now
            self.last_call = now
        self.set(clock.steady() + self._call_after(self.last_call) - now)

    def _call_after(self, last: float) -> float:
        return next_call(last, self.at, round(self.every / DAY), self.zone)


class Timetable:
    """The due times of every poll and chore; owned by one thread, never locked.

    `start` is called with a due poll and the steady time it was due at.
    """

    def __init__(self, clock: Clock, start: Callable[[Poll, float], None]) -> None:
        self._clock = clock
        self._start = start
        self._scheduler = schedule.Scheduler()
        self._plan: dict[tuple[str, str], tuple[Poll, ZoneInfo, _Beat]] = {}
        self._chores: list[_Beat] = []
        self._heap: list[tuple[float, int, _Beat]] = []
        self._ties = itertools.count()
        self._due = math.nan
        self._wall_ahead = clock.wall() - clock.steady()

    def add_chore(self, every: float, chore: Callable[[], None]) -> None:
        """Run `chore` every so many seconds from now on, beside the polls."""
        beat = _Beat(self._scheduler.every().second.do(chore), self._clock.steady() + every, every)
        self._chores.append(beat)
        self._push(beat)

    def apply(self, plan: Plan) -> None:
        """Take a new plan: a poll that the old one shares keeps its beat, any other starts soon."""
        kept = {poll.key: entry for poll in plan.polls if (entry := self._kept(poll, plan.zone))}
        requests = sum(len(poll.series) for poll in plan.polls if poll.key not in kept)
        within = min(FIRST_RUNS_WITHIN, requests / FIRST_REQUESTS)
        now = self._clock.steady()  # one moment for all of them: to make many takes a while
        self._plan = {
            poll.key: kept.get(poll.key) or (poll, plan.zone, self._make(poll, plan.zone, now, within))
            for poll in plan.polls
        }
        beats = [*self._chores, *(beat for _, _, beat in self._plan.values())]
        self._scheduler.jobs[:] = [beat.job for beat in beats]
        self._heap = []
        for beat in beats:
            self._push(beat)

    def run_due(self) -> float:
        """Start whatever is due; return the steady time at which something will be due next."""
        self._follow_the_wall_clock()
        while self._heap and self._heap[0][0] <= self._clock.steady():
            self._due, _, beat = heapq.heappop(self._heap)
            # What runs may raise, or apply another plan: so its next turn is settled before.
            beat.advance(self._clock)
            self._push(beat)
            beat.job.run()  # type: ignore[no-untyped-call]  # schedule leaves it untyped
            beat.set(beat.due)  # schedule wrote a next_run of its own
        return self._heap[0][0] if self._heap else math.inf

    def next_run(self, key: tuple[str, str]) -> float | None:
        """Return the steady time at which a poll is due next; may be asked from any thread."""
        entry = self._plan.get(key)
        return None if entry is None else entry[2].due

    def _kept(self, poll: Poll, zone: ZoneInfo) -> tuple[Poll, ZoneInfo, _Beat] | None:
        same = self._plan.get(poll.key)
        keeps = same and same[0] is poll and (same[1] == zone or poll.query.at is None)
        return same if keeps else None

    def _make(self, poll: Poll, zone: ZoneInfo, now: float, first_within: float) -> _Beat:
        every = poll.query.every
        phase = zlib.crc32("/".join(poll.key).encode()) / 2**32
        first = now + max(FIRST_RUNS_AFTER, phase * min(every, first_within))
        job = self._scheduler.every().second.do(lambda: self._start(poll, self._due))
        if poll.query.at is None:
            return _Interval(job, first, every, now + phase * every)
        return _Daily(job, first, every, poll.query.at, zone)

    def _push(self, beat: _Beat) -> None:
        heapq.heappush(self._heap, (beat.due, next(self._ties), beat))

    def _follow_the_wall_clock(self) -> None:
        ahead = self._clock.wall() - self._clock.steady()
        if abs(ahead - self._wall_ahead) < STEP:
            return
        self._wall_ahead = ahead
        for _, _, beat in self._heap:
            if isinstance(beat, _Daily):
                beat.follow(self._clock)
        self._heap = [(beat.due, tie, beat) for _, tie, beat in self._heap]
        heapq.heapify(self._heap)

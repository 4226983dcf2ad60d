"""Brings due polls, the bots' lanes and the workers together, on one thread and under one lock."""

from __future__ import annotations

import heapq
import itertools
import logging
import random
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from exporter.clock import Clock
from exporter.errors import ApiError
from exporter.model import Bot, Plan, Poll
from exporter.polling.flight import Flight, Recorder, internal_error
from exporter.polling.lane import Asker, Lane
from exporter.polling.questions import Owner, Question
from exporter.polling.shares import Shares
from exporter.polling.timetable import Timetable
from exporter.polling.workers import Workers

log = logging.getLogger(__name__)

LONGEST_SLEEP: Final = 15.0
"""Seconds the timetable sleeps at most, so that its heart beats and a wall clock set anew is noticed."""

AFTER_A_DEFECT: Final = 1.0
"""Seconds the timetable rests after an internal error, so that one that repeats does not flood the log."""


class Poller:
    """Asks the API what the plan says, when the timetable says, as fast as each bot's lane allows.

    `make_asker` gives the client of a bot. `recorder` is told everything; its methods are called with
    the poller's lock held, must be quick and must not call back. `on_defect` is told of every internal
    error, `on_lag` how many seconds late a run starts.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        recorder: Recorder,
        make_asker: Callable[[Bot], Asker],
        on_defect: Callable[[], None],
        on_lag: Callable[[float], None],
    ) -> None:
        self.timetable = Timetable(clock, self._start)
        self._clock = clock
        self._recorder = recorder
        self._make_asker = make_asker
        self._on_defect = on_defect
        self._on_lag = on_lag
        self._workers = Workers(1, on_defect)
        self._shares = Shares(self._workers)
        self._changed = threading.Condition()
        self._errands: deque[Callable[[], None]] = deque()
        self._lanes: dict[str, Lane] = {}
        self._flights: dict[tuple[str, str], Flight] = {}
        self._zone = ZoneInfo("UTC")
        self._wakes: list[tuple[float, int, Lane]] = []
        self._ties = itertools.count()
        self._sleeps_until = float("inf")
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="timetable", daemon=True)
        self.beat_at = clock.steady()

    # The hall tells

    def start(self) -> None:
        """Begin to poll, on a thread of its own."""
        self._thread.start()

    def call(self, errand: Callable[[], None]) -> None:
        """Have `errand` run on the timetable's thread, between two ticks."""
        with self._changed:
            self._errands.append(errand)
            self._changed.notify()

    def apply(self, plan: Plan) -> None:
        """Take a new plan; for the timetable's thread, or before it starts.

        Polls that the old plan shares fly on. Those that changed or went are abandoned: what is still
        answered to them is dropped. Proofs of date formats are asked for again.
        """
        kept = {id(poll) for poll in plan.polls}
        with self._changed:
            for key, flight in list(self._flights.items()):
                if id(flight.poll) not in kept:
                    del self._flights[key]
                    flight.over = True
            old, self._lanes = self._lanes, {bot.name: self._lane_of(bot) for bot in plan.bots}
            for lane in {*old.values(), *self._lanes.values()}:
                lane.renew()
            for gone in set(old.values()) - set(self._lanes.values()):
                gone.close()
            self._zone = plan.zone
            self._workers.limit = plan.workers
        self.timetable.apply(plan)

    def prune(self) -> None:
        """Close connections that are too old to be used again; for the timetable's thread."""
        for lane in self._lanes.values():
            lane.prune()

    def run_once(self, plan: Plan) -> None:
        """Ask everything in `plan` once, and return when the last answer is in; without the timetable."""
        self.apply(plan)
        for poll in plan.polls:
            self._start(poll, self._clock.steady())
        with self._changed:
            while self._flights:
                self._changed.wait(min(LONGEST_SLEEP, self._wake_due() - self._clock.steady()))
        self.stop()

    def stop(self) -> None:
        """Start nothing more; what is in flight is left to end with the process."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._workers.stop()

    @property
    def has_no_worker(self) -> bool:
        """Whether the system refuses the thread that the first request needs."""
        return self._workers.has_none

    @property
    def alive(self) -> bool:
        """Whether the timetable's thread runs."""
        return self._thread.is_alive()

    def in_flight(self) -> dict[str, int]:
        """Return how many requests of each bot are in flight."""
        return {name: lane.in_flight for name, lane in self._lanes.items()}

    def _lane_of(self, bot: Bot) -> Lane:
        before = self._lanes.get(bot.name)
        if before and before.bot == bot:
            return before
        return Lane(bot, partial(self._make_asker, bot), random.random, before)

    # On the timetable's thread

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._tick()
            except Exception:
                log.exception("internal error in the timetable; please report it")
                self._on_defect()
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, AFTER_A_DEFECT)

    def _tick(self) -> None:
        while self._errands:
            self._errands.popleft()()
        due = self.timetable.run_due()
        with self._changed:
            self._sleeps_until = min(due, self._wake_due(), self._clock.steady() + LONGEST_SLEEP)
            self.beat_at = self._clock.steady()
            if not self._errands and not self._stopping:
                self._changed.wait(max(0.0, self._sleeps_until - self._clock.steady()))
            self._sleeps_until = float("inf")

    def _start(self, poll: Poll, due: float) -> None:
        token_is_new = self._lanes[poll.bot.name].asker.has_new_token()  # may read a file: without the lock
        with self._changed:
            self._on_lag(self._clock.steady() - due)
            if poll.key in self._flights:
                self._recorder.skipped(poll)
                return
            lane = self._lanes[poll.bot.name]
            if token_is_new:
                lane.forgive()
            flight = Flight(poll, lane, self._recorder, self._clock, self._landed)
            self._flights[poll.key] = flight
            self._proceed(flight, partial(flight.start, self._zone))
            self._pump(lane)

    def _wake_due(self) -> float:
        """Pump the lanes whose moment has come; return when the next one's will."""
        self._workers.retry()
        while self._wakes and self._wakes[0][0] <= self._clock.steady():
            when, _, lane = heapq.heappop(self._wakes)
            if lane.wakes_at == when:
                lane.wakes_at = float("inf")
                self._pump(lane)
        return self._wakes[0][0] if self._wakes else float("inf")

    # On any thread, with the lock held

    def _pump(self, lane: Lane) -> None:
        """Start whatever the lane may start now, and see to it that it is looked at again."""
        now = self._clock.steady()
        for question in lane.take_ended(now):
            self._proceed(question.owner, partial(question.done, None, question.error))
        while (at := lane.next_at(now)) <= now and lane.in_flight < lane.limit(crowded=self._shares.crowded):
            if self._stopping:
                return
            if not self._shares.has_room(answering=lane.answering):
                self._shares.wait(lane)
                break
            question = lane.take(now)
            self._shares.take(question, partial(self._attempt, lane, question))
        self._wake(lane, min(at if at > now else float("inf"), lane.first_deadline()))

    def _wake(self, lane: Lane, when: float) -> None:
        if when < lane.wakes_at:
            lane.wakes_at = when
            heapq.heappush(self._wakes, (when, next(self._ties), lane))
            if when < self._sleeps_until:
                self._changed.notify()

    def _settle(self, lane: Lane, question: Question, count: int | None, error: ApiError | None) -> None:
        self._shares.give_back(question)
        if lane.settle(question, error, self._clock.steady()):
            self._proceed(question.owner, partial(question.done, count, error))
        while waiting := self._shares.next_waiting():
            self._pump(waiting)
        self._pump(lane)

    def _proceed(self, flight: Owner, step: Callable[[], None]) -> None:
        """Take a flight one step on; a defect there ends that flight, is told, and stops nothing else."""
        try:
            try:
                step()
            except Exception:
                flight.give_up(internal_error())
                raise
        except Exception:
            log.exception("internal error in a run; please report it")
            self._on_defect()

    def _landed(self, flight: Flight) -> None:
        del self._flights[flight.poll.key]
        if not self._flights and not self.alive:  # then `run_once` waits for the last
            self._changed.notify()

    def _attempt(self, lane: Lane, question: Question) -> None:
        """Make an attempt; alone here, on a worker and without the lock."""
        count: int | None = None
        error: ApiError | None = None
        try:
            count = lane.attempt(question, self._clock)
        except ApiError as failure:
            error = failure.with_traceback(None)
        except Exception:
            log.exception("internal error while asking bot %s; please report it", lane.bot.name)
            self._on_defect()
            error = internal_error()
        with self._changed:
            self._settle(lane, question, count, error)

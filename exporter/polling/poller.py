"""Runs due polls through the bots' queues and the workers, on one thread and under one lock."""

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
from exporter.polling.queue import BotQueue, CountClient
from exporter.polling.request import Owner, Request
from exporter.polling.run import Recorder, Run, internal_error
from exporter.polling.timetable import Timetable
from exporter.polling.worker_limits import WorkerLimits
from exporter.polling.workers import Workers

log = logging.getLogger(__name__)

LONGEST_SLEEP: Final = 15.0
"""Most seconds that the timetable's thread sleeps, to show that it lives and to notice clock changes."""

AFTER_A_DEFECT: Final = 1.0
"""Seconds that the timetable's thread pauses after an internal error, so that it cannot flood the log."""


class Poller:
    """Poll as the plan says, when the timetable says, as fast as each bot's queue allows.

    `make_client` makes the client of a bot. `recorder` receives all results; its methods are called with
    the poller's lock held, must be quick and must not call back. `on_defect` is called at every internal
    error, `on_lag` with the seconds by which a run starts late.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        recorder: Recorder,
        make_client: Callable[[Bot], CountClient],
        on_defect: Callable[[], None],
        on_lag: Callable[[float], None],
    ) -> None:
        self.timetable = Timetable(clock, self._start)
        self._clock = clock
        self._recorder = recorder
        self._make_client = make_client
        self._on_defect = on_defect
        self._on_lag = on_lag
        self._workers = Workers(1, on_defect)
        self._limits = WorkerLimits(self._workers)
        self._changed = threading.Condition()
        self._calls: deque[Callable[[], None]] = deque()
        self._queues: dict[str, BotQueue] = {}
        self._runs: dict[tuple[str, str], Run] = {}
        self._zone = ZoneInfo("UTC")
        self._wakes: list[tuple[float, int, BotQueue]] = []
        self._ties = itertools.count()
        self._sleeps_until = float("inf")
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="timetable", daemon=True)
        self.last_tick_at = clock.steady()

    # Called by the daemon

    def start(self) -> None:
        """Begin to poll, on a thread of its own."""
        self._thread.start()

    def call(self, function: Callable[[], None]) -> None:
        """Call `function` on the timetable's thread, between two ticks."""
        with self._changed:
            self._calls.append(function)
            self._changed.notify()

    def apply(self, plan: Plan) -> None:
        """Take a new plan; on the timetable's thread, or before it starts.

        Runs of polls that the old plan has too go on. Runs of polls that changed or went are abandoned,
        and their late answers dropped. Date formats are proven again.
        """
        kept = {id(poll) for poll in plan.polls}
        with self._changed:
            for key, run in list(self._runs.items()):
                if id(run.poll) not in kept:
                    del self._runs[key]
                    run.over = True
            old, self._queues = self._queues, {bot.name: self._queue_of(bot) for bot in plan.bots}
            for queue in {*old.values(), *self._queues.values()}:
                queue.renew()
            for gone in set(old.values()) - set(self._queues.values()):
                gone.close()
            self._zone = plan.zone
            self._workers.limit = plan.workers
        self.timetable.apply(plan)

    def prune(self) -> None:
        """Close connections that are too old to be used again; on the timetable's thread."""
        for queue in self._queues.values():
            queue.prune()

    def run_once(self, plan: Plan) -> None:
        """Run every poll of `plan` once, without the timetable; return when the last answer is in."""
        self.apply(plan)
        for poll in plan.polls:
            self._start(poll, self._clock.steady())
        with self._changed:
            while self._runs:
                self._changed.wait(min(LONGEST_SLEEP, self._wake_due() - self._clock.steady()))
        self.stop()

    def stop(self) -> None:
        """Start no further request; those in flight end with the process."""
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
        return {name: queue.in_flight for name, queue in self._queues.items()}

    def _queue_of(self, bot: Bot) -> BotQueue:
        before = self._queues.get(bot.name)
        if before and before.bot == bot:
            return before
        return BotQueue(bot, partial(self._make_client, bot), random.random, before)

    # On the timetable's thread

    def _loop(self) -> None:
        while not self._stopping:
            try:
                self._tick()
            except Exception:
                log.exception("internal error in the timetable; please report it")
                self._on_defect()
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, AFTER_A_DEFECT)

    def _tick(self) -> None:
        while self._calls:
            self._calls.popleft()()
        due = self.timetable.run_due()
        with self._changed:
            self._sleeps_until = min(due, self._wake_due(), self._clock.steady() + LONGEST_SLEEP)
            self.last_tick_at = self._clock.steady()
            if not self._calls and not self._stopping:
                self._changed.wait(max(0.0, self._sleeps_until - self._clock.steady()))
            self._sleeps_until = float("inf")

    def _start(self, poll: Poll, due: float) -> None:
        token_is_new = self._queues[poll.bot.name].client.has_new_token()  # may read a file: not locked
        with self._changed:
            self._on_lag(self._clock.steady() - due)
            if poll.key in self._runs:
                self._recorder.skipped(poll)
                return
            queue = self._queues[poll.bot.name]
            if token_is_new:
                queue.end_backoff()
            run = Run(poll, queue, self._recorder, self._clock, self._ended)
            self._runs[poll.key] = run
            self._proceed(run, partial(run.start, self._zone))
            self._pump(queue)

    def _wake_due(self) -> float:
        """Pump the queues that are due; return when the next one will be."""
        self._workers.retry()
        while self._wakes and self._wakes[0][0] <= self._clock.steady():
            when, _, queue = heapq.heappop(self._wakes)
            if queue.wakes_at == when:
                queue.wakes_at = float("inf")
                self._pump(queue)
        return self._wakes[0][0] if self._wakes else float("inf")

    # On any thread, with the lock held

    def _pump(self, queue: BotQueue) -> None:
        """Start the requests that the queue may start now, and schedule when to pump it again."""
        now = self._clock.steady()
        for request in queue.take_ended(now):
            self._proceed(request.owner, partial(request.done, None, request.error))
        while (at := queue.next_at(now)) <= now and queue.in_flight < queue.limit(scarce=self._limits.scarce):
            if self._stopping:
                return
            if not self._limits.has_worker(answering=queue.answering):
                self._limits.wait(queue)
                break
            request = queue.take(now)
            self._limits.run(request, partial(self._attempt, queue, request))
        self._wake(queue, min(at if at > now else float("inf"), queue.first_deadline()))

    def _wake(self, queue: BotQueue, when: float) -> None:
        if when < queue.wakes_at:
            queue.wakes_at = when
            heapq.heappush(self._wakes, (when, next(self._ties), queue))
            if when < self._sleeps_until:
                self._changed.notify()

    def _settle(self, queue: BotQueue, request: Request, count: int | None, error: ApiError | None) -> None:
        self._limits.release(request)
        if queue.settle(request, error, self._clock.steady()):
            self._proceed(request.owner, partial(request.done, count, error))
        while waiting := self._limits.next_waiting():
            self._pump(waiting)
        self._pump(queue)

    def _proceed(self, run: Owner, step: Callable[[], None]) -> None:
        """Take a run one step further; an internal error ends this run, is logged, and stops no other."""
        try:
            try:
                step()
            except Exception:
                run.give_up(internal_error())
                raise
        except Exception:
            log.exception("internal error in a run; please report it")
            self._on_defect()

    def _ended(self, run: Run) -> None:
        del self._runs[run.poll.key]
        if not self._runs and not self.alive:  # then `run_once` waits for the last run
            self._changed.notify()

    def _attempt(self, queue: BotQueue, request: Request) -> None:
        """Make an attempt; the only method that runs on a worker and without the lock."""
        count: int | None = None
        error: ApiError | None = None
        try:
            count = queue.attempt(request, self._clock)
        except ApiError as failure:
            error = failure.with_traceback(None)
        except Exception:
            log.exception("internal error while asking bot %s; please report it", queue.bot.name)
            self._on_defect()
            error = internal_error()
        with self._changed:
            self._settle(queue, request, count, error)

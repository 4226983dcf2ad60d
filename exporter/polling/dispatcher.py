"""Starts due runs, and hands their requests one by one to whoever has a thread for them."""

from __future__ import annotations

import heapq
import itertools
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import random
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from exporter.clock import Clock
from exporter.errors import ApiError, BadAnswer, TimedOut
from exporter.logs import fields
from exporter.model import Bot, Plan, Poll
from exporter.polling.queue import BotQueue, CountClient
from exporter.polling.run import Recorder, Request, Run
from exporter.polling.timetable import Timetable

log = logging.getLogger(__name__)

RERUN_ABOVE: Final = 300.0
"""A failed run of a poll with a longer interval than this is repeated before the next one is due."""

RERUN_AFTER: Final = (60.0, 120.0, 240.0, 300.0)
"""Seconds after which failed runs in a row are repeated; the last one applies to all further ones."""


_MIXED_UP: Final = "an answer came that nobody had asked for: this run was ended, and nothing of it counts"


class _Rerun(NamedTuple):
    """The repetition of a failed run of `poll`, at steady time `at`, after so many failed runs in a row."""

    poll: Poll
    times: int
    at: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a request; `silent` unless it was `well` (queue.py) when it started."""

    queue: BotQueue
    request: Request
    silent: bool


class Dispatcher:
    """Decide which request starts now, for the caller to make it. Not locked, and without threads.

    The caller does this again and again: `take` an attempt, `make` it, and `settle` it. If there is none, it
    waits until the first of `next_times`.

    Requests that may hang, because their bot does not answer or their poll is not trusted (queue.py), get at
    most half of the `workers`. Once half of the remaining workers are busy, each bot gets one of them at a
    time. Bots that wait take turns. Other requests go before those that may hang, but not twice in a row
    while none of these is being made. One check of a count of 0 (zeros.py) is in flight at a time, over all
    bots, and starts only if no request is ready.

    `make_client` makes the client of a bot. `recorder` receives all results; its methods must be quick and
    must not call back. `on_defect` is called at every internal error, `on_lag` with the seconds by which
    a run starts late.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        recorder: Recorder,
        make_client: Callable[[Bot], CountClient],
        on_defect: Callable[[], None],
        on_lag: Callable[[float], None],
        chance: Callable[[], float] = random,
    ) -> None:
        self.timetable = Timetable(clock, self.start)
        self.queues: dict[str, BotQueue] = {}
        self.runs: dict[tuple[str, str], Run] = {}
        self.workers = 1
        self.busy = 0
        self._silent = 0
        self._clock = clock
        self._recorder = recorder
        self._make_client = make_client
        self.on_defect = on_defect
        self._on_lag = on_lag
        self._random = chance
        self._zone = ZoneInfo("UTC")
        self._polls: tuple[Poll, ...] = ()
        self._reruns: dict[tuple[str, str], _Rerun] = {}
        self._ready: dict[bool, OrderedDict[BotQueue, None]] = {True: OrderedDict(), False: OrderedDict()}
        self._well_first = True
        self._checks: OrderedDict[BotQueue, None] = OrderedDict()  # of counts of 0
        self._check_at = float("-inf")  # infinity while one is in flight
        self._wakes: list[tuple[float, int, Callable[[], None]]] = []
        self._ties = itertools.count()

    def apply(self, plan: Plan) -> list[CountClient]:
        """Take a new plan; return the clients that are needed no more, for the caller to close.

        Runs of polls that the old plan has too go on. Runs of polls that changed or went are abandoned,
        and their late answers dropped. Date formats are proven again.
        """
        kept = {id(poll) for poll in plan.polls}
        for key, run in list(self.runs.items()):
            if id(run.poll) not in kept:
                del self.runs[key]
                run.over = True
        old, self.queues = self.queues, {bot.name: self._queue_of(bot) for bot in plan.bots}
        for queue in {*old.values(), *self.queues.values()}:
            queue.renew(kept)
        self._zone = plan.zone
        self._polls, self.workers = plan.polls, plan.workers
        self._reruns = {key: rerun for key, rerun in self._reruns.items() if id(rerun.poll) in kept}
        self.timetable.apply(plan)
        gone = set(old.values()) - set(self.queues.values())
        return [queue.existing_client for queue in gone if queue.existing_client]

    def start(self, poll: Poll, due: float) -> None:
        """Start a run of `poll`, which was due at steady time `due`, unless one is in flight."""
        self._on_lag(self._clock.steady() - due)
        if poll.key in self.runs:
            self._recorder.skipped(poll)
            return
        queue = self.queues[poll.bot.name]
        run = Run(poll, queue.proven, self._recorder, self._clock, self._zone)
        self.runs[poll.key] = run
        self._proceed(run, queue, run.start)

    def repeat(self, bot: str) -> None:
        """Let go what a bot's answers have shown, and repeat soon its polls that have a long interval."""
        if (queue := self.queues.get(bot)) is None:  # gone by a reload
            return
        queue.forget()
        for poll in (poll for poll in self._polls if poll.bot.name == bot):
            if run := self.runs.get(poll.key):
                self._proceed(run, queue, partial(run.give_up, BadAnswer(_MIXED_UP)))
            elif poll.query.every > RERUN_ABOVE:
                self._plan_rerun(_Rerun(poll, 0, self._clock.steady() + RERUN_AFTER[0] * self._random()))

    def take(self) -> Attempt | None:
        """Start what is due, and return the next attempt to make, None if there is none now."""
        self.timetable.run_due()
        now = self._clock.steady()
        while self._wakes and self._wakes[0][0] <= now:
            heapq.heappop(self._wakes)[-1]()
        first = self._well_first or self._silent > 0
        for well in (first, not first):
            while queue := self._next_queue(well):
                del self._ready[well][queue]
                if queue.next_at(now, well) > now:  # its run was abandoned
                    self._sort(queue, now)
                    continue
                attempt = Attempt(queue, queue.take(now, well), silent=not well)
                self.busy += 1
                self._silent += attempt.silent
                self._well_first = attempt.silent
                self._sort(queue, now)
                return attempt
        return self._take_check(now) if self._checks else None

    def make(self, attempt: Attempt) -> tuple[int | None, ApiError | None]:
        """Make an attempt, and return its count or its error; from any thread, without the lock."""
        try:
            return attempt.queue.attempt(attempt.request, self._clock), None
        except ApiError as error:
            return None, error.with_traceback(None)
        except Exception:
            log.exception("internal error in a request; please report it", extra=_of(attempt.request.run))
            self.on_defect()
            return None, _internal_error()

    def settle(self, attempt: Attempt, count: int | None, error: ApiError | None) -> None:
        """Record the count or the error of an attempt.

        A count that comes after the deadline counts as timed out: this machine slept, and nobody knows how
        old the count is.
        """
        queue, request, now = attempt.queue, attempt.request, self._clock.steady()
        self.busy -= 1
        self._silent -= attempt.silent
        if error is None and now > request.deadline:
            error = TimedOut("the answer was read too late: this process or its machine was asleep")
        if request.looks_for is not None:
            self._check_at = now
            queue.settle_check(error, now)
            self._proceed(request.run, queue, partial(self._checked, attempt, count, error, now))
        elif queue.settle(request, error, now):
            if error is not None and request.refused and queue.refusals.of_bot:
                step = partial(request.run.give_up, error)
            else:
                step = partial(request.run.done, request, count, error)
            self._proceed(request.run, queue, step)
        self._sort(queue, now)

    @property
    def has_work(self) -> bool:
        """Whether a run is in flight, or a check of a count of 0 is in flight or waits."""
        is_waiting = any(queue.zeros.waiting for queue in self._checks)
        return bool(self.runs) or is_waiting or self._check_at == float("inf")

    @property
    def has_more(self) -> bool:
        """Whether another attempt may be ready to start now."""
        return any(self._next_queue(well) for well in self._ready)

    def next_times(self) -> tuple[float, float]:
        """Return the two earliest steady times at which something is due; infinity if there are fewer."""
        times = [*self.timetable.next_times(), *(entry[0] for entry in self._wakes[:3])]
        first, second, *_ = [*sorted(times), float("inf"), float("inf")]
        return first, second

    def next_run(self, key: tuple[str, str]) -> float | None:
        """Return the steady time at which a poll runs next, None for an unknown one; from any thread."""
        due, rerun = self.timetable.next_run(key), self._reruns.get(key)
        return due if due is None or rerun is None else min(due, rerun.at)

    def _queue_of(self, bot: Bot) -> BotQueue:
        before = self.queues.get(bot.name)
        if before and before.bot == bot:
            return before
        return BotQueue(bot, partial(self._make_client, bot), self._random, before)

    @property
    def _scarce(self) -> bool:
        return (self.busy - self._silent) * 2 >= self.workers - self._silent

    def _next_queue(self, well: bool) -> BotQueue | None:
        """Return the queue whose turn it is, None if none may start a request or no worker is left for it."""
        ready = self._ready[well]
        if not ready or self.busy >= self.workers:
            return None
        if not well and self._silent * 2 + 2 > max(2, self.workers):
            return None
        is_scarce = well and self._scarce
        return next((queue for queue in ready if not (is_scarce and queue.is_asked)), None)

    def _sort(self, queue: BotQueue, now: float) -> None:
        """Put a queue among those that can start a request once a worker is free, or note when it can."""
        for well, ready in self._ready.items():
            at = queue.next_at(now, well)
            if at <= now:
                ready.setdefault(queue)
                continue
            ready.pop(queue, None)
            if at < queue.wakes_at:
                queue.wakes_at = at
                self._call_at(at, partial(self._wake, queue, at))

    def _call_at(self, at: float, function: Callable[[], None]) -> None:
        heapq.heappush(self._wakes, (at, next(self._ties), function))

    def _wake(self, queue: BotQueue, at: float) -> None:
        if queue.wakes_at == at:
            queue.wakes_at = float("inf")
            self._sort(queue, self._clock.steady())

    def _proceed(self, run: Run, queue: BotQueue, step: Callable[[], None]) -> None:
        """Take a run one step further; an internal error ends this run, is logged, and stops no other."""
        had_request = run.upcoming is not None
        try:
            try:
                step()
            except Exception:
                run.give_up(_internal_error())
                raise
        except Exception:
            log.exception("internal error in a run; please report it", extra=_of(run))
            self.on_defect()
        if run.upcoming is not None and not had_request:
            queue.add(run)
            self._sort(queue, self._clock.steady())
        if run.over and self.runs.get(run.poll.key) is run:
            del self.runs[run.poll.key]
            queue.ended(run)
            self._run_again(run, queue)
            if queue.zeros.concerns(run):
                self._proceed(run, queue, partial(self._look_at_zeros, run, queue))

    def _look_at_zeros(self, run: Run, queue: BotQueue) -> None:
        unknown = queue.zeros.ended(run, self._clock.steady())
        if unknown is not None:
            self._recorder.unknown(run.poll, unknown)
        if queue.zeros.waiting:
            self._checks.setdefault(queue)

    def _take_check(self, now: float) -> Attempt | None:
        """Start a check if one may start now; bots take turns."""
        while self._checks and self._check_at <= now and not self._scarce:
            queue, _ = self._checks.popitem(last=False)
            at = queue.check_at(now)
            if at is None:
                continue
            self._checks[queue] = None
            if at <= now:
                self.busy += 1
                self._check_at = float("inf")
                return Attempt(queue, queue.take_check(now), silent=False)
            self._check_at = at
            self._call_at(at, lambda: None)  # so that somebody calls `take` then
        return None

    def _checked(self, attempt: Attempt, count: int | None, error: ApiError | None, now: float) -> None:
        for poll, unknown in attempt.queue.zeros.checked(attempt.request, count, error, now):
            self._recorder.unknown(poll, unknown)

    def _run_again(self, run: Run, queue: BotQueue) -> None:
        """Repeat a failed run that has a long interval: soon, but not during a pause or a refusal."""
        poll = run.poll
        before = self._reruns.pop(poll.key, None)
        if run.error is not None and poll.query.every > RERUN_ABOVE:
            times = before.times + 1 if before else 0
            wait = RERUN_AFTER[min(times, len(RERUN_AFTER) - 1)] * (0.9 + 0.2 * self._random())
            until = max(queue.limiter.paused_until, queue.refusals.until(run))
            self._plan_rerun(_Rerun(poll, times, max(self._clock.steady() + wait, until)))

    def _plan_rerun(self, rerun: _Rerun) -> None:
        self._reruns[rerun.poll.key] = rerun
        self._call_at(rerun.at, partial(self._rerun, rerun))

    def _rerun(self, rerun: _Rerun) -> None:
        if self._reruns.get(rerun.poll.key) is rerun and rerun.poll.key not in self.runs:
            self.start(rerun.poll, rerun.at)


def _internal_error() -> BadAnswer:
    return BadAnswer("internal error of the exporter, see its log")


def _of(run: Run) -> dict[str, object]:
    return fields(bot=run.poll.bot.name, query=run.poll.query.name)

"""Holds one bot's runs until its rate, its concurrency and its pauses allow their requests to start."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Set
from typing import Final, Protocol

from exporter.clock import Clock
from exporter.errors import ApiError, Throttled, TimedOut, Unauthorized
from exporter.model import Bot, Collection, DateFormat
from exporter.polling.dates import Shown
from exporter.polling.refusals import Refusals
from exporter.polling.run import Proven, Request, Run
from exporter.polling.zeros import Zeros
from exporter.rate_limiter import RateLimiter, RetryBudget, requested_pause, retry_wait

QUICK: Final = 0.002
"""Seconds within which a bot answers that is asked one request at a time: more threads would only wait for
each other."""

PATIENCE: Final = 0.05
"""Seconds that such a bot gets for a request before the next one is sent all the same: the first may hang."""

SILENCE: Final = 60.0
"""Seconds without an answer after which a bot does not answer, whichever of its requests time out."""

NEXT_LOOK: Final = 0.25
"""Seconds after which it is seen again whether a check of fields may start, or sooner."""

MEASURE_EVERY: Final = 10.0
"""Most seconds after which it is measured again how quickly a bot answers a request that is alone; less after
a quick answer, so that one hiccup of this machine does not count for long."""

MEASURE_SHARE: Final = 0.01
"""Share of the time in which a bot may be asked one request at a time to measure it."""


class CountClient(Protocol):
    """What a queue needs of a client: each `count` is one attempt, of at most `budget` seconds."""

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int: ...

    def misread_dates(
        self, collection: Collection, field: str, dates: DateFormat, descends: bool, budget: float
    ) -> int:
        """Return how many of the lowest, or highest, values of a field a format would misread."""

    def has_new_token(self) -> bool:
        """Return whether the token has changed since one was refused; may read a file."""

    def prune(self) -> None:
        """Close connections that are too old to be used again; does not block."""

    def renew(self) -> None:
        """Stop using the connections that are open now."""

    def close(self) -> None: ...


class BotQueue:
    """One bot's queue. Not locked: hold the poller's lock around every call but `attempt`.

    A bot gets one request at a time if it is throttled, if it does not answer or has not answered yet, or if
    its token was refused. It answers if anything was answered since the latest failed attempt began. During
    the backoff after a refusal, the requests that it covers are not sent: they fail with the error of the
    refusal. With a new token, they are sent.

    One request that hangs does not slow down the others. A poll is trusted once a request of it was answered,
    until a run of it times out. The others get at most half of the bot's concurrency, and their timeouts do
    not show that the bot does not answer, unless nothing else was answered for a while. What is `well` is
    what trusted polls ask of a bot that answers. Of the rest, trusted polls go first, then those that have
    not been answered yet, then those that timed out.

    A check of a count of 0 starts only while the bot answers, its token is not refused, and it has nothing
    else to do. A request does not wait for its end, unless the bot's concurrency is one.

    `before` is the bot's queue before a reload. If the bot's id and the API's URL are the same, the new queue
    uses its rate limiter, with any pause.
    """

    def __init__(
        self,
        bot: Bot,
        make_client: Callable[[], CountClient],
        jitter: Callable[[], float],
        before: BotQueue | None = None,
    ) -> None:
        self.bot = bot
        self.existing_client: CountClient | None = None
        self.in_flight = 0
        self._in_flight = {True: 0, False: 0}  # of trusted polls, of others; without the check
        self.least = 1  # in flight always; two during a check, which no request waits for
        self.answering = False
        self.wakes_at = float("inf")
        self.proven: Proven = {}
        self.refusals = Refusals()
        self.zeros = Zeros()
        self.limiter = RateLimiter(bot.api.rate)
        if before and (before.bot.id, before.bot.api.url) == (bot.id, bot.api.url):
            self.limiter = before.limiter
            self.limiter.change_rate(bot.api.rate)
        self._budget = RetryBudget()
        self._answered_at = float("-inf")
        self._began_at = float("-inf")  # the latest attempt of a trusted poll
        self._timed_out: dict[int, bool] = {}  # by the `id` of each poll that was answered or ended a run
        self._latency = 0.0
        self._measure_at = float("-inf")
        self._alone: Request | None = None
        self._make_client = make_client
        self._jitter = jitter
        self._runs: tuple[deque[Run], ...] = (deque(), deque(), deque())  # by rank
        self._retries: list[tuple[float, int, Request]] = []
        self._ties = itertools.count()

    @property
    def client(self) -> CountClient:
        """The bot's client; made by the first attempt, because loading its libraries delays the start."""
        if self.existing_client is None:
            self.existing_client = self._make_client()
        return self.existing_client

    def renew(self, kept: Set[int]) -> None:
        """Drop what a reload may have changed: connections, proofs of date formats, and refused requests.

        `kept` has the `id` of each poll that goes on.
        """
        if self.existing_client:
            self.existing_client.renew()
        self._timed_out = {poll: timed_out for poll, timed_out in self._timed_out.items() if poll in kept}
        self.proven.clear()
        self.zeros.renew(kept)
        self.refusals.forget_requests()

    def forget(self) -> None:
        """Drop what answers have shown: proofs of date formats, and checks of counts of 0."""
        self.proven.clear()
        self.zeros.forget()

    def add(self, run: Run) -> None:
        """Queue a run that has a request to make."""
        self._runs[self._rank(run)].append(run)

    def ended(self, run: Run) -> None:
        """Record the end of a run."""
        if run.error is None:
            self._timed_out[id(run.poll)] = False

    @property
    def is_asked(self) -> bool:
        """Whether a request of a trusted poll is in flight."""
        return self._in_flight[True] > 0

    @property
    def limit(self) -> int:
        """The number of requests that may be in flight."""
        well = self.answering and not self.refusals.of_bot and not self.limiter.slowed
        return self.bot.api.concurrency if well else self.least

    def next_at(self, now: float, well: bool) -> float:
        """Return when something that is `well` or not may be taken, infinity if nothing can be yet."""
        if self.in_flight >= self.limit:
            return float("inf")
        if not well and self.answering and self._in_flight[False] * 2 >= self.bot.api.concurrency:
            return float("inf")
        at = self.limiter.next_at(now) if self._waiting(well) else float("inf")
        while self._retries and self._retries[0][2].run.over:
            heapq.heappop(self._retries)
        for due, _, request in self._retries[:1] if well == self.answering else ():
            at = min(at, self.limiter.next_at(max(now, due)), max(now, request.deadline))
        if well and self.is_asked and self._latency < QUICK:
            at = max(at, self._began_at + PATIENCE)
        return at

    def take(self, now: float, well: bool) -> Request:
        """Start an attempt, if `next_at` is now: a retry that is due, else the first one of a request.

        A retry whose deadline has passed, such as during a pause, is taken so that the request ends.
        """
        is_retry = well == self.answering and bool(self._retries)
        if is_retry and min(self._retries[0][0], self._retries[0][2].deadline) <= now:
            request = heapq.heappop(self._retries)[2]
        else:
            runs = self._waiting(well)
            run = runs.popleft()
            request = run.take()
            request.trusted = runs is self._runs[0]
            if run.upcoming is not None:
                self._runs[self._rank(run)].appendleft(run)
            request.deadline = now + self.bot.api.timeout
            request.error = self.refusals.find(request, now)
            request.refused = request.error is not None
            self._budget.add_request(now)
        self._alone = None if self.is_asked else request
        if self.is_asked:  # for as long as PATIENCE, if the bot was quick
            self._latency = max(self._latency, now - self._began_at)
        elif now >= self._measure_at:
            self._latency = 0.0
        if request.trusted:
            self._began_at = now
        request.attempts += 1
        request.began = now
        self.in_flight += 1
        self._in_flight[request.trusted] += 1
        if not request.refused:
            self.limiter.take(now)
        return request

    def check_at(self, now: float) -> float | None:
        """Return when a check may start, or when to look again; drop it and return None if it must not."""
        if not self.zeros.waiting:
            return None
        paused = now < self.limiter.paused_until
        if not self.answering or self.refusals.of_bot or self.limiter.slowed or paused:
            self.zeros.drop()
            return None
        busy = self.in_flight or self._retries
        return now + NEXT_LOOK if busy else min(self.limiter.next_at(now), now + NEXT_LOOK)

    def take_check(self, now: float) -> Request:
        """Start a check, if `check_at` is now."""
        request = self.zeros.take()
        request.attempts, request.began, request.deadline = 1, now, now + self.bot.api.timeout
        self._alone = None
        self.in_flight += 1
        self.least = min(2, self.bot.api.concurrency)
        self.limiter.take(now)
        return request

    def attempt(self, request: Request, clock: Clock) -> int:
        """Make an attempt of a request that was taken, and return its count; without the lock.

        Raises ApiError: `request.error` again if nothing was asked, because the request is refused or its
        deadline has passed.
        """
        budget = request.deadline - clock.steady()
        refused = request.refused and not self.client.has_new_token()
        if request.error is not None and (refused or budget <= 0.0):
            raise request.error
        run, probe = request.run, request.probe
        collection = run.poll.query.collection
        if isinstance(probe, Shown):
            return self.client.misread_dates(collection, *probe, budget)
        text = probe if request.row is None else run.write(request.row)
        return self.client.count(collection, text, budget)

    def settle(self, request: Request, error: ApiError | None, now: float) -> bool:
        """Record the result of an attempt; return whether the request has ended."""
        self.in_flight -= 1
        self._in_flight[request.trusted] -= 1
        if error is not None and error is request.error:  # nothing was asked
            return True
        if self._alone is request:
            self._latency = now - request.began
            self._measure_at = now + min(MEASURE_EVERY, max(1.0, self._latency / MEASURE_SHARE))
        if error is None or error.status is not None:
            self._answered_at = now
            self._timed_out.setdefault(id(request.run.poll), False)
        hangs_alone = not request.trusted and isinstance(error, TimedOut) and self.answering
        self.answering = self._answered_at >= request.began - (SILENCE if hangs_alone else 0.0)
        if isinstance(error, TimedOut):
            self._timed_out[id(request.run.poll)] = True
            self._put_last(request.run.poll.query.collection)
        before, request.error, request.refused = request.error, error, False
        if error is None:
            self.refusals.answered(request)
            self.limiter.speed_up()
            return True
        if isinstance(error, Unauthorized):
            if not error.token_is_new or isinstance(before, Unauthorized):
                self.refusals.add(request, error, now)
                return True
            at = now
        else:
            if isinstance(error, Throttled):
                self.limiter.slow_down()
            self.limiter.pause(now + requested_pause(error))
            at = now + (retry_wait(error, request.attempts, self._jitter()) or float("inf"))
            if not self._may_retry(request, error, at):
                return True
        heapq.heappush(self._retries, (at, next(self._ties), request))
        return False

    def settle_check(self, error: ApiError | None, now: float) -> None:
        """Record the result of a check: only what the API asks for, a pause, affects other requests."""
        self.in_flight -= 1
        self.least = 1
        if isinstance(error, Throttled):
            self.limiter.slow_down()
            self.limiter.pause(now + requested_pause(error))

    def _rank(self, run: Run) -> int:
        timed_out = self._timed_out.get(id(run.poll))
        return 1 if timed_out is None else 2 * timed_out

    def _put_last(self, collection: Collection) -> None:
        """Let runs of the other collection go first: it is often a whole collection that hangs."""
        waiting = [run for runs in self._runs for run in runs]
        self._runs = (deque(), deque(), deque())
        for run in sorted(waiting, key=lambda run: run.poll.query.collection == collection):
            self.add(run)

    def _waiting(self, well: bool) -> deque[Run]:
        """Return the runs of which the first one is next, empty if none waits; drop what is over."""
        for runs in self._runs[: self.answering] if well else self._runs[self.answering :]:
            while runs and runs[0].over:
                runs.popleft()
            if runs:
                return runs
        return deque()

    def _may_retry(self, request: Request, error: ApiError, at: float) -> bool:
        return (
            not request.run.over
            and request.attempts <= self.bot.api.retries
            and self.limiter.next_at(at) < request.deadline
            and (error.status is None or self._budget.take_retry())
        )

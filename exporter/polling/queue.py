"""Holds one bot's requests until its rate, its concurrency and its pauses allow them to start."""

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
from exporter.polling.request import Request, RequestGroup
from exporter.rate_limiter import RateLimiter, refusal_backoff, requested_pause, retry_wait


class CountClient(Protocol):
    """What a queue needs of a client: each `count` is one attempt, of at most `budget` seconds."""

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int: ...

    def has_new_token(self) -> bool:
        """Return whether the token has changed since one was refused; from any thread."""

    def prune(self) -> None:
        """Close connections that are too old to be used again; does not block."""

    def renew(self) -> None:
        """Stop using the connections that are open now."""

    def close(self) -> None: ...


class BotQueue:
    """One bot's queue. Not locked: hold the poller's lock around every call but `attempt`.

    A bot that does not answer, or has not answered yet, gets one request at a time, so that it
    occupies one worker only. After a refused token the queue backs off, longer each time, and then tries
    one request; meanwhile its requests end with that refusal.

    `before` is the bot's queue under other settings. If it is the same bot of the same API, its rate
    limiter, with any pause, is taken over.
    """

    def __init__(
        self,
        bot: Bot,
        make_client: Callable[[], CountClient],
        jitter: Callable[[], float],
        before: BotQueue | None = None,
    ) -> None:
        self.bot = bot
        self.in_flight = 0
        self.answering = False
        self.wakes_at = float("inf")
        self.proven: dict[tuple[Collection, tuple[str, ...]], DateFormat] = {}
        self._limiter = RateLimiter(bot.api.rate)
        if before and (before.bot.id, before.bot.api.url) == (bot.id, bot.api.url):
            self._limiter = before._limiter  # noqa: SLF001 - the same class
            self._limiter.change_rate(bot.api.rate)
        self._refusal: Unauthorized | None = None
        self._refusals = 0
        self._backoff_until = float("-inf")
        self._make_client = make_client
        self._jitter = jitter
        self._ready: deque[RequestGroup] = deque()
        self._retries: list[tuple[float, int, Request]] = []
        self._ties = itertools.count()

    @cached_property
    def client(self) -> CountClient:
        """The bot's client; made at the first run, because loading its libraries would delay the start."""
        return self._make_client()

    def close(self) -> None:
        """Close the client, if there is one."""
        if "client" in vars(self):
            self.client.close()

    def prune(self) -> None:
        """Close the client's connections that are too old to be used again."""
        if "client" in vars(self):
            self.client.prune()

    def renew(self) -> None:
        """Drop what a reload may have changed: connections, proofs of date formats, abandoned requests."""
        if "client" in vars(self):
            self.client.renew()
        self.proven.clear()
        self.drop_abandoned()

    def drop_abandoned(self) -> None:
        """Drop the requests whose run is over."""
        self._ready = deque(group for group in self._ready if not group.owner.over)
        self._retries = [entry for entry in self._retries if not entry[2].owner.over]
        heapq.heapify(self._retries)

    def add(self, group: RequestGroup) -> None:
        """Queue a group of at least one request for their first attempts."""
        self._ready.append(group)

    def refusal(self, now: float) -> Unauthorized | None:
        """Return the refusal of the token while the queue backs off, else None."""
        return self._refusal if now < self._backoff_until else None

    def end_backoff(self) -> None:
        """Forget that the token was ever refused."""
        self._refusal, self._refusals, self._backoff_until = None, 0, float("-inf")

    def limit(self, *, scarce: bool) -> int:
        """Return how many requests may be in flight; `scarce` when workers are."""
        trusted = self.answering and self._refusals == 0
        return self.bot.api.concurrency if trusted and not scarce else 1

    def next_at(self, now: float) -> float:
        """Return when the next request may start, infinity if none is waiting."""
        if self._ready:
            return self._limiter.next_at(now)
        if self._retries:
            return self._limiter.next_at(max(now, self._retries[0][0]))
        return float("inf")

    def take(self, now: float) -> Request:
        """Start the next attempt: a retry that is due, else the first attempt of a request."""
        if self._retries and self._retries[0][0] <= now:
            request = heapq.heappop(self._retries)[2]
        else:
            request = self._take_ready()
            request.deadline = now + self.bot.api.timeout
        request.attempts += 1
        request.is_probe = not self.answering
        self._limiter.take(now)
        self.in_flight += 1
        return request

    def attempt(self, request: Request, clock: Clock) -> int:
        """Make an attempt of a request that was taken, and return its count; without the lock.

        Raises ApiError. If the deadline has passed before a retry starts, it raises the previous error.
        A count that is read after the deadline counts as timed out: this machine slept, and nobody knows
        how old the count is.
        """
        budget = request.deadline - clock.steady()
        if budget <= 0.0 and request.error is not None:
            raise request.error
        count = self.client.count(request.collection, request.predicate(), budget)
        if clock.steady() > request.deadline:
            raise TimedOut("the answer was read too late: this process or its machine was asleep")
        return count

    def settle(self, request: Request, error: ApiError | None, now: float) -> bool:
        """Record the result of an attempt; return whether the request has ended."""
        self.in_flight -= 1
        self.answering = error is None or error.status is not None
        request.error = error
        if isinstance(error, Unauthorized):
            return self._settle_refusal(request, error, now)
        if self.answering:
            self.end_backoff()
        if error is None:
            return True
        if error.retry_after is not None:
            self._limiter.pause(now + requested_pause(error))
        wait = retry_wait(error, request.attempts, self._jitter())
        if wait is None or request.owner.over or request.attempts > self.bot.api.retries:
            return True
        if self._limiter.next_at(now + wait) >= request.deadline:
            return True
        heapq.heappush(self._retries, (now + wait, next(self._ties), request))
        return False

    def take_ended(self, now: float) -> Iterator[Request]:
        """Remove and yield the requests that end without an attempt: overdue, or during a backoff.

        Requests that are queued during the iteration are included.
        """
        overdue = [entry[2] for entry in self._retries if entry[2].deadline <= now]
        if overdue:
            self._retries = [entry for entry in self._retries if entry[2].deadline > now]
            heapq.heapify(self._retries)
        yield from overdue
        while self._ready and (refusal := self.refusal(now)):
            request = self._take_ready()
            request.error = refusal
            yield request

    def first_deadline(self) -> float:
        """Return the earliest deadline of the requests that wait for a retry, infinity if there is none."""
        return min((entry[2].deadline for entry in self._retries), default=float("inf"))

    def _take_ready(self) -> Request:
        group = self._ready[0]
        request = group.take()
        if not group.left:
            self._ready.popleft()
        return request

    def _settle_refusal(self, request: Request, error: Unauthorized, now: float) -> bool:
        if error.token_is_new and not request.renewed:
            request.renewed = True
            heapq.heappush(self._retries, (now, next(self._ties), request))
            return False
        if self.refusal(now) is None:  # refusals of requests that were in flight together count once
            self._refusals += 1
            self._backoff_until = now + refusal_backoff(self._refusals)
        self._refusal = error
        return True

"""A client that asks within its bot's rate, with retries, and as Retry-After says."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from exporter.clock import Clock
from exporter.errors import ApiError
from exporter.model import Bot, Collection, Json
from exporter.nativechat.client import Client
from exporter.rate_limiter import RateLimiter, requested_pause, retry_wait

Answer_co = TypeVar("Answer_co", covariant=True)


class _Attempt(Protocol[Answer_co]):
    """Makes one attempt of at most `budget` seconds; raises ApiError."""

    def __call__(self, *, budget: float) -> Answer_co: ...


class PacedClient:
    """A client's requests, one at a time, at the pace of its bot.

    A request takes at most the bot's `timeout` and `retries`. A Retry-After is obeyed even beyond `timeout`,
    up to `rate_limiter.RETRY_AFTER_CAP`, and then starts `timeout` anew: waiting is better than starting a
    whole download again. Every method raises the ApiError of the last attempt.
    """

    def __init__(
        self, client: Client, bot: Bot, clock: Clock, jitter: Callable[[], float] = random.random
    ) -> None:
        self._client = client
        self._api = bot.api
        self._limiter = RateLimiter(bot.api.rate)
        self._clock = clock
        self._jitter = jitter

    def count(self, collection: Collection, predicate_text: str) -> int:
        """Return how many documents match a JSON predicate."""
        return self._request(partial(self._client.count, collection, predicate_text))

    def count_shape(self, collection: Collection) -> str:
        """Return what the answer to a count looks like."""
        return self._request(partial(self._client.count_shape, collection))

    def rows(
        self,
        collection: Collection,
        *,
        query: str = "",
        sort: str = "",
        limit: int | None = None,
        skip: int | None = None,
    ) -> list[dict[str, Json]]:
        """Return one page of a collection."""
        page = partial(self._client.rows, collection, query=query, sort=sort, limit=limit, skip=skip)
        return self._request(page)

    def _request(self, attempt: _Attempt[Answer_co]) -> Answer_co:
        clock, limiter = self._clock, self._limiter
        start = limiter.next_at(clock.steady())
        deadline = start + self._api.timeout
        attempts = 0
        while True:
            attempts += 1
            clock.sleep(start - clock.steady())
            limiter.take(clock.steady())
            try:
                return attempt(budget=deadline - clock.steady())
            except ApiError as error:
                now = clock.steady()
                wait = retry_wait(error, attempts, self._jitter())
                if wait is None or attempts > self._api.retries:
                    raise
                pause = requested_pause(error)
                limiter.pause(now + pause)
                start = limiter.next_at(now + wait)
                if pause:
                    deadline = start + self._api.timeout
                if start >= deadline:
                    raise

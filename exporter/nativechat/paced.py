"""A client that asks within its bot's rate, with retries, and as Retry-After says."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from exporter.clock import Clock
from exporter.model import Bot, Collection, Json
from exporter.nativechat.client import Client
from exporter.nativechat.retries import Retries
from exporter.rate_limiter import RateLimiter


class PacedClient:
    """A client's requests, one at a time, at the pace of its bot; every method raises ApiError."""

    def __init__(
        self, client: Client, bot: Bot, clock: Clock, jitter: Callable[[], float] = random.random
    ) -> None:
        self._client = client
        self._retries = Retries(RateLimiter(bot.api.rate), bot.api.retries, bot.api.timeout, clock, jitter)

    def count(self, collection: Collection, predicate_text: str) -> int:
        """Return how many documents match a JSON predicate."""
        return self._retries.request(partial(self._client.count, collection, predicate_text))

    def count_shape(self, collection: Collection) -> str:
        """Return what the answer to a count looks like."""
        return self._retries.request(partial(self._client.count_shape, collection))

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
        return self._retries.request(page)

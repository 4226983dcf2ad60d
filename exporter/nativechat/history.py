"""Downloads a collection, page by page."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

from exporter.clock import Clock
from exporter.errors import ApiError, BadAnswer
from exporter.model import Collection, Json
from exporter.rate_limiter import RateLimiter, requested_pause, retry_wait

Row = dict[str, Json]


class Pages(Protocol):
    """What a download needs of a client: one page in one attempt."""

    def rows(
        self,
        collection: Collection,
        *,
        query: str = "",
        sort: str = "",
        limit: int | None = None,
        skip: int | None = None,
        budget: float,
    ) -> list[Row]: ...


def download(
    client: Pages,
    collection: Collection,
    *,
    query: str = "",
    sort: str = "",
    limit: int | None = None,
    skip: int | None = None,
    limiter: RateLimiter,
    retries: int,
    timeout: float,
    clock: Clock,
    page: int = 100,
    jitter: Callable[[], float] = random.random,
) -> Iterator[Row]:
    """Yield the rows that match, at most `limit` from position `skip` on, one page at a time.

    It ends at an empty page, not at a short one: a server may return fewer rows than requested.
    Without `sort` the order is the API's own, which is not documented: rows may repeat or be missing
    where pages meet. There is no default order, because no field is documented to be in every row.

    Each page is one request: at most `timeout` seconds and `retries` retries. A Retry-After is obeyed
    even beyond `timeout`, up to `rate_limiter.RETRY_AFTER_CAP`, and then starts `timeout` anew: waiting
    is better than downloading everything again.

    Raises ApiError after the last attempt. Raises BadAnswer for a page that begins like the previous
    one, which is what a server that ignores `skip` returns.
    """
    position, wanted = skip or 0, limit
    before: list[bytes] = []
    while wanted is None or wanted > 0:
        size = page if wanted is None else min(page, wanted)
        ask = partial(client.rows, collection, query=query, sort=sort, limit=size, skip=position)
        rows = _request_page(
            ask, limiter=limiter, retries=retries, timeout=timeout, clock=clock, jitter=jitter
        )
        if not rows:
            return
        digests = [hashlib.sha256(json.dumps(row).encode()).digest() for row in rows]
        alike = min(len(digests), len(before))
        if alike and digests[:alike] == before[:alike]:
            raise BadAnswer(f"GET {collection} answered with the same page twice: it seems to ignore `skip`")
        before = digests
        yield from rows[:wanted]
        position += len(rows)
        wanted = None if wanted is None else wanted - len(rows)


def _request_page(
    ask: Callable[..., list[Row]],
    *,
    limiter: RateLimiter,
    retries: int,
    timeout: float,
    clock: Clock,
    jitter: Callable[[], float],
) -> list[Row]:
    """Request one page, with retries, within the bot's rate and the request's timeout."""
    start = limiter.next_at(clock.steady())
    deadline = start + timeout
    attempt = 0
    while True:
        attempt += 1
        clock.sleep(start - clock.steady())
        limiter.take(clock.steady())
        try:
            return ask(budget=deadline - clock.steady())
        except ApiError as error:
            now = clock.steady()
            wait = retry_wait(error, attempt, jitter())
            if wait is None or attempt > retries:
                raise
            pause = requested_pause(error)
            limiter.pause(now + pause)
            start = limiter.next_at(now + wait)
            if pause:
                deadline = start + timeout
            if start >= deadline:
                raise

"""Downloads a collection, page by page, as its rows arrive."""

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
from exporter.pace import Pace, asked_pause, retry_wait

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
    pace: Pace,
    retries: int,
    timeout: float,
    clock: Clock,
    page: int = 100,
    jitter: Callable[[], float] = random.random,
) -> Iterator[Row]:
    """Yield the rows that match, at most `limit` from position `skip` on, holding one page at a time.

    It ends with an empty page, never with a short one: a server may give fewer rows than asked for.
    Without `sort` the order is the API's own, of which it promises nothing: rows may then repeat or be
    missing where pages meet. None is invented, for no field that every row has is documented.

    Each page is one request: `timeout` seconds for its attempts together, `retries` further ones.
    A Retry-After is waited for even beyond that, up to `pace.RETRY_AFTER_CAP`, and gives the request a
    new `timeout`: who downloads prefers waiting to starting over. Raises ApiError after the last
    attempt, and BadAnswer for a page that begins like the one before, as that of a server does that
    ignores `skip`.
    """
    position, wanted = skip or 0, limit
    before: list[bytes] = []
    while wanted is None or wanted > 0:
        size = page if wanted is None else min(page, wanted)
        ask = partial(client.rows, collection, query=query, sort=sort, limit=size, skip=position)
        rows = _persist(ask, pace=pace, retries=retries, timeout=timeout, clock=clock, jitter=jitter)
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


def _persist(
    ask: Callable[..., list[Row]],
    *,
    pace: Pace,
    retries: int,
    timeout: float,
    clock: Clock,
    jitter: Callable[[], float],
) -> list[Row]:
    """Ask for one page until it comes, at the bot's pace and within one request's time and attempts."""
    start = pace.next_at(clock.steady())
    deadline = start + timeout
    attempt = 0
    while True:
        attempt += 1
        clock.sleep(start - clock.steady())
        pace.take(clock.steady())
        try:
            return ask(budget=deadline - clock.steady())
        except ApiError as error:
            now = clock.steady()
            wait = retry_wait(error, attempt, jitter())
            if wait is None or attempt > retries:
                raise
            pause = asked_pause(error)
            pace.pause(now + pause)
            start = pace.next_at(now + wait)
            if pause:
                deadline = start + timeout
            if start >= deadline:
                raise

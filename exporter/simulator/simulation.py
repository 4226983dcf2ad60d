"""A simulated NativeChat: its bots, their data and rate limits, and the faults, on one clock."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from exporter.clock import Clock
from exporter.model import COLLECTIONS, Collection, Json
from exporter.simulator.bots import SimulatedBot
from exporter.simulator.dataset import Dataset
from exporter.simulator.faults import Faults
from exporter.simulator.matching import matcher
from exporter.simulator.settings import Settings
from exporter.simulator.values import Document, SortKeys, ordered


class _Service:
    """One bot's data, and how many requests it received and may still receive."""

    def __init__(self, bot: SimulatedBot, start: datetime, settings: Settings) -> None:
        self.data = Dataset(bot.id, start, settings)
        self.requests = 0
        self._rate = settings.rate
        self._left = 0.0
        self._at = float("-inf")

    def admit(self, now: float) -> int:
        """Count a request; return 0, or the whole seconds to wait if it exceeds the rate.

        A token bucket: it holds the requests of a second, at least one.
        """
        self.requests += 1
        if self._rate is None:
            return 0
        self._left = min(max(1.0, self._rate), self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1.0:
            return math.ceil((1.0 - self._left) / self._rate)
        self._left -= 1.0
        return 0


class Simulation:
    """A NativeChat with these bots; its data grows whenever it is read. Thread-safe.

    Methods take a bot's name, and raise KeyError for an unknown one.
    """

    def __init__(self, settings: Settings, bots: Sequence[SimulatedBot], clock: Clock) -> None:
        self.settings = settings
        self.bots = tuple(bots)
        self.faults = Faults()
        self._clock = clock
        self._lock = threading.Lock()
        self._services = {bot.name: _Service(bot, self._now(), settings) for bot in bots}

    def admit(self, bot: str) -> int:
        """Count a request; return 0, or the seconds to wait if it exceeds the rate."""
        with self._lock:
            return self._services[bot].admit(self._clock.steady())

    def count(self, bot: str, collection: Collection, query: Json | None = None) -> int:
        """Return how many rows match now; Refused for a wrong predicate."""
        with self._grown(bot) as data:
            return len(self._matching(data, collection, query))

    def page(
        self,
        bot: str,
        collection: Collection,
        query: Json | None = None,
        *,
        sort: SortKeys = (),
        skip: int = 0,
        limit: int = 100,
    ) -> list[Document]:
        """Return the rows of one page as responses show them, by default oldest first.

        Refused for a wrong predicate.
        """
        with self._grown(bot) as data:
            rows = ordered(self._matching(data, collection, query), sort)
            return [data.dates.show(row) for row in rows[skip : skip + limit]]

    def burst(self, bot: str, number: int, fields: Mapping[str, object] | None = None) -> None:
        """Add `number` conversations that end now, with these values at these dotted paths."""
        with self._grown(bot) as data:
            data.burst(number, self._now(), fields or {})

    def forget(self, bot: str, query: Json) -> int:
        """Delete the matching conversations and their messages, as external history storage does."""
        with self._grown(bot) as data:
            return data.forget(matcher(query, data.dates))

    def forget_oldest(self, bot: str, number: int) -> int:
        """Delete the oldest conversations and their messages; return how many were deleted."""
        with self._grown(bot) as data:
            return data.forget_oldest(number)

    def requests(self, bot: str) -> int:
        """Return how many requests with the right token this bot received; those with faults do not count."""
        with self._lock:
            return self._services[bot].requests

    def wall(self) -> float:
        """Return the simulation's time, in seconds since the Unix epoch."""
        return self._clock.wall()

    def counts(self, bot: str) -> dict[str, int]:
        """Return the number of rows in each collection of a bot."""
        return {collection: self.count(bot, collection) for collection in COLLECTIONS}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)

    @contextmanager
    def _grown(self, bot: str) -> Iterator[Dataset]:
        service = self._services[bot]
        with self._lock:
            service.data.grow(self._now())
            yield service.data

    def _matching(self, data: Dataset, collection: Collection, query: Json | None) -> list[Document]:
        rows = data.rows(collection)
        return list(filter(matcher(query, data.dates, self.settings.refused), rows)) if query else rows

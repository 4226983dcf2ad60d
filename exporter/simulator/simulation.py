"""A simulated NativeChat: its bots, their data and rate limits, and the faults, on one clock."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from exporter.clock import Clock
from exporter.model import COLLECTIONS, Collection, Json
from exporter.simulator.allowance import Allowance
from exporter.simulator.bots import SimulatedBot
from exporter.simulator.dataset import Dataset
from exporter.simulator.dates import BadRequest
from exporter.simulator.faults import Faults
from exporter.simulator.matching import Matcher, matcher
from exporter.simulator.ordering import SortKeys
from exporter.simulator.settings import Settings
from exporter.simulator.values import Document

_BOT_PATH: Final = re.compile(r"/v1/bots/([^/]+)/")

MOST_IN_A_BURST: Final = 10_000
"""Most conversations that one burst may add."""


class _Service:
    """The state of one bot."""

    def __init__(self, bot: SimulatedBot, start: datetime, settings: Settings) -> None:
        self.bot = bot
        self.data = Dataset(bot.id, start, settings)
        self.allowance = Allowance(settings.rate)
        self.requests = 0


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
        self._names = {bot.id: bot.name for bot in bots}

    def bot_with_id(self, bot_id: str) -> SimulatedBot:
        """Return the bot with this id; KeyError for an unknown one."""
        return self._services[self._names[bot_id]].bot

    def bot_of_path(self, path: str) -> str | None:
        """Return the name of the bot that a URL's path belongs to, or None."""
        found = _BOT_PATH.match(path)
        return self._names.get(found[1]) if found else None

    def admit(self, bot: str) -> int:
        """Count a request; return 0, or the seconds to wait if it exceeds the rate."""
        with self._lock:
            service = self._services[bot]
            service.requests += 1
            return service.allowance.spend(self._clock.steady())

    def count(self, bot: str, collection: Collection, query: Json | None = None) -> int:
        """Return how many rows match now; BadRequest for a wrong predicate."""
        with self._grown(bot) as data:
            return data.count(collection, self._matcher(query, data))

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
        """Return the rows of one page as responses show them; BadRequest for a wrong predicate."""
        with self._grown(bot) as data:
            rows = data.page(collection, self._matcher(query, data), sort, skip, limit)
            return [data.dates.show(row) for row in rows]

    def burst(self, bot: str, number: int, fields: Mapping[str, object] | None = None) -> None:
        """Add `number` conversations that end now, with these values at these dotted paths."""
        if not 1 <= number <= MOST_IN_A_BURST:
            raise BadRequest(f"a burst has from 1 to {MOST_IN_A_BURST} conversations")
        if self.settings.id_field in (fields or {}):
            raise BadRequest("a burst cannot choose ids")
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
        with self._grown(bot) as data:
            return {collection: data.count(collection, None) for collection in COLLECTIONS}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)

    @contextmanager
    def _grown(self, bot: str) -> Iterator[Dataset]:
        service = self._services[bot]
        with self._lock:
            service.data.grow(self._now())
            yield service.data

    def _matcher(self, query: Json | None, data: Dataset) -> Matcher | None:
        return matcher(query, data.dates, self.settings.refused) if query not in (None, {}) else None

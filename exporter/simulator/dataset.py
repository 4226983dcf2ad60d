"""One bot's history: conversations and messages that grow with time, and can be deleted."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import Final

from exporter.model import Collection
from exporter.simulator.believable import Company, Conversation
from exporter.simulator.dates import Dates
from exporter.simulator.matching import Matcher
from exporter.simulator.ordering import SortKeys, ordered
from exporter.simulator.settings import Settings
from exporter.simulator.values import Document

_DEFAULTS: Final = Settings()
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Dataset:
    """The rows of one bot; they depend only on bot, settings, start and the latest moment of `grow`.

    A conversation and its messages appear when it ends. Not thread-safe.
    """

    def __init__(self, bot_id: str, start: datetime, settings: Settings = _DEFAULTS) -> None:
        self.dates = Dates(settings.dates, settings.undecoded_dates, settings.shown_dates)
        self._seed = f"{settings.seed}:{bot_id}"
        self._random = self._random_for("growth")
        self._company = Company(self._seed, self.dates, settings)
        self._start = start
        self._history_rate = settings.history / (settings.history_days * 86_400)
        self._growth = settings.growth
        self._cap = settings.max_conversations
        self._id = settings.id_field
        self._delivery = settings.delivery
        self._undelivered: deque[tuple[datetime, object]] = deque()
        self._next = start - timedelta(days=settings.history_days)
        self._bursts = 0
        self._rows: dict[Collection, deque[Document]] = {"conversations": deque(), "messages": deque()}
        self._advance()

    def grow(self, until: datetime) -> None:
        """Add every conversation that ended by `until`, and delete what is delivered by then."""
        while self._next <= until:
            self._keep(self._company.converse(self._random, self._next))
            self._advance()
        delivered = set()
        while self._undelivered and self._undelivered[0][0] <= until:
            delivered.add(self._undelivered.popleft()[1])
        if delivered:
            self._delete(delivered)

    def rows(self, collection: Collection) -> Sequence[Document]:
        """Return all rows as stored, oldest first, without copying them."""
        return self._rows[collection]

    def count(self, collection: Collection, matches: Matcher | None) -> int:
        """Return how many rows match; without a matcher, all do."""
        rows = self._rows[collection]
        return len(rows) if matches is None else sum(map(matches, rows))

    def page(
        self, collection: Collection, matches: Matcher | None, sort: SortKeys, skip: int, limit: int
    ) -> list[Document]:
        """Return the matching rows after the first `skip`, at most `limit`; by default oldest first."""
        found = filter(matches, self._rows[collection]) if matches else iter(self._rows[collection])
        return list(islice(ordered(found, sort) if sort else found, skip, skip + limit))

    def burst(self, number: int, ended: datetime, fields: Mapping[str, object]) -> None:
        """Add conversations that ended at one moment, with these values at these dotted paths."""
        self._bursts += 1
        random = self._random_for(f"burst {self._bursts}")
        for _ in range(number):
            conversation = self._company.converse(random, ended)
            for path, value in fields.items():
                _assign(conversation.row, path, value)
            self._keep(conversation)

    def forget(self, matches: Matcher) -> int:
        """Delete the matching conversations with their messages; return how many were deleted."""
        gone = {row[self._id] for row in self._rows["conversations"] if matches(row)}
        self._delete(gone)
        return len(gone)

    def forget_oldest(self, number: int) -> int:
        """Delete that many of the oldest conversations; return how many were deleted."""
        conversations, messages = self._rows["conversations"], self._rows["messages"]
        number = min(number, len(conversations))
        for _ in range(number):
            gone = conversations.popleft()[self._id]
            while messages and messages[0]["Conversation"] == gone:
                messages.popleft()
        return number

    def _random_for(self, purpose: str) -> Random:
        return Random(f"{self._seed}:{purpose}")  # noqa: S311 - must be reproducible, and protects nothing

    def _delete(self, gone: set[object]) -> None:
        names: dict[Collection, str] = {"conversations": self._id, "messages": "Conversation"}
        for collection, name in names.items():
            self._rows[collection] = deque(row for row in self._rows[collection] if row[name] not in gone)

    def _keep(self, conversation: Conversation) -> None:
        if self._delivery is not None and conversation.complete:
            due = conversation.ended + timedelta(seconds=self._delivery)
            self._undelivered.append((due, conversation.row[self._id]))
        self._rows["conversations"].append(conversation.row)
        self._rows["messages"].extend(conversation.messages)
        self.forget_oldest(len(self._rows["conversations"]) - self._cap)

    def _advance(self) -> None:
        """Set when the next conversation ends: first in the history, then in the growth, if any."""
        if self._next < self._start and self._history_rate:
            following = self._next + timedelta(seconds=self._random.expovariate(self._history_rate))
            if following < self._start:
                self._next = following
                return
        if not self._growth:
            self._next = _NEVER
            return
        since = max(self._next, self._start)
        self._next = since + timedelta(seconds=self._random.uniform(0.5, 1.5) / self._growth)


def _assign(document: Document, path: str, value: object) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        inner = document.get(parent)
        if not isinstance(inner, dict):
            inner = document[parent] = {}
        document = inner
    document[name] = value

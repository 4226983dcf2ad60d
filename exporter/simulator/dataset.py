"""One bot's history: conversations and messages that grow with time, and can be deleted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from exporter.model import Collection
from exporter.simulator.believable import Company, Conversation
from exporter.simulator.dates import Dates
from exporter.simulator.matching import Matcher
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
        self._settings = settings
        self._seed = f"{settings.seed}:{bot_id}"
        self._company = Company(self._seed, self.dates, settings)
        self._random = Random(f"{self._seed}:growth")
        self._ends = self._moments(start)
        self._next = next(self._ends, _NEVER)
        self._bursts = 0
        self._conversations: deque[Conversation] = deque(maxlen=settings.max_conversations)

    def grow(self, until: datetime) -> None:
        """Add every conversation that ended by `until`, and delete what is delivered by then."""
        while self._next <= until:
            self._conversations.append(self._company.converse(self._random, self._next))
            self._next = next(self._ends, _NEVER)
        if self._settings.delivery is not None:
            delivered = until - timedelta(seconds=self._settings.delivery)
            self._delete(lambda each: each.complete and each.ended <= delivered)

    def rows(self, collection: Collection) -> list[Document]:
        """Return all rows as stored, oldest first."""
        if collection == "conversations":
            return [each.row for each in self._conversations]
        return [message for each in self._conversations for message in each.messages]

    def burst(self, number: int, ended: datetime, fields: Mapping[str, object]) -> None:
        """Add conversations that ended at one moment, with these values at these dotted paths."""
        self._bursts += 1
        random = Random(f"{self._seed}:burst {self._bursts}")
        for _ in range(number):
            conversation = self._company.converse(random, ended)
            for path, value in fields.items():
                _assign(conversation.row, path, value)
            self._conversations.append(conversation)

    def forget(self, matches: Matcher) -> int:
        """Delete the matching conversations with their messages; return how many were deleted."""
        return self._delete(lambda each: matches(each.row))

    def forget_oldest(self, number: int) -> int:
        """Delete that many of the oldest conversations; return how many were deleted."""
        number = min(number, len(self._conversations))
        for _ in range(number):
            self._conversations.popleft()
        return number

    def _delete(self, is_gone: Callable[[Conversation], bool]) -> int:
        before = len(self._conversations)
        left = [each for each in self._conversations if not is_gone(each)]
        self._conversations = deque(left, self._settings.max_conversations)
        return before - len(left)

    def _moments(self, start: datetime) -> Iterator[datetime]:
        """Yield when conversations end: first in the history, then in the growth, if any."""
        settings = self._settings
        moment = start - timedelta(days=settings.history_days)
        rate = settings.history / (settings.history_days * 86_400)
        while rate:
            moment += timedelta(seconds=self._random.expovariate(rate))
            if moment >= start:
                break
            yield moment
        moment = start
        while settings.growth:
            moment += timedelta(seconds=self._random.uniform(0.5, 1.5) / settings.growth)
            yield moment


def _assign(document: Document, path: str, value: object) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        inner = document.get(parent)
        if not isinstance(inner, dict):
            inner = document[parent] = {}
        document = inner
    document[name] = value

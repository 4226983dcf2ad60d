"""Makes up plausible conversations.

Documented fields: `StartedAt`, `Status`, `Errors`, `Messages.user`, `Data.channel.ProviderName`,
`Data.user.FirstName` and `LastName` of conversations; `User` and `Conversation` of messages.
Assumed: `_id`, `Messages.bot`, every `Status` except `success`, `SentAt` and `Text` of messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from exporter.simulator.dates import Dates
from exporter.simulator.documents import reformed
from exporter.simulator.settings import Settings
from exporter.simulator.values import Document

_FIRST_NAMES: Final = (
    "Ada", "Boris", "Chloé", "Dimitar", "Elena", "Farid", "Grace", "Hristo", "Ines", "Joana", "Kalin", "Lin",
)  # fmt: skip
_LAST_NAMES: Final = (
    "Andersson", "Borisova", "Costa", "Dimitrova", "Evans", "Fischer", "Georgiev", "Haddad", "Ivanov",
)  # fmt: skip
_USER_TEXTS: Final = (
    "Hi!",
    "Where is my order?",
    "I'd like to book a table",
    "Tomorrow at 7",
    "Yes",
    "No",
    "Thanks",
)
_BOT_TEXTS: Final = (
    "Hello! How can I help?",
    "For how many people?",
    "Please confirm",
    "Sorry, once more?",
    "Done!",
)

_CHANNELS: Final = ("facebook", "viber", "darvin", None)
_REGULARS: Final = 150
_ANONYMOUS_ON_THE_WEB: Final = 0.6
_PATIENCE: Final = 0.3
_PAUSE: Final = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Conversation:
    """The row of a finished conversation, and those of its messages in the order they were sent.

    A conversation that the user abandoned is not complete.
    """

    ended: datetime
    complete: bool
    row: Document
    messages: tuple[Document, ...]


class Company:
    """One bot's users, and how often each channel and failure occurs; both differ from bot to bot."""

    def __init__(self, seed: str, dates: Dates, settings: Settings) -> None:
        random = Random(seed)
        self._form, self._id_field = settings.documents, settings.id_field
        self._dates = dates
        self._people = tuple(_person(random) for _ in range(_REGULARS))
        self._channel_weights = (random.uniform(4, 6), random.uniform(1, 2), random.uniform(2, 4), 0.2)
        self._failure_rate = random.uniform(0.08, 0.2)

    def converse(self, random: Random, ended: datetime) -> Conversation:
        """Make up one conversation that ends at this moment; all else depends on `random` only."""
        pairs = 1
        while random.random() > _PATIENCE and pairs < 12:
            pairs += 1
        started = ended - 2 * pairs * _PAUSE
        user, names = random.choice(self._people)
        row: Document = {
            self._id_field: _id(random, started),
            "StartedAt": self._dates.store(started),
            **self._outcome(random),
            "Messages": {"user": pairs, "bot": pairs},
            "Data": self._circumstances(random, names),
        }
        messages = tuple(
            {
                self._id_field: _id(random, started),
                "User": user,
                "Conversation": row[self._id_field],
                "SentAt": self._dates.store(started + number * _PAUSE),
                "Text": random.choice(_BOT_TEXTS if number % 2 else _USER_TEXTS),
            }
            for number in range(2 * pairs)
        )
        complete = row.get("Status") != "abandoned"
        row, messages = reformed(row, messages, self._form, random)
        return Conversation(ended, complete, row, messages)

    def _outcome(self, random: Random) -> Document:
        """Return Status and Errors; a few conversations lack one of them."""
        failed = random.random() < self._failure_rate
        abandoned = random.random() < 0.2
        outcome: Document = {
            "Status": "error" if failed else "abandoned" if abandoned else "success",
            "Errors": random.randint(1, 3) if failed else 0,
        }
        forgotten = random.random()
        if forgotten < 0.06:
            del outcome["Status" if forgotten < 0.03 else "Errors"]
        return outcome

    def _circumstances(self, random: Random, names: Document) -> Document:
        (channel,) = random.choices(_CHANNELS, self._channel_weights)
        named = channel != "darvin" or random.random() > _ANONYMOUS_ON_THE_WEB
        return {
            **({"channel": {"ProviderName": channel}} if channel else {}),
            **({"user": {**names}} if named else {}),
        }


def _person(random: Random) -> tuple[str, Document]:
    """Return a user's id and names."""
    identity = f"{random.getrandbits(96):024x}"
    return identity, {"FirstName": random.choice(_FIRST_NAMES), "LastName": random.choice(_LAST_NAMES)}


def _id(random: Random, moment: datetime) -> str:
    return f"{int(moment.timestamp()):08x}{random.getrandbits(64):016x}"

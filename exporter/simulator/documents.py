"""Gives the documents of a made-up conversation another form: other names, nesting and types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Final

from exporter.simulator.settings import Documents
from exporter.simulator.values import MISSING, Document, values_at

_FLAT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "_id": "_id",
        "Id": "Id",
        "StartedAt": "CreatedAt",
        "Status": "Outcome",
        "Errors": "Failures",
        "Messages.user": "UserMessages",
        "Messages.bot": "BotMessages",
        "Data.channel.ProviderName": "Channel",
        "Data.user.FirstName": "FirstName",
        "Data.user.LastName": "LastName",
    }
)
_TAGS: Final = ("vip", "new", "returning", "поверително")
_STEPS: Final = ("greet", "ask", "confirm")


def reformed(
    row: Document, messages: Sequence[Document], form: Documents, random: Random
) -> tuple[Document, tuple[Document, ...]]:
    """Return a conversation and its messages in a form; the documented one does not use `random`."""
    if form == "flat":
        row, messages = _flat(row), [_flat_message(*numbered) for numbered in enumerate(messages)]
    elif form == "untidy":
        row = _untidy(row, messages[-1]["SentAt"], random)
        messages = [_untidy_message(*numbered, random) for numbered in enumerate(messages)]
    return row, tuple(messages)


def _flat(row: Document) -> Document:
    """Return the row without nesting, and with no field that the API's documentation shows."""
    values = {name: next(values_at(path, row)) for path, name in _FLAT.items()}
    return {name: value for name, value in values.items() if value is not MISSING}


def _flat_message(number: int, message: Document) -> Document:
    renamed = {"CreatedAt" if name == "SentAt" else name: value for name, value in message.items()}
    return renamed | {"Sender": _sender(number)}


def _untidy(row: Document, ended: object, random: Random) -> Document:
    """Return the row with what a store without a schema collects over the years."""
    channel = next(values_at("Data.channel.ProviderName", row))
    untidy = {
        **row,
        "Times": {"Ended": ended},
        "Канал": "неизвестен" if channel is MISSING else channel,
        "utm.source": random.choice(("ad", "mail")),
        "Tags": random.sample(_TAGS, random.randint(0, 2)),
        "Steps": [{"Name": name, "Done": random.random() < 0.9} for name in _STEPS],
        "Rating": random.choice((None, 1, 3, 5, "5")),
    }
    if random.random() < 0.1:
        untidy["$origin"] = "import"
    if row.get("Errors") and random.random() < 0.2:
        untidy["Errors"] = [{"Code": random.choice((404, 500)), "Fatal": False}]
    elif "Errors" in row and random.random() < 0.1:
        untidy["Errors"] = str(row["Errors"])
    if row.get("Status") == "success" and random.random() < 0.1:
        untidy["Status"] = 200
    for name in ("StartedAt", "Messages"):
        if random.random() < 0.05:
            del untidy[name]
    return untidy


def _untidy_message(number: int, message: Document, random: Random) -> Document:
    untidy = {**message, "From": {"Kind": _sender(number)}, "Прикачени": []}
    if random.random() < 0.1:
        del untidy["Text"]
    return untidy


def _sender(number: int) -> str:
    return "bot" if number % 2 else "user"

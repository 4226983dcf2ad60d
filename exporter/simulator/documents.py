"""Gives the documents of a made-up conversation another form: other names, nesting and types."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from exporter.simulator.settings import Documents, IdField
from exporter.simulator.values import Document

_TAGS: Final = ("vip", "new", "returning", "поверително")
_STEPS: Final = ("greet", "ask", "confirm")


def reformed(
    row: Document, messages: Sequence[Document], form: Documents, id_field: IdField, random: Random
) -> tuple[Document, tuple[Document, ...]]:
    """Return a conversation and its messages in a form; `id_field` replaces `_id`.

    `Conversation` of a message stays the conversation's id. The documented form does not use `random`.
    """
    if form == "flat":
        row, messages = _flat(row), [_flat_message(*numbered) for numbered in enumerate(messages)]
    elif form == "untidy":
        row = _untidy(row, messages[-1]["SentAt"], random)
        messages = [_untidy_message(*numbered, random) for numbered in enumerate(messages)]
    return _renamed(row, id_field), tuple(_renamed(message, id_field) for message in messages)


def _flat(row: Document) -> Document:
    """Return the row without nesting, and with no field that the API's documentation shows."""
    names = {"_id": "_id", "StartedAt": "CreatedAt", "Status": "Outcome", "Errors": "Failures"}
    flat = {names[name]: value for name, value in row.items() if name in names}
    for parent, child, name in (
        ("Messages", "user", "UserMessages"),
        ("Messages", "bot", "BotMessages"),
        ("channel", "ProviderName", "Channel"),
        ("user", "FirstName", "FirstName"),
        ("user", "LastName", "LastName"),
    ):
        inner = row.get(parent) or _part(row, "Data").get(parent)
        if isinstance(inner, dict) and child in inner:
            flat[name] = inner[child]
    return flat


def _flat_message(number: int, message: Document) -> Document:
    renamed = {"CreatedAt" if name == "SentAt" else name: value for name, value in message.items()}
    return renamed | {"Sender": _sender(number)}


def _untidy(row: Document, ended: object, random: Random) -> Document:
    """Return the row with what a store without a schema collects over the years."""
    untidy = {
        **row,
        "Times": {"Ended": ended},
        "Канал": _part(_part(row, "Data"), "channel").get("ProviderName", "неизвестен"),
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


def _part(row: Document, name: str) -> Document:
    inner = row.get(name)
    return inner if isinstance(inner, dict) else {}


def _sender(number: int) -> str:
    return "bot" if number % 2 else "user"


def _renamed(row: Document, id_field: IdField) -> Document:
    return {id_field if name == "_id" else name: value for name, value in row.items()}

"""Bots and APIs that differ in everything that is assumed: each is a row of the table SHAPES."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from exporter.simulator.dates import Dates
from tests.explore.conftest import Document, FakeApi, FakeBot

NAMES = ("Ada", "Boris", "Chloé", "Dimitar", "Elena", "Farid")
TEXTS = ("Where is my order?", "I want pizza", "call me at 0888 123 456", "Hi", "gracias")
DAY = 86_400


def moments(number: int) -> list[datetime]:
    """Return moments from 50 days ago to now, none near the edge of an hour or a day before now."""
    now = datetime.now(UTC).replace(microsecond=0)
    return [now - timedelta(seconds=(number - place) * 50 * DAY // number - 900) for place in range(number)]


def object_id(random: Random) -> str:
    return f"{random.getrandbits(96):024x}"


def documented(number: int, dates: Dates, seed: int = 1) -> tuple[list[Document], list[Document]]:
    """Return conversations and messages with the documented fields, and more."""
    random = Random(seed)
    conversations, messages = [], []
    for moment in moments(number):
        one: Document = {
            "_id": object_id(random),
            "StartedAt": dates.store(moment),
            "Status": random.choice(["success", "success", "error", "abandoned"]),
            "Errors": random.choice([0, 0, 0, 2]),
            "Messages": {"user": random.randint(1, 9)},
            "Data": {
                "channel": {"ProviderName": random.choice(["facebook", "viber", "darvin"])},
                "user": {"FirstName": random.choice(NAMES), "mail": f"{random.choice(NAMES)}@example.org"},
                "language": random.choice(["en", "bg"]),
            },
        }
        if random.random() < 0.1:
            del one["Status"]
        conversations.append(one)
        messages.append(
            {
                "_id": object_id(random),
                "User": object_id(random),
                "Conversation": one["_id"],
                "SentAt": dates.store(moment),
                "Text": random.choice(TEXTS),
            }
        )
    return conversations, messages


def flat(number: int) -> tuple[list[Document], list[Document]]:
    """Return documents with other names: Unicode keys, keys with dots and `$`, numbers for dates, lists."""
    random = Random(2)
    conversations = [
        {
            "Id": place * 1_000_003,
            "createdTime": Dates("epoch-ms").store(moment),
            "Канал": random.choice(["уеб", "поща"]),
            "статус.край": "krai",
            "$flags": {"a": 1},
            "outcome": random.choice(["done", "lost", 7, None]),
            "HasErrors": random.random() < 0.2,
            "tags": random.sample(["gold", "new", "vip"], 2),
            "кой": random.choice(NAMES),
            "turns": [1, 2, "x"][place % 3],
            "steps": [{"kind": "ask", "said": random.choice(TEXTS)}, {"kind": "tell"}],
            "scores": {random.choice(NAMES).lower() + str(place % 40): {"points": 1}},
        }
        for place, moment in enumerate(moments(number))
    ]
    return conversations, []


def german(number: int) -> tuple[list[Document], list[Document]]:
    """Return documents whose dates are no format at all, with messages that have a sender."""
    random = Random(3)
    conversations = [
        {
            "_id": {"$oid": object_id(random)},
            "begin": f"{moment:%d.%m.%Y %H:%M}",
            "state": random.choice(["Offen", "Zu"]),
            "kunde": {"vorname": random.choice(NAMES), "ort": random.choice(["Sofia", "Wien"])},
            "plz": random.choice([1010, 1020]),
            "stufe": random.choice([1, 2]),
        }
        for moment in moments(number)
    ]
    messages = [
        {
            "_id": {"$oid": object_id(random)},
            "sender": random.choice(["user", "bot"]),
            "author": random.choice(NAMES),
            "body": random.choice(TEXTS),
        }
        for _ in range(number)
    ]
    return conversations, messages


def shown_as_text(dates: Dates, document: Document) -> Document:
    return dict(dates.show(document))


@dataclass
class Shape:
    """One bot behind one API.

    `queries` are the names that are proposed, all of them. `shown` are the texts of the data that may be in
    the output. `dates` is the setting that is written, if any.
    """

    name: str
    api: Callable[[], FakeApi]
    queries: list[str]
    shown: set[str] = field(default_factory=set)
    dates: str = ""
    left_out: list[str] = field(default_factory=list)


CONVERSATIONS = [
    "conversations",
    "conversations_by_channel",
    "conversations_by_outcome",
    "conversations_with_errors",
    "conversations_engaged",
]
WINDOWS = ["conversations_last_hour", "conversations_last_day", "messages_last_hour", "messages_last_day"]
KINDS = {"success", "error", "abandoned", "facebook", "viber", "darvin", "en", "bg"}


def _api(documents: tuple[list[Document], list[Document]], bot: dict[str, Any], **api: Any) -> FakeApi:
    return FakeApi(FakeBot(*documents, **bot), **api)


SHAPES = [
    Shape(
        "documented, BSON dates shown as text",
        lambda: _api(
            documented(600, Dates("extended-json")),
            {"dates": "extended-json", "show": partial(shown_as_text, Dates("extended-json"))},
        ),
        [*CONVERSATIONS, "messages", *WINDOWS, "conversations_by_data_language"],
        KINDS,
        "extended-json",
    ),
    Shape(
        "other names, numbers for dates, pages of ten, a bare count",
        lambda: _api(flat(400), {"dates": "epoch-ms", "max_limit": 10}, count_body=int),
        [
            "conversations",
            "messages",
            "conversations_by_outcome",
            "conversations_with_errors",
            "conversations_engaged",
            "conversations_last_hour",
            "conversations_last_day",
            "conversations_by_field",
        ],
        {"уеб", "поща", "done", "lost", "ask", "tell"},
        "epoch-ms",
        ["it is in a list"],
    ),
    Shape(
        "no sort, no format of dates, a list in an envelope",
        lambda: _api(
            german(300),
            {"refuses": frozenset({"sort"})},
            count_body=lambda number: {"Result": number},
            rows_body=lambda rows: {"Result": rows, "Count": len(rows)},
        ),
        [
            "conversations",
            "messages",
            "conversations_by_outcome",
            "messages_by_sender",
            "conversations_by_stufe",
        ],
        {"Offen", "Zu", "user", "bot"},
        "",
        ["no format fits"],
    ),
    Shape(
        "neither $ne, $nin nor $exists, skip ignored",
        lambda: _api(
            documented(300, Dates("iso")),
            {"refuses": frozenset({"$ne", "$nin", "$exists"}), "ignores": frozenset({"skip"})},
        ),
        [*CONVERSATIONS, "messages", *WINDOWS, "conversations_by_data_language"],
        KINDS,
    ),
    Shape(
        "429 now and then, larger limits refused, only comparisons for equality",
        lambda: _api(
            documented(300, Dates("iso")),
            {"limit_refused_above": 20, "refuses": frozenset({"$gt", "$gte", "$lt", "$lte"})},
            throttles=60,
        ),
        [
            "conversations",
            "messages",
            "conversations_by_channel",
            "conversations_by_outcome",
            "conversations_by_data_language",
        ],
        KINDS,
        "",
        ["does not take $gt"],
    ),
    Shape(
        "four conversations, messages forbidden",
        lambda: _api(documented(4, Dates("iso")), {}, forbidden="messages"),
        ["conversations"],
    ),
    Shape("empty", lambda: _api(([], []), {}), ["conversations", "messages"]),
]

"""The values that the rooms pass to each other: frozen, without I/O.

Config ─┬─ Bot ─┬─ Api               what the operator configured, parsed and checked (config/)
        │       └─ TokenSource
        └─ Query ─┬─ Variant ── Predicate
                  └─ Alert        when to notify a person (alert.py)
Plan ──── Poll ──── Series           what will be requested, each series unique (plan.py)
Unknown ─ Part                       what no document has of the predicates that count 0 (polling/)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import time
from pathlib import Path
from typing import Final, Literal, NamedTuple, NoReturn, TypeAlias
from zoneinfo import ZoneInfo

from exporter.alert import Alert

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Label names and values, sorted by name."""

Collection = Literal["conversations", "messages"]
COLLECTIONS: Final[tuple[Collection, ...]] = ("conversations", "messages")

DateFormat = Literal["iso", "extended-json", "epoch-ms"]
DATE_FORMATS: Final[tuple[DateFormat, ...]] = ("iso", "extended-json", "epoch-ms")
DateSetting = Literal["iso", "extended-json", "epoch-ms", "auto"]

ShardBy = Literal["bot", "query"]
SHARD_BY: Final[tuple[ShardBy, ...]] = ("bot", "query")


class Secret:
    """A text that prints as •••; only `reveal` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself; call it only where it must be sent."""
        return self._text

    def __str__(self) -> str:
        return "•••"

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format("•••", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled or copied out of this process")


@dataclass(frozen=True, slots=True)
class TokenSource:
    """The source of a bot's token: either an environment variable or a file."""

    env: str | None = None
    file: Path | None = None

    def __str__(self) -> str:
        return f"environment variable {self.env}" if self.env else f"file {self.file}"


@dataclass(frozen=True, slots=True)
class Api:
    """The settings for one bot's API; durations in seconds, rate in requests per second."""

    url: str = "https://api.nativechat.com/v1"
    timeout: float = 10.0
    concurrency: int = 8
    rate: float | None = 10.0
    retries: int = 2
    dates: DateSetting = "iso"
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Bot:
    """One NativeChat bot: its name in labels, its id in URLs, and the source of its token.

    `fault` is set if the id cannot be read: what is wrong, and what to do. Such a bot gets no request.
    """

    name: str
    id: str
    token: TokenSource
    labels: Labels = ()
    api: Api = field(default_factory=Api)
    fault: tuple[str, str] | None = None

    @property
    def key(self) -> str:
        """What tells two bots of one name apart, without the id: a short hash of API URL and id."""
        return hashlib.sha256(f"{self.api.url} {self.id}".encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Predicate:
    """A MongoDB predicate as compact JSON text; the empty text matches everything.

    Dates in it are as configured, such as `{"$date":"now-1h"}`; `language.predicate.write` resolves them
    at each run. `dated` holds the dotted fields that are compared with a date.
    """

    text: str = ""
    dated: tuple[str, ...] = ()

    @property
    def meaning(self) -> frozenset[str]:
        """The conditions, each as JSON text: in another order they match the same."""
        raw = json.loads(self.text) if self.text else {}
        return frozenset(json.dumps({field: condition}) for field, condition in raw.items())


@dataclass(frozen=True, slots=True)
class Variant:
    """One combination of a query's label values, with its predicate."""

    labels: Labels = ()
    predicate: Predicate = field(default_factory=Predicate)


@dataclass(frozen=True, slots=True)
class Query:
    """One named query: its metric, its interval, and a variant for each combination of labels.

    `every` and `stale_after` are seconds. `at` is a time of day in the configuration's zone; it is set only
    if `every` is whole days. `bots` are names, in the file's order. `predicate` is the key `query` as compact
    JSON text, placeholders included. `alerts` do not affect requests, so queries that differ only in them are
    equal.
    """

    name: str
    help: str
    collection: Collection
    every: float
    stale_after: float
    bots: tuple[str, ...]
    at: time | None = None
    label_names: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = (Variant(),)
    predicate: str = ""
    alerts: tuple[Alert, ...] = field(default=(), compare=False)

    @property
    def metric(self) -> str:
        """The name of the query's metric."""
        return f"nativechat_{self.name}"

    @property
    def counter(self) -> str:
        """The name of the counter of what is new; only a query without dates has one."""
        return f"{self.metric}_new_total"

    @property
    def dated(self) -> bool:
        """Whether a predicate has a date: then time alone changes its count."""
        return any(variant.predicate.dated for variant in self.variants)


@dataclass(frozen=True, slots=True)
class Config:
    """A whole, valid configuration: later code does not check its fields again.

    `shard_by` says what stays together on a shard: all queries of a bot, or only each query of a bot.
    """

    bots: tuple[Bot, ...]
    queries: tuple[Query, ...]
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    max_series: int = 1000
    workers: int = 64
    shard_by: ShardBy = "bot"


@dataclass(frozen=True, slots=True)
class Series:
    """One time series, and the request that counts it.

    `labels` are all labels, with `bot` and those of the bot, sorted by name. A series has every value
    that decides what the API counts, so equal series have the same counts, also across reloads. `dates`
    and `zone`, a name, are None if the predicate has no date.
    """

    metric: str
    labels: Labels
    bot_id: str
    url: str
    dates: DateSetting | None
    zone: str | None
    collection: Collection
    predicate: Predicate

    def counts_the_same(self, other: Series) -> bool:
        """Return whether another series, under whatever labels, has the same counts."""
        if self == other:  # a reload changes few: the rest costs ten times as much
            return True
        alike = replace(self, labels=other.labels, predicate=other.predicate) == other
        return alike and (
            self.predicate == other.predicate or self.predicate.meaning == other.predicate.meaning
        )


@dataclass(frozen=True, slots=True)
class Poll:
    """One query for one bot: its series are due together, and it has at most one run at a time."""

    bot: Bot
    query: Query
    series: tuple[Series, ...]

    @property
    def key(self) -> tuple[str, str]:
        """The bot's name and the query's name: unique in a plan."""
        return self.bot.name, self.query.name


@dataclass(frozen=True, slots=True)
class Plan:
    """All polls, in the order of the configuration."""

    polls: tuple[Poll, ...]
    zone: ZoneInfo
    workers: int

    @property
    def bots(self) -> tuple[Bot, ...]:
        """The bots with at least one poll, in order of first use."""
        return tuple({poll.bot.name: poll.bot for poll in self.polls}.values())

    @property
    def queries(self) -> tuple[Query, ...]:
        """The queries with at least one poll, in order of first use."""
        return tuple({poll.query.name: poll.query for poll in self.polls}.values())

    @property
    def series(self) -> int:
        """The number of series."""
        return sum(len(poll.series) for poll in self.polls)

    @property
    def requests_per_minute(self) -> float:
        """The number of requests a minute if nothing fails."""
        return sum(len(poll.series) * 60.0 / poll.query.every for poll in self.polls)


NOTHING: Final = Plan(polls=(), zone=ZoneInfo("UTC"), workers=1)
"""An empty plan, in use before the first configuration."""


class Part(NamedTuple):
    """What documents may lack: a dotted field, or a `value` of it, which is compact JSON text."""

    field: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """What no document of a bot has: fields, with a sentence on each, and values of fields that some have."""

    fields: Mapping[str, str] = field(default_factory=dict)
    values: frozenset[Part] = frozenset()

    def among(self, parts: Set[Part]) -> Unknown:
        """Return those that are among some parts."""
        fields = {name: sentence for name, sentence in self.fields.items() if Part(name) in parts}
        return Unknown(fields, self.values & parts)

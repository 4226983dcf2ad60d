"""The nouns that cross doors: frozen, without I/O.

Config ─┬─ Bot ─┬─ Api               what the operator wrote, parsed and checked (config/)
        │       └─ TokenSource
        └─ Query ─┬─ Variant ── Predicate
                  └─ Alert        when to tell a person (alert.py)
Plan ──── Poll ──── Series           what will be asked, each series unique (plan.py)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Final, Literal, NoReturn, TypeAlias
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
    """A text that shows itself to nobody: it prints as •••, and only `reveal` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the one line that must have it."""
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
    """Where a bot's token is read from: exactly one of an environment variable and a file."""

    env: str | None = None
    file: Path | None = None

    def __str__(self) -> str:
        return f"environment variable {self.env}" if self.env else f"file {self.file}"


@dataclass(frozen=True, slots=True)
class Api:
    """How one bot's API is spoken to; durations in seconds, rate in requests per second."""

    url: str = "https://api.nativechat.com/v1"
    timeout: float = 10.0
    concurrency: int = 8
    rate: float | None = 10.0
    retries: int = 2
    dates: DateSetting = "iso"
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Bot:
    """One NativeChat bot: its name in labels, its id in URLs, and where its token is."""

    name: str
    id: str
    token: TokenSource
    labels: Labels = ()
    api: Api = field(default_factory=Api)


@dataclass(frozen=True, slots=True)
class Predicate:
    """A MongoDB predicate as compact JSON text; the empty text means all.

    Dates in it are still what the operator wrote, `{"$date":"now-1h"}`: they are worked out at each
    run by `language.predicate.write`. `dated` names the dotted fields that are compared with a date.
    """

    text: str = ""
    dated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Variant:
    """One combination of a query's label values, and the predicate that counts it."""

    labels: Labels = ()
    predicate: Predicate = field(default_factory=Predicate)


@dataclass(frozen=True, slots=True)
class Query:
    """One named query: a metric, how often it is asked, and a variant for each label combination.

    `every` and `stale_after` are seconds. `at` is a time of day in the configuration's zone, and
    goes with an `every` of whole days only. `bots` are names, in the file's order. What is asked is the
    same whatever `alert` says, so two queries that differ in it alone are equal.
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
    alert: Alert | None = field(default=None, compare=False)

    @property
    def metric(self) -> str:
        """The name of the metric this query fills."""
        return f"nativechat_{self.name}"


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration, valid: no later code asks again whether a field is right.

    `shard_by` says what stays together on one shard: all queries of a bot, or each query of a bot alone.
    """

    bots: tuple[Bot, ...]
    queries: tuple[Query, ...]
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    max_series: int = 1000
    workers: int = 64
    shard_by: ShardBy = "bot"


@dataclass(frozen=True, slots=True)
class Series:
    """One time series, and the one request that fills it.

    `labels` are all of them, `bot` and bot labels included, sorted by name. Two series that are
    equal are filled by the same answers, across reloads too: every part that decides what the API
    counts is in here. `dates` and `zone`, a name, are None where the predicate has no date.
    """

    metric: str
    labels: Labels
    bot_id: str
    url: str
    dates: DateSetting | None
    zone: str | None
    collection: Collection
    predicate: Predicate


@dataclass(frozen=True, slots=True)
class Poll:
    """One query for one bot: what is due together and in flight at most once."""

    bot: Bot
    query: Query
    series: tuple[Series, ...]

    @property
    def key(self) -> tuple[str, str]:
        """Bot name and query name: unique in a plan."""
        return self.bot.name, self.query.name


@dataclass(frozen=True, slots=True)
class Plan:
    """Every request that will be made, in the order of the configuration."""

    polls: tuple[Poll, ...]
    zone: ZoneInfo
    workers: int

    @property
    def bots(self) -> tuple[Bot, ...]:
        """The bots that are asked anything, in order of first use."""
        return tuple({poll.bot.name: poll.bot for poll in self.polls}.values())

    @property
    def queries(self) -> tuple[Query, ...]:
        """The queries that are asked of any bot, in order of first use."""
        return tuple({poll.query.name: poll.query for poll in self.polls}.values())

    @property
    def requests_per_minute(self) -> float:
        """How many requests a minute the plan makes when nothing fails."""
        return sum(len(poll.series) * 60.0 / poll.query.every for poll in self.polls)


NOTHING: Final = Plan(polls=(), zone=ZoneInfo("UTC"), workers=1)
"""The plan before the first one."""

"""The settings of the simulation, each with its help."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal

from exporter.errors import ExporterError
from exporter.model import DateFormat

CountShape = Literal["count", "bare", "Result", "Count", "total"]
COUNT_SHAPES: Final[tuple[CountShape, ...]] = ("count", "bare", "Result", "Count", "total")

Documents = Literal["documented", "flat", "untidy"]
IdField = Literal["_id", "Id"]
ShownDates = Literal["text", "as-stored"]
UndecodedDates = Literal["refuse", "nothing"]
OverLimit = Literal["clamp", "refuse"]
RetryAfterForm = Literal["seconds", "http-date"]

PARAMETERS: Final = ("query", "sort", "limit", "skip")


class SettingError(ExporterError):
    """A setting has a wrong value."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How the simulated NativeChat behaves; `metadata["help"]` of each field says what it sets.

    Raises SettingError for a wrong value. Every default is an assumption: nothing public shows what the
    real API does.
    """

    seed: int = field(
        default=1,
        metadata={"help": "the seed of the data; the same seed and the same times give the same data"},
    )
    documents: Documents = field(
        default="documented",
        metadata={
            "help": "the documents: documented fields, flat ones with other names, or untidy ones with mixed"
            " types, arrays, missing fields, and keys in any script"
        },
    )
    id_field: IdField = field(default="_id", metadata={"help": "the field that identifies a document"})
    count_shape: CountShape = field(
        default="count",
        metadata={
            "help": 'the body of _count: {"count": N}, N alone, {"Result": N}, {"Count": N} or {"total": N}'
        },
    )
    dates: DateFormat = field(
        default="iso",
        metadata={
            "help": "how dates are stored: iso as text, extended-json as BSON dates, epoch-ms as numbers;"
            " only {$date: …} matches a BSON date",
        },
    )
    shown_dates: ShownDates = field(
        default="text", metadata={"help": "how dates are shown in documents: as ISO text, or as stored"}
    )
    undecoded_dates: UndecodedDates = field(
        default="refuse",
        metadata={"help": "the effect of {$date: …} if dates are not BSON dates: a 400, or no match"},
    )
    default_limit: int = field(default=100, metadata={"help": "rows in a page when `limit` is absent"})
    max_limit: int = field(
        default=100, metadata={"help": "the most rows in a page, even if `limit` is higher"}
    )
    over_limit: OverLimit = field(
        default="clamp", metadata={"help": "the effect of a higher `limit`: that many rows, or a 400"}
    )
    refuse: str = field(
        default="",
        metadata={"help": "parameters and operators that get a 400, separated by commas, such as sort,$ne"},
    )
    ignore: str = field(
        default="",
        metadata={"help": "parameters without any effect, separated by commas, such as sort,skip"},
    )
    throttle: float = field(
        default=0.0, metadata={"help": "the share of requests that get a 429, whatever the rate; below 1"}
    )
    rate: float | None = field(
        default=None,
        metadata={"help": "the most requests per second and bot without a 429; none means no limit"},
    )
    retry_after: RetryAfterForm = field(
        default="seconds", metadata={"help": "the format of Retry-After in a 429"}
    )
    latency: float = field(default=0.0, metadata={"help": "seconds that every response takes"})
    jitter: float = field(
        default=0.0, metadata={"help": "the most seconds that are added to the latency, uniformly random"}
    )
    history: int = field(
        default=400, metadata={"help": "the approximate number of conversations of a bot at the start"}
    )
    history_days: float = field(
        default=5.0, metadata={"help": "the days over which these conversations are spread"}
    )
    growth: float = field(
        default=0.5, metadata={"help": "new conversations per second and bot, on average; 0 stops it"}
    )
    max_conversations: int = field(
        default=10_000, metadata={"help": "the most conversations of a bot; above it, the oldest are deleted"}
    )

    delivery: float | None = field(
        default=None,
        metadata={
            "help": "seconds after which completed conversations are deleted, as external history storage"
            " does; abandoned ones stay; none keeps all"
        },
    )

    @property
    def refused(self) -> frozenset[str]:
        """The names of parameters and operators in `refuse`."""
        return _names(self.refuse)

    @property
    def ignored(self) -> frozenset[str]:
        """The names of parameters in `ignore`."""
        return _names(self.ignore)

    def __post_init__(self) -> None:
        for name in self.refused | self.ignored:
            if name not in PARAMETERS and (name in self.ignored or name[0] != "$"):
                raise SettingError(f"{name} is no parameter (known are {', '.join(PARAMETERS)})")
        if not 0 <= self.throttle < 1:
            raise SettingError("throttle must be a number from 0 and below 1")
        for name in ("default_limit", "max_limit", "max_conversations"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1")
        for name in ("latency", "jitter", "history", "growth"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SettingError(f"{name} must be a number from 0")
        for name in ("rate", "history_days", "delivery"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise SettingError(f"{name} must be a number above 0")


def _names(text: str) -> frozenset[str]:
    return frozenset(name for part in text.split(",") if (name := part.strip()))

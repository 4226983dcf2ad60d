"""The settings of the simulation, each with its help."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal

from exporter.errors import ExporterError
from exporter.model import DateFormat

CountShape = Literal["count", "bare", "Result", "Count"]
COUNT_SHAPES: Final[tuple[CountShape, ...]] = ("count", "bare", "Result", "Count")

UndecodedDates = Literal["refuse", "nothing"]
UNDECODED_DATES: Final[tuple[UndecodedDates, ...]] = ("refuse", "nothing")

RetryAfterForm = Literal["seconds", "http-date"]
RETRY_AFTER_FORMS: Final[tuple[RetryAfterForm, ...]] = ("seconds", "http-date")


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
    count_shape: CountShape = field(
        default="count",
        metadata={"help": 'the body of _count: {"count": N}, N alone, {"Result": N} or {"Count": N}'},
    )
    dates: DateFormat = field(
        default="iso",
        metadata={
            "help": "how dates are stored: iso as text, extended-json as BSON dates, epoch-ms as numbers;"
            " only {$date: …} matches a BSON date",
        },
    )
    undecoded_dates: UndecodedDates = field(
        default="refuse",
        metadata={"help": "the effect of {$date: …} if dates are not BSON dates: a 400, or no match"},
    )
    default_limit: int = field(default=100, metadata={"help": "rows in a page when `limit` is absent"})
    max_limit: int = field(
        default=100, metadata={"help": "the most rows in a page, even if `limit` is higher"}
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

    def __post_init__(self) -> None:
        for name in ("default_limit", "max_limit", "max_conversations"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1")
        for name in ("latency", "jitter", "history", "growth"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SettingError(f"{name} must be a number from 0")
        for name in ("rate", "history_days"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise SettingError(f"{name} must be a number above 0")

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
        default=1, metadata={"help": "the data is the same for the same seed and the same times"}
    )
    count_shape: CountShape = field(
        default="count",
        metadata={"help": 'the body of _count: {"count": N}, N alone, {"Result": N} or {"Count": N}'},
    )
    dates: DateFormat = field(
        default="iso",
        metadata={
            "help": "how dates are stored, and so what matches them: iso is text, extended-json is a BSON"
            " date that only {$date: …} matches (text counts 0 of them), epoch-ms is a number",
        },
    )
    undecoded_dates: UndecodedDates = field(
        default="refuse",
        metadata={"help": "what {$date: …} does where dates are not BSON dates: get a 400, or match nothing"},
    )
    default_limit: int = field(default=100, metadata={"help": "rows in a page when `limit` is absent"})
    max_limit: int = field(default=100, metadata={"help": "most rows in a page, whatever `limit` asks for"})
    rate: float | None = field(
        default=None, metadata={"help": "requests per second and bot before a 429; none for no limit"}
    )
    retry_after: RetryAfterForm = field(
        default="seconds", metadata={"help": "how the Retry-After of a 429 is written"}
    )
    latency: float = field(default=0.0, metadata={"help": "seconds that every response takes"})
    jitter: float = field(default=0.0, metadata={"help": "at most this many seconds more, uniformly random"})
    history: int = field(default=400, metadata={"help": "about how many conversations a bot starts with"})
    history_days: float = field(default=5.0, metadata={"help": "days over which those are spread"})
    growth: float = field(
        default=0.5, metadata={"help": "new conversations per second and bot, on average; 0 stops it"}
    )
    max_conversations: int = field(
        default=10_000, metadata={"help": "most conversations of a bot; the oldest are deleted"}
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

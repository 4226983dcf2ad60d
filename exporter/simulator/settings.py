"""The settings of the simulation, each with its help."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal

from exporter.model import DateFormat

CountShape = Literal["count", "bare", "Result", "Count", "total"]
Documents = Literal["documented", "flat", "untidy"]
IdField = Literal["_id", "Id"]
ShownDates = Literal["text", "as-stored"]
UndecodedDates = Literal["refuse", "nothing"]
OverLimit = Literal["clamp", "refuse"]
RetryAfterForm = Literal["seconds", "http-date"]

PARAMETERS: Final = ("query", "sort", "limit", "skip")


@dataclass(frozen=True, slots=True)
class Settings:
    """How the simulated NativeChat behaves; the annotation of each field says what it sets.

    Raises ValueError for a wrong value. Every default is an assumption: nothing public shows what the
    real API does.
    """

    seed: Annotated[int, "the seed of the data; the same seed and the same times give the same data"] = 1
    documents: Annotated[
        Documents,
        "the fields: those documented, flat ones with other names, or untidy ones of mixed types",
    ] = "documented"
    id_field: Annotated[IdField, "the field that identifies a document"] = "_id"
    count_shape: Annotated[
        CountShape, 'the body of _count: {"count": N}, N alone, {"Result": N}, {"Count": N} or {"total": N}'
    ] = "count"
    dates: Annotated[
        DateFormat,
        "how dates are stored: iso as text, extended-json as BSON dates, epoch-ms as numbers;"
        " only {$date: …} matches a BSON date",
    ] = "iso"
    shown_dates: Annotated[ShownDates, "how dates are shown in documents: as ISO text, or as stored"] = "text"
    undecoded_dates: Annotated[
        UndecodedDates, "the effect of {$date: …} if dates are not BSON dates: a 400, or no match"
    ] = "refuse"
    default_limit: Annotated[int, "rows in a page when `limit` is absent"] = 100
    max_limit: Annotated[int, "the most rows in a page, even if `limit` is higher"] = 100
    over_limit: Annotated[OverLimit, "the effect of a higher `limit`: that many rows, or a 400"] = "clamp"
    refuse: Annotated[
        str, "parameters and operators that get a 400, separated by commas, such as sort,$ne"
    ] = ""
    ignore: Annotated[str, "parameters without any effect, separated by commas, such as sort,skip"] = ""
    throttle: Annotated[float, "the share of requests that get a 429, whatever the rate; below 1"] = 0.0
    rate: Annotated[
        float | None, "the most requests per second and bot without a 429; none means no limit"
    ] = None
    retry_after: Annotated[RetryAfterForm, "the format of Retry-After in a 429"] = "seconds"
    latency: Annotated[float, "seconds that every response takes"] = 0.0
    jitter: Annotated[float, "the most seconds that are added to the latency, uniformly random"] = 0.0
    history: Annotated[int, "the approximate number of conversations of a bot at the start"] = 400
    history_days: Annotated[float, "the days over which these conversations are spread"] = 5.0
    growth: Annotated[float, "new conversations per second and bot, on average; 0 stops it"] = 0.5
    max_conversations: Annotated[int, "the most conversations of a bot; above it, the oldest are deleted"] = (
        10_000
    )
    delivery: Annotated[
        float | None,
        "seconds until completed conversations are deleted, as external history storage does; none keeps all",
    ] = None

    @property
    def refused(self) -> frozenset[str]:
        """The names of parameters and operators in `refuse`."""
        return frozenset(map(str.strip, self.refuse.split(","))) - {""}

    @property
    def ignored(self) -> frozenset[str]:
        """The names of parameters in `ignore`."""
        return frozenset(map(str.strip, self.ignore.split(","))) - {""}

    def __post_init__(self) -> None:
        for name in self.refused | self.ignored:
            if name not in PARAMETERS and (name in self.ignored or name[0] != "$"):
                raise ValueError(f"{name} is no parameter (known are {', '.join(PARAMETERS)})")
        if not 0 <= self.throttle < 1:
            raise ValueError("--throttle must be a number from 0 and below 1")
        for name in ("default_limit", "max_limit", "max_conversations"):
            if getattr(self, name) < 1:
                raise ValueError(f"{_flag(name)} must be at least 1")
        for name in ("latency", "jitter", "history", "growth"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{_flag(name)} must be a number from 0")
        for name, most in (("rate", 1e6), ("history_days", 36_500), ("delivery", 1e9)):
            value = getattr(self, name)
            if value is not None and not 0 < value <= most:
                raise ValueError(f"{_flag(name)} must be a number above 0 and at most {most:g}")


def _flag(setting: str) -> str:
    return f"--{setting.replace('_', '-')}"


SHAPES: Final[Mapping[str, Settings]] = MappingProxyType(
    {
        "documented": Settings(),
        "flat": Settings(
            documents="flat",
            id_field="Id",
            dates="epoch-ms",
            shown_dates="as-stored",
            undecoded_dates="nothing",
            count_shape="bare",
            default_limit=10,
            max_limit=10,
            refuse="$exists",
            throttle=0.02,
        ),
        "extended": Settings(
            dates="extended-json",
            shown_dates="as-stored",
            count_shape="Result",
            default_limit=50,
            max_limit=1000,
            over_limit="refuse",
            refuse="$ne,$nin",
        ),
        "untidy": Settings(
            documents="untidy",
            undecoded_dates="nothing",
            count_shape="Count",
            default_limit=20,
            max_limit=20,
            refuse="sort",
            throttle=0.02,
            retry_after="http-date",
        ),
        "unordered": Settings(
            documents="untidy",
            id_field="Id",
            dates="extended-json",
            count_shape="bare",
            refuse="$ne,$exists",
            ignore="sort",
        ),
        "delivered": Settings(
            documents="flat",
            dates="epoch-ms",
            undecoded_dates="nothing",
            max_limit=10,
            over_limit="refuse",
            ignore="skip",
            delivery=43_200.0,
        ),
    }
)
"""Settings by the name of a shape: each differs from the others in what nothing documents.

`documented` has every default.
"""

"""The values that an exploration finds: frozen, and free of documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from exporter.explore.profile import Field
from exporter.model import Collection, DateFormat

Verdict: TypeAlias = Literal["ok", "differs", "refused", "unknown"]
Result: TypeAlias = Literal["ok", "differs", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """What the API does with one kind of request: as documented, otherwise, an error, or not found out."""

    name: str
    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Collected:
    """A collection: how many documents there are, how many were sampled, and the fields that may be shown.

    `total` is None if it could not be counted. `hidden` is the number of fields that may not be shown.
    """

    collection: Collection
    total: int | None
    sampled: int
    fields: tuple[Field, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class DateField:
    """A field that holds dates, and the format that matches them in a request, None if none is proven."""

    collection: Collection
    field: Field
    dates: DateFormat | None
    detail: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One assumption: `name` is stable, `subject` is what it is about, `detail` is what to change."""

    name: str
    result: Result
    subject: str
    detail: str = ""


def share(part: int, whole: int) -> str:
    """Return a share in percent; 100 % and 0 % only where they are exact."""
    if not whole:
        return "0 %"
    percent = 100 * part / whole
    if part < whole:
        percent = min(percent, 99.9)
    if part > 0:
        percent = max(percent, 0.1)
    return f"{percent:.1f} %".replace(".0 %", " %")

"""How dates are stored, read in predicates, and shown in responses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from exporter.model import DateFormat, Json
from exporter.simulator.refusal import Refused
from exporter.simulator.settings import ShownDates, UndecodedDates

DATE_FIELDS: Final = ("StartedAt", "SentAt", "CreatedAt", "Ended")

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

UNMATCHABLE: Final = object()
"""A value that no stored value equals, and that is neither less nor greater than any."""


@dataclass(frozen=True, slots=True)
class Dates:
    """How one bot's dates are stored and shown, and what `{$date: …}` does if they are not BSON dates."""

    stored_as: DateFormat = "iso"
    undecoded: UndecodedDates = "refuse"
    shown: ShownDates = "text"

    def store(self, moment: datetime) -> object:
        """Return the stored value of a moment: text, a datetime, or milliseconds."""
        if self.stored_as == "iso":
            return _iso(moment)
        milliseconds = (moment - EPOCH) // timedelta(milliseconds=1)
        # A BSON date has whole milliseconds; with more digits it would differ from its own text.
        return _instant(milliseconds) if self.stored_as == "extended-json" else milliseconds

    def read(self, literal: Json) -> object:
        """Return the value of `{"$date": literal}` in a predicate.

        Extended JSON has three forms: ISO text with a zone, milliseconds, and milliseconds as
        `{"$numberLong": "…"}`. Raises Refused for another form, or if the settings refuse `{$date: …}`.
        """
        if self.stored_as != "extended-json":
            if self.undecoded == "refuse":
                raise Refused("unknown operator $date")
            return UNMATCHABLE
        try:
            return _moment(literal)
        except (ValueError, OverflowError) as error:
            raise Refused("$date takes ISO 8601 text with a time zone, or milliseconds") from error

    def show(self, value: object, name: str = "") -> Any:
        """Return a value, or a whole document, as responses show it: its dates as text or as stored."""
        if isinstance(value, dict):
            return {key: self.show(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.show(inner) for inner in value]
        if isinstance(value, datetime):
            return _iso(value) if self.shown == "text" else {"$date": _iso(value)}
        if name in DATE_FIELDS and isinstance(value, int) and self.shown == "text":
            return _iso(_instant(value))
        return value


def _moment(literal: Json) -> datetime:
    match literal:
        case {"$numberLong": str(digits), **more} if not more:
            return _instant(int(digits))
        case int() if not isinstance(literal, bool):
            return _instant(literal)
        case str() if (moment := datetime.fromisoformat(literal)).tzinfo:
            return moment.astimezone(UTC)
    raise ValueError(literal)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)

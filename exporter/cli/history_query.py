"""Writes the predicate of a download, with its dates in the format that the API is proven to match."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from exporter.cli.stored_dates import proven_dates
from exporter.language import datemath, predicate
from exporter.language.tree import walk
from exporter.model import Collection, DateFormat, DateSetting, Json
from exporter.nativechat.paced import PacedClient


def check_dates(raw: Json) -> None:
    """Raise ValueError, with advice, for a `{"$date": …}` that is neither date math nor an instant."""
    for path, node in walk(raw):
        if path[-1:] == ("$date",) and isinstance(node, str):
            datemath.check(node)


def between(since: str, until: str, field: str) -> Json:
    """Return the predicate for a date field from `since` to before `until`; an empty text is no bound."""
    bounds: dict[str, Json] = {
        operator: {"$date": text} for operator, text in (("$gte", since), ("$lt", until)) if text
    }
    return {field: bounds} if bounds else {}


class Dates:
    """The dates of one download: resolved at one instant, in a format that is proven once it is needed."""

    def __init__(
        self, client: PacedClient, setting: DateSetting, now: float, zone: ZoneInfo, collection: Collection
    ) -> None:
        self._client = client
        self._setting = setting
        self._now = datetime.fromtimestamp(now, UTC)
        self._zone = zone
        self._collection = collection

    def is_before(self, since: str, until: str) -> bool:
        """Return whether one date, as configured, is before another."""
        first, second = (datemath.resolve(text, self._now, self._zone) for text in (since, until))
        return first < second

    def proven(self, *fields: str) -> DateFormat:
        """Return the format that matches in these fields; raises ApiError, such as DatesUnverified."""
        return proven_dates(self._client, self._setting, self._collection, fields)

    def write(self, raw: Json) -> str:
        """Return the text of a predicate with each `{"$date": …}` as it is sent; raises ApiError."""
        compiled = predicate.compile(raw)
        dates = self.proven(*compiled.dated) if compiled.dated else "iso"
        return predicate.write(compiled, self._now, self._zone, dates)


def as_json(text: str) -> Json:
    """Return the predicate that a checked text holds; the empty text matches everything."""
    raw: Json = json.loads(text or "{}")
    return raw

"""Reads dates as documents show them, and tells which are not what a format needs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from exporter.model import DateFormat, Json

_UTC: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|\+00:00)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_MILLISECONDS: Final = range(1, 100_000_000_000)
_AFTER_9999: Final = 253_402_300_800_000


def utc_milliseconds(text: str) -> int | None:
    """Return the milliseconds since 1970 of an ISO 8601 text in UTC; None for any other text."""
    return milliseconds(text) if _UTC.fullmatch(text) else None


def milliseconds(text: str) -> int | None:
    """Return the milliseconds since 1970 of an ISO 8601 instant with a zone; None for any other text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1) if moment.tzinfo else None


def is_misread(value: Json, dates: DateFormat) -> bool:
    """Return whether a value that a document shows would be compared wrongly with a date in a format.

    Text compares as text, so it must be in UTC; numbers must be milliseconds, not seconds or microseconds.
    The API may show dates otherwise than it stores them, so what a format says nothing about is no proof.
    """
    if isinstance(value, str) and value != "":
        return dates == "iso" and utc_milliseconds(value) is None
    if isinstance(value, bool) or not isinstance(value, int | float) or dates == "extended-json":
        return False
    return dates == "iso" or int(value) in _NO_MILLISECONDS or value >= _AFTER_9999

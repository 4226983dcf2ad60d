"""Looks at documents to see whether dates that match as text are text in UTC, which counts cannot tell."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from exporter.errors import DatesUnverified, Rejected
from exporter.language import predicate
from exporter.model import Collection, DateFormat
from exporter.nativechat.by_key import value_at
from exporter.nativechat.history import Row

PAGES: Final = 2
"""Requests for one field, at most."""

SAMPLE: Final = 20
"""Rows of a page."""

_UTC: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|\+00:00)")
_ADVICE: Final = "name a date field in UTC: `explore` shows how each is written"

Page: TypeAlias = Callable[[str, str], list[Row]]
"""Returns a page of SAMPLE rows for a predicate text and a sort; raises ApiError."""


def check_stored(dates: DateFormat, collection: Collection, fields: tuple[str, ...], page: Page) -> None:
    """Look at the rows with the lowest and the highest values of each dotted field, if dates are text.

    Text compares as text: dates with an offset, without a zone or as 28/11/2026 match, and are counted
    wrongly. Raises DatesUnverified if a value is no UTC text such as 2026-11-28T12:00:00Z, or if there is
    none.
    """
    if dates != "iso":
        return
    for field in fields:
        values = [value_at(row, field) for row in _sample(field, page)]
        found = [value for value in values if value is not None]
        if not found:
            what = f"no page of {collection} shows the field {field}"
            raise DatesUnverified(f"{what}: whether its dates are in UTC cannot be seen", advice=_ADVICE)
        if not all(isinstance(value, str) and _UTC.fullmatch(value) for value in found):
            what = f"some {collection} have a {field} that is no UTC text such as 2026-11-28T12:00:00Z"
            raise DatesUnverified(f"{what}: it would be compared wrongly, as text", advice=_ADVICE)


def _sample(field: str, page: Page) -> list[Row]:
    """Return the rows from both ends, or any if the API takes no sort."""
    query = predicate.exists_probe(field)
    try:
        first = page(query, field)
    except Rejected:
        return page(query, "")
    return first + page(query, f"-{field}")

"""Proves how dates are stored, by counts, and by documents where counts cannot tell."""

from __future__ import annotations

from functools import partial
from typing import Final

from exporter.errors import DatesUnverified, Rejected
from exporter.explore.profile import typed
from exporter.language import predicate
from exporter.model import DATE_FORMATS, Collection, DateFormat, DateSetting
from exporter.nativechat.by_key import value_at
from exporter.nativechat.history import Pages, Row
from exporter.nativechat.paced import PacedClient
from exporter.polling.dates import prove_at_once

MOST_REQUESTS: Final = len(DATE_FORMATS) + 1 + 2
"""Most requests of `proven_dates` for one field: each format, a count of the field, and two pages."""

_SAMPLE: Final = 20
_ADVICE: Final = "name a date field in UTC: `explore` shows how each is written"


def proven_dates(
    client: PacedClient, setting: DateSetting, collection: Collection, fields: tuple[str, ...]
) -> DateFormat:
    """Return the format in which dates match in each of some dotted fields; raises ApiError.

    Text compares as text: dates with an offset, without a zone or as 28/11/2026 match, and are counted
    wrongly. So if dates are text, it looks at the rows with the lowest and the highest values. It raises
    DatesUnverified if one is no UTC text such as 2026-11-28T12:00:00Z, or if there is none.
    """
    dates = prove_at_once(setting, collection, fields, partial(client.count, collection))
    if dates == "iso":
        for field in fields:
            _check_text(client, collection, field)
    return dates


def _check_text(client: PacedClient, collection: Collection, field: str) -> None:
    values = [value_at(row, field) for row in _sample(client, collection, field)]
    found = [value for value in values if value is not None]
    if not found:
        what = f"no page of {collection} shows the field {field}"
        raise DatesUnverified(f"{what}: whether its dates are in UTC cannot be seen", advice=_ADVICE)
    if any(typed(value)[0] != "UTC date as text" for value in found):
        what = f"some {collection} have a {field} that is no UTC text such as 2026-11-28T12:00:00Z"
        raise DatesUnverified(f"{what}: it would be compared wrongly, as text", advice=_ADVICE)


def _sample(client: PacedClient, collection: Collection, field: str) -> list[Row]:
    """Return the rows from both ends, or any if the API takes no sort."""
    page = partial(Pages(client, collection).ask, query=predicate.exists_probe(field), limit=_SAMPLE)
    try:
        first = page(sort=field)
    except Rejected:
        return page(sort="")
    return first + page(sort=f"-{field}")

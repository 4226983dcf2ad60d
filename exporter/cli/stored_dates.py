"""Proves how dates are stored, by counts, and by documents where counts cannot tell."""

from __future__ import annotations

from functools import partial
from typing import Final

from exporter.errors import DatesUnverified, Rejected
from exporter.explore.profile import typed
from exporter.language import predicate
from exporter.language.tree import value_at
from exporter.model import DATE_FORMATS, Collection, DateFormat, DateSetting, Json
from exporter.nativechat.by_key import Key
from exporter.nativechat.history import Pages
from exporter.nativechat.paced import PacedClient
from exporter.polling.dates import prove_at_once

MOST_REQUESTS: Final = 3 * len(DATE_FORMATS) + 5
"""Most requests of `proven_dates` for one field: three counts for each format, and two pages.

If the API refuses a `limit` and `$ne`, the first page takes four requests.
"""

_SAMPLE: Final = 20
_ADVICE: Final = "name a date field in UTC: `explore` shows how each is written"
_NO_ENDS: Final = "whether the first and the last dates are in UTC cannot be seen"
_NO_ORDER: Final = "this needs an API that sorts: `verify` shows what it does"


def proven_dates(
    client: PacedClient, setting: DateSetting, collection: Collection, fields: tuple[str, ...]
) -> DateFormat:
    """Return the format in which dates match in each of some dotted fields; raises ApiError.

    Text compares as text: dates with an offset, without a zone or as 28/11/2026 match, and are counted
    wrongly. So if dates are text, it looks at the rows with the lowest and the highest values. It raises
    DatesUnverified if one is no UTC text such as 2026-11-28T12:00:00Z, if there is none, or if the API does
    not sort, so that it cannot see them.
    """
    dates = prove_at_once(setting, collection, fields, partial(client.count, collection))
    if dates == "iso":
        for field in fields:
            _check_text(client, collection, field)
    return dates


def _check_text(client: PacedClient, collection: Collection, field: str) -> None:
    lowest, highest = _ends(client, collection, field)
    found = [*lowest, *highest]
    if not found:
        what = f"no page of {collection} shows the field {field}"
        raise DatesUnverified(f"{what}: whether its dates are in UTC cannot be seen", advice=_ADVICE)
    if any(typed(value)[0] != "UTC date as text" for value in found):
        what = f"some {collection} have a {field} that is no UTC text such as 2026-11-28T12:00:00Z"
        raise DatesUnverified(f"{what}: it would be compared wrongly, as text", advice=_ADVICE)
    if lowest != sorted(lowest, key=str) or highest != sorted(highest, key=str, reverse=True):
        raise DatesUnverified(f"{collection} are not in the order of {field}: {_NO_ENDS}", advice=_NO_ORDER)


def _ends(client: PacedClient, collection: Collection, field: str) -> list[list[Json]]:
    """Return the lowest values of a field, and the highest, each beginning at its end.

    If the API takes no `$ne`, these are those of the rows in which the field is text.
    """
    pages = Pages(client, collection)
    for query in (predicate.exists_probe(field), predicate.text_probe(field)):
        try:
            sorts = Key(field).sort, Key(field, descends=True).sort
            ends = [pages.ask(query=query, sort=sort, limit=_SAMPLE) for sort in sorts]
        except Rejected as error:
            if not error.rejects_predicate:
                raise
            refused = error
        else:
            values = ([value_at(row, field) for row in page] for page in ends)
            return [[value for value in page if value is not None] for page in values]
    raise DatesUnverified(f"{refused}: {_NO_ENDS}", status=refused.status, advice=_NO_ORDER)

"""Proves which format of dates matches a field, by counts that only a right format gives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from exporter.explore.findings import DateField
from exporter.explore.profile import DATES, Field
from exporter.explore.requests import NoAnswer, Requests
from exporter.language import predicate
from exporter.model import DATE_FORMATS, Collection, DateFormat, Predicate

MOST_REQUESTS: Final = 4 * len(DATE_FORMATS)

_MOST: Final = 0.99
"""Some documents may come and go between two counts."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ASKABLE: Final = range(253_370_764_800_000)
"""The years 1970 to 9998. Dates in 0001 or 9999 often mean that there is none, and date math refuses them."""


def prove(
    requests: Requests, collection: Collection, field: Field, instants: tuple[int, ...], present: int
) -> DateField:
    """Find the first format with which a field counts as dates; `instants` are some of its own.

    A right format matches nearly all documents that have the field, of which there are at least `present`,
    and fewer since a date of the sample than since 1970. The second count tells text that is compared as
    text, or numbers of another unit, from dates. Those before 1970 count only if the sample has such dates.
    """
    kinds = [kind for kind, _ in field.types if kind in (*DATES, "date as text")]
    if "date as text" in kinds or not kinds:
        detail = "no date in UTC, such as 2026-11-28T12:00:00Z, and no milliseconds: no format fits"
        return DateField(collection, field, None, detail)
    if len(kinds) > 1:
        return DateField(collection, field, None, f"no format fits all of its types: {', '.join(kinds)}")
    ask = partial(requests.count_text, collection)
    others = ""
    for dates in DATE_FORMATS:
        try:
            early = ask(predicate.since_epoch_probe(field.name, dates))
            if early and _is_ordered(ask, field.name, dates, early, instants):
                detail, older = f"{early:,} match since 1970", 0
                if early < _MOST * present and instants and instants[0] < 0:
                    older = ask(predicate.before(Predicate(), field.name, _EPOCH, dates))
                    detail += f", {older:,} before"
                if early + older >= _MOST * present:
                    return DateField(collection, field, dates, detail)
                others += f"; {dates} matches only {early + older:,}"
        except NoAnswer as error:
            others += f"; {dates}: {error}"
    return DateField(collection, field, None, f"none of {', '.join(DATE_FORMATS)} matches all{others}")


def _is_ordered(
    ask: Callable[[str], int], name: str, dates: DateFormat, early: int, instants: tuple[int, ...]
) -> bool:
    """Return whether fewer documents match since some date of the sample than since 1970, but some do.

    The newest is tried as well: all before the one in the middle may have been deleted meanwhile.
    """
    askable = [each for each in instants if each in _ASKABLE]
    for instant in dict.fromkeys((askable[len(askable) // 2], askable[-1])) if askable else ():
        moment = (_EPOCH + timedelta(milliseconds=instant)).isoformat()
        asked = predicate.compile({name: {"$gte": {"$date": moment}}})
        if 0 < ask(predicate.write(asked, _EPOCH, ZoneInfo("UTC"), dates)) < early:
            return True
    return len(set(askable)) < 2

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
from exporter.model import DATE_FORMATS, Collection, DateFormat

MOST_REQUESTS: Final = 1 + 2 * len(DATE_FORMATS)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def prove(requests: Requests, collection: Collection, field: Field, instants: tuple[int, ...]) -> DateField:
    """Find the first format with which a field counts as dates; `instants` are some of its own.

    A right format matches some documents since 1970, and fewer since a date in the middle of the sample. The
    second count tells text that is compared as text, or numbers of another unit, from dates.
    """
    if field.type not in DATES:
        detail = "text that is no date in UTC, such as 2026-11-28T12:00:00Z: no format fits"
        return DateField(collection, field, None, detail)
    ask = partial(requests.count_text, collection)
    try:
        if not ask(predicate.exists_probe(field.name)):
            return DateField(collection, field, None, "the API counts no document that has it")
    except NoAnswer as error:
        return DateField(
            collection, field, None, f"`run` must count who has it before it sends dates; {error}"
        )
    refused = ""
    for dates in DATE_FORMATS:
        try:
            early = ask(predicate.since_epoch_probe(field.name, dates))
            if early and _is_ordered(ask, field.name, dates, early, instants):
                return DateField(collection, field, dates, f"{early:,} match since 1970")
        except NoAnswer as error:
            refused = f"; {dates}: {error}"
    return DateField(collection, field, None, f"none of {', '.join(DATE_FORMATS)} matches{refused}")


def _is_ordered(
    ask: Callable[[str], int], name: str, dates: DateFormat, early: int, instants: tuple[int, ...]
) -> bool:
    """Return whether fewer documents match since a date in the middle than since 1970, but some."""
    middle = instants[len(instants) // 2] if instants else 0
    if not instants or middle == instants[0]:
        return True
    moment = (_EPOCH + timedelta(milliseconds=middle)).isoformat()
    asked = predicate.compile({name: {"$gte": {"$date": moment}}})
    return 0 < ask(predicate.write(asked, _EPOCH, ZoneInfo("UTC"), dates)) < early

"""Finds out from the API itself how dates must be written in a request.

A date in the wrong format matches nothing, and the API answers 0 with status 200: a wrong number without
an error. So a format is used only after `field >= 1970`, written in it, has matched nearly all documents that
have the field. If none matches, a count of the field says whether the format is wrong, or no element has the
field: then nothing is proven, and the next run tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Final, TypeVar

from exporter.errors import DatesUnverified, Rejected
from exporter.language import predicate
from exporter.model import DATE_FORMATS, Collection, DateFormat, DateSetting, Predicate

_ALIKE: Final = "`verify` shows how each is written; all must be written alike, and text in UTC"
_NO_PROOF: Final = "no format matches, and this API takes no {field: {$ne: null}}, so it cannot tell why"

Step = TypeVar("Step")

Ask = Callable[[str], Generator[Step, None, int]]
"""Counts the documents that match one predicate text; raises ApiError."""

Look = Callable[[str, DateFormat], Generator[Step, None, int]]
"""Counts the dates in a field of some documents that a format would compare wrongly; raises ApiError."""

_NEARLY_ALL: Final = 0.99
"""Share of the documents with a field that a format must match; documents come and go meanwhile."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def prove(
    setting: DateSetting,
    collection: Collection,
    fields: tuple[str, ...],
    ask: Ask[Step],
    look: Look[Step] | None = None,
) -> Generator[Step, None, DateFormat]:
    """Return the first format that matches in all dotted `fields` of a collection.

    It must match nearly all documents that have the field, and `look`, if it is there, must find none that
    shows another kind of date. Raises DatesUnverified if none is proven, and the ApiError of a request that
    failed.
    """
    refuted = doubt = ""
    for dates in DATE_FORMATS if setting == "auto" else (setting,):
        for field in fields:
            found = yield from _refuted(collection, field, dates, ask, look)
            if found is not None:
                refuted, doubt = field, found or doubt
                break
        else:
            return dates
    if doubt:
        raise DatesUnverified(doubt, advice=_ALIKE)
    yield from _find(collection, fields, ask)
    what = f"{collection} have the field {refuted}, but none of the tried date formats matches"
    raise DatesUnverified(what, advice="check that the field is a date" if setting == "auto" else None)


def _refuted(
    collection: Collection, field: str, dates: DateFormat, ask: Ask[Step], look: Look[Step] | None
) -> Generator[Step, None, str | None]:
    """Return why a format is wrong, an empty text if it matches nothing; None if it is right."""
    found = yield from _matching(ask, predicate.since_epoch_probe(field, dates))
    if not found:
        return ""
    present = yield from _matching(ask, predicate.exists_probe(field))
    if found < _NEARLY_ALL * present:
        found += yield from _matching(ask, predicate.before(Predicate(), field, _EPOCH, dates))
    if found < _NEARLY_ALL * present:
        return f"{present:,} {collection} have the field {field}, but only {found:,} of them as {dates}"
    if look and (yield from look(field, dates)):
        return f"some {collection} show a {field} that {dates} would compare wrongly"
    return None


def _find(collection: Collection, fields: tuple[str, ...], ask: Ask[Step]) -> Generator[Step, None, None]:
    """Raise DatesUnverified if one of some fields is in no document, or if that cannot be found out."""
    for field in fields:
        try:
            found = yield from ask(predicate.exists_probe(field))
        except Rejected as error:
            if not error.rejects_predicate:
                raise
            what = f"the proof of how {field} is written was rejected: {error}"
            raise DatesUnverified(what, status=error.status, advice=_NO_PROOF) from None
        if not found:
            what = f"none of the {collection} has the field {field} yet"
            raise DatesUnverified(
                f"{what}: how its dates are written cannot be proven",
                advice="wait for the first one, or correct the field's name",
            )


def prove_at_once(
    setting: DateSetting, collection: Collection, fields: tuple[str, ...], count: Callable[[str], int]
) -> DateFormat:
    """Return what `prove` returns, with a `count` that answers a predicate text itself; raises ApiError."""

    def ask(text: str) -> Generator[None, None, int]:
        yield
        return count(text)

    steps = prove(setting, collection, fields, ask)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            found: DateFormat = done.value
            return found


def _matching(ask: Ask[Step], text: str) -> Generator[Step, None, int]:
    """Return what `ask` counts, 0 if the API rejects the format."""
    try:
        return (yield from ask(text))
    except Rejected as error:
        if not error.rejects_predicate:
            raise
        return 0

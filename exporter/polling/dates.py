"""Finds out from the API itself how dates must be written in a request.

A date in the wrong format matches nothing, and the API answers 0 with status 200: a wrong number without
an error. So a format is used only after `field >= 1970`, written in it, has matched nearly all documents that
have the field. If none matches, a count of the field says whether the format is wrong, or no element has the
field: then nothing is proven, and the next run tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeAlias

from exporter.errors import ApiError, DatesUnverified, Rejected
from exporter.language import predicate
from exporter.model import DATE_FORMATS, Collection, DateFormat, DateSetting, Predicate

_ALIKE: Final = "`verify` shows how each is written; all must be written alike, and text in UTC"
_NO_PROOF: Final = "no format matches, and this API takes no {field: {$ne: null}}, so it cannot tell why"


class Shown(NamedTuple):
    """Some documents with a field: those with its lowest values, or the highest if `descends`."""

    field: str
    dates: DateFormat
    descends: bool


Proof: TypeAlias = Generator[str | Shown, int, DateFormat]
"""Yields what is to be asked; is sent the answer, or thrown the ApiError.

The answer to a predicate text is how many documents match, and to Shown how many of their dates the format
would compare wrongly.
"""

_NEARLY_ALL: Final = 0.99
"""Share of the documents with a field that a format must match; documents come and go meanwhile."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def prove(setting: DateSetting, collection: Collection, fields: tuple[str, ...]) -> Proof:
    """Return the first format that matches in all dotted `fields` of a collection.

    It must match nearly all documents that have the field, and of some documents none may show another kind
    of date. Raises DatesUnverified if none is proven, and the ApiError of a request that failed.
    """
    refuted = doubt = ""
    for dates in DATE_FORMATS if setting == "auto" else (setting,):
        for field in fields:
            found = yield from _refuted(collection, field, dates)
            if found is not None:
                refuted, doubt = field, found or doubt
                break
        else:
            return dates
    if doubt:
        raise DatesUnverified(doubt, advice=_ALIKE)
    yield from _find(collection, fields)
    what = f"{collection} have the field {refuted}, but none of the tried date formats matches"
    raise DatesUnverified(what, advice="check that the field is a date" if setting == "auto" else None)


def _refuted(
    collection: Collection, field: str, dates: DateFormat
) -> Generator[str | Shown, int, str | None]:
    """Return why a format is wrong, an empty text if it matches nothing; None if it is right."""
    found = yield from _matching(predicate.since_epoch_probe(field, dates))
    if not found:
        return ""
    present = yield from _matching(predicate.exists_probe(field))
    if found < _NEARLY_ALL * present:
        found += yield from _matching(predicate.before(Predicate(), field, _EPOCH, dates))
    if found < _NEARLY_ALL * present:
        return f"{present:,} {collection} have the field {field}, but only {found:,} of them as {dates}"
    if dates != "extended-json":  # these are compared as dates, whatever they show
        lowest, highest = (yield Shown(field, dates, False)), (yield Shown(field, dates, True))
        if lowest or highest:
            return f"some {collection} show a {field} that {dates} would compare wrongly"
    return None


def _matching(text: str) -> Generator[str, int, int]:
    """Return how many documents match a predicate text, 0 if the API rejects it."""
    try:
        return (yield text)
    except Rejected as error:
        if not error.rejects_predicate:
            raise
        return 0


def _find(collection: Collection, fields: tuple[str, ...]) -> Generator[str, int, None]:
    """Raise DatesUnverified if one of some fields is in no document, or if that cannot be found out."""
    for field in fields:
        try:
            found = yield predicate.exists_probe(field)
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
    """Return what `prove` does, with what `count` answers for a predicate text; look at no documents.

    Raises ApiError.
    """
    proof = prove(setting, collection, fields)
    try:
        asked = next(proof)
        while True:
            try:
                answer = 0 if isinstance(asked, Shown) else count(asked)
            except ApiError as error:
                asked = proof.throw(error)
            else:
                asked = proof.send(answer)
    except StopIteration as proven:
        dates: DateFormat = proven.value
        return dates

"""Finds out from the API itself how dates must be written in a request.

A date in the wrong format matches nothing, and the API answers 0 with status 200: a wrong number without
an error. So a format is used only after `field >= 1970`, written in it, has matched something. If none
matches, a count of the field says whether the format is wrong, or no element has the field: then nothing is
proven, and the next run tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final, TypeVar

from exporter.errors import DatesUnverified, Rejected
from exporter.language import predicate
from exporter.model import DATE_FORMATS, Collection, DateFormat, DateSetting

_NO_PROOF: Final = "no format matches, and this API takes no {field: {$ne: null}}, so it cannot tell why"

Step = TypeVar("Step")

Ask = Callable[[str], Generator[Step, None, int]]
"""Counts the documents that match one predicate text; raises ApiError."""


def prove(
    setting: DateSetting, collection: Collection, fields: tuple[str, ...], ask: Ask[Step]
) -> Generator[Step, None, DateFormat]:
    """Return the first format that matches in all dotted `fields` of a collection.

    Raises DatesUnverified if none is proven, and the ApiError of a request that failed.
    """
    refuted = ""
    for dates in DATE_FORMATS if setting == "auto" else (setting,):
        for field in fields:
            if not (yield from _matching(ask, predicate.since_epoch_probe(field, dates))):
                refuted = field
                break
        else:
            return dates
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
    what = f"{collection} have the field {refuted}, but none of the tried date formats matches"
    raise DatesUnverified(what, advice="check that the field is a date" if setting == "auto" else None)


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

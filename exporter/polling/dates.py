"""Finds out from the API itself how dates must be written in a request.

A date in the wrong format matches nothing, and the API answers 0 with status 200: a wrong number without
an error. So a format is used only after `field >= 1970`, written in it, has matched something. If no
element has the field at all, nothing is proven, and the next run tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from exporter.errors import ApiError, DatesUnverified, Rejected
from exporter.language import predicate
from exporter.model import DATE_FORMATS, Collection, DateFormat, DateSetting
from exporter.polling.request import Done

Ask = Callable[[str, Done], None]
"""Sends one predicate to the bot, and calls back with the result."""

Proven = Callable[[DateFormat | None, ApiError | None], None]
"""Called once: with the format that works, or with the reason why none is proven."""


def prove(
    setting: DateSetting, collection: Collection, fields: Iterable[str], ask: Ask, then: Proven
) -> None:
    """Find one format that works for all `fields` of a collection, and call `then` with it."""
    formats = DATE_FORMATS if setting == "auto" else (setting,)
    _Proof(formats, collection, tuple(fields), ask, then).begin()


class _Proof:
    """Check first that some element has each field, then which format matches in every field."""

    def __init__(
        self,
        formats: tuple[DateFormat, ...],
        collection: Collection,
        fields: tuple[str, ...],
        ask: Ask,
        then: Proven,
    ) -> None:
        self._advice = DatesUnverified.advice if len(formats) == 1 else "check that the field is a date"
        self._formats = list(formats)
        self._collection = collection
        self._fields = fields
        self._ask = ask
        self._then = then
        self._at = 0

    def begin(self) -> None:
        self._ask(predicate.exists_probe(self._fields[self._at]), self._existing)

    def _existing(self, count: int | None, error: ApiError | None) -> None:
        if error is not None:
            self._then(None, error)
        elif not count:
            what = f"none of the {self._collection} has the field {self._fields[self._at]} yet"
            what += ": how its dates are written cannot be proven"
            self._then(None, _unverified(what, "wait for the first one, or correct the field's name"))
        elif self._to_next_field():
            self.begin()
        else:
            self._try_format()

    def _try_format(self) -> None:
        probe = predicate.since_epoch_probe(self._fields[self._at], self._formats[0])
        self._ask(probe, self._matching)

    def _matching(self, count: int | None, error: ApiError | None) -> None:
        if error is not None and not isinstance(error, Rejected):
            self._then(None, error)
        elif not count:
            self._refute()
        elif self._to_next_field():
            self._try_format()
        else:
            self._then(self._formats[0], None)

    def _refute(self) -> None:
        """Drop a format that does not match in a field, and try the next one from the first field on."""
        self._formats.pop(0)
        if self._formats:
            self._at = 0
            self._try_format()
        else:
            field = self._fields[self._at]
            what = f"{self._collection} have the field {field}, but no date format tried matches any"
            self._then(None, _unverified(what, self._advice))

    def _to_next_field(self) -> bool:
        """Move on to the next field; after the last, go back to the first and return False."""
        self._at = (self._at + 1) % len(self._fields)
        return self._at > 0


def _unverified(what: str, advice: str) -> DatesUnverified:
    error = DatesUnverified(what)
    error.advice = advice
    return error

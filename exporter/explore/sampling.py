"""Reads a sample of a collection: its oldest and newest documents, and pages in between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

from exporter.explore.findings import Check, Verdict
from exporter.explore.profile import DATES, Field, Profile
from exporter.explore.requests import NoAnswer, Requests, Row
from exporter.language.tree import value_at
from exporter.model import Collection, Json

FEWEST_ROWS: Final = 10
"""Pages smaller than this make the sample smaller, not the number of requests larger."""

_TRIED_LIMITS: Final = (100, FEWEST_ROWS, None)
_SORTED_ROWS: Final = 50


def most_requests(sample: int) -> int:
    """Return the most requests that sampling one collection can take."""
    return 1 + len(_TRIED_LIMITS) + 2 + 2 + _most_pages(sample)


class Sampler:
    """Samples one collection of `total` documents into `profile`, and finds out what its lists can do.

    `largest_page` is the number of rows in a page, if there are fewer than were asked for.
    """

    def __init__(
        self,
        requests: Requests,
        collection: Collection,
        total: int,
        sample: int,
        *,
        most_pages: int | None = None,
    ) -> None:
        self.profile = Profile()
        self.largest_page: int | None = None
        self._pages = _most_pages(sample) if most_pages is None else most_pages
        self.checks: list[Check] = []
        self._requests = requests
        self._collection: Collection = collection
        self._total = total
        self._sample = sample
        self._seen: set[bytes] = set()
        self._skips = False
        self._no_limit = ""  # why each limit is refused, if so

    def run(self) -> None:
        """Take the sample; the documents are dropped as soon as their fields are counted."""
        first = self._first_page()
        self._add(first)
        if len(first) > 1:
            self._try_limit_and_skip(first)
            self._try_sort(first)
        if len(first) < self._total and first and self._skips:
            self._in_between(len(first))

    def _first_page(self) -> list[Row]:
        """Return the first rows that the API gives, of as large a page as it allows."""
        problem = ""
        for limit in (max(self._sample // 2, FEWEST_ROWS), *_TRIED_LIMITS):
            try:
                rows = self._requests.rows(self._collection, limit=limit)
            except NoAnswer as error:
                problem = problem or f"limit={limit}: {error}"
                continue
            self._no_limit = "" if limit else problem
            wanted = min(limit or self._total, self._total)
            # Some may have been deleted since they were counted.
            if problem or len(rows) < 0.9 * wanted:
                self.largest_page = len(rows)
            text = f"{len(rows)} rows" if len(rows) < wanted else f"{len(rows)} rows or more"
            self._note("largest page", "ok" if rows else "unknown", f"{text}; {problem}" if problem else text)
            return rows
        self._note("list", "refused", problem)
        return []

    def _try_limit_and_skip(self, first: Sequence[Row]) -> None:
        second = self._ask("skip", limit=1, skip=1)
        if self._no_limit:
            self._note("limit", "refused", self._no_limit)
        elif (rows := self._ask("limit", limit=1) if second is None else second) is not None:
            wrong = "" if len(rows) == 1 else f"limit=1 gives {len(rows)} rows"
            self._note("limit", "differs" if wrong else "ok", wrong)
        if second is None:
            return
        if not second or _digest(second[0]) == _digest(first[0]):
            self._note("skip", "differs", "the first rows come again: it is ignored")
            return
        self._skips = True
        if _digest(second[0]) == _digest(first[1]):
            self._note("skip", "ok")
        else:
            self._note("skip", "unknown", "the order of rows differs from page to page")

    def _try_sort(self, first: Sequence[Row]) -> None:
        """Try both documented forms; the rows are the newest ones, if there is a field with dates."""
        fields = [field for field in self.profile.fields() if _can_be_sorted(field, first)]
        fields.sort(key=lambda field: not field.name.isascii())  # others may be refused for their letters
        by_name = [field for field in fields if not _rises(_values(first, field.name))]
        newest = [field for field in fields if field.type in DATES] or by_name
        for name, chosen, descends in (("sort by name", by_name, False), ("sort by JSON", newest, True)):
            if not chosen:
                self._note(name, "unknown", "no field to try it with")
                continue
            field = chosen[0]
            sort = json.dumps({field.name: -1}, ensure_ascii=False) if descends else field.name
            rows = self._ask(name, sort=sort, limit=min(_SORTED_ROWS, len(first)))
            if rows is None:
                continue
            self._add(rows)
            before, after = _values(first, field.name), _values(rows, field.name)
            if descends:
                before, after = before[::-1], after[::-1]
            if not _rises(after):
                self._note(name, "differs", "rows are not sorted")
            elif _rises(before):
                self._note(name, "unknown", "rows have this order without it, too")
            else:
                self._note(name, "ok")

    def _in_between(self, size: int) -> None:
        """Read pages at equal distances behind the first `size` rows, the last one at the end."""
        left = max(0, self._sample - self.profile.total)
        page = size if self._no_limit else max(1, min(size, max(left // 5, FEWEST_ROWS)))
        pages = min(-(-left // page), self._pages)
        beyond = max(0, self._total - page - size)
        for skip in dict.fromkeys(size + beyond * number // max(1, pages - 1) for number in range(pages)):
            try:
                self._add(self._rows(limit=page, skip=skip))
            except NoAnswer as error:
                self._note("skip", "refused", f"skip={skip}: {error}")
                return

    def _ask(self, name: str, *, limit: int, sort: str = "", skip: int | None = None) -> list[Row] | None:
        """Return a page, or None after noting that what `name` says is refused."""
        try:
            return self._rows(limit=limit, sort=sort, skip=skip)
        except NoAnswer as error:
            self._note(name, "refused", str(error))
            return None

    def _rows(self, *, limit: int, sort: str = "", skip: int | None = None) -> list[Row]:
        """Return a page, without a limit if the API refuses any."""
        most = None if self._no_limit else limit
        return self._requests.rows(self._collection, sort=sort, limit=most, skip=skip)

    def _add(self, rows: Sequence[Row]) -> None:
        """Count the fields of rows that were not seen before, until the sample is full."""
        for row in rows:
            digest = _digest(row)
            if digest not in self._seen and self.profile.total < self._sample:
                self._seen.add(digest)
                self.profile.add(row)

    def _note(self, name: str, verdict: Verdict, detail: str = "") -> None:
        self.checks.append(Check(name, verdict, detail))


def _most_pages(sample: int) -> int:
    return -(-sample // FEWEST_ROWS)


def _digest(row: Row) -> bytes:
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode("utf-8", "surrogatepass")).digest()


def _can_be_sorted(field: Field, rows: Sequence[Row]) -> bool:
    """Return whether all rows have the field, with values of one type that are not all equal."""
    values = _values(rows, field.name)
    is_in_all = len(values) == len(rows) and len(set(map(str, values))) > 1
    return field.can_be_asked and is_in_all and _is_one_type(values)


def _is_one_type(values: Sequence[Json]) -> bool:
    kinds = {type(value) for value in values}
    return kinds <= {str} or kinds <= {int, float}


def _values(rows: Sequence[Row], name: str) -> list[Json]:
    """Return the values of a dotted field, without those that are null; of a date what is inside."""
    values = [value for row in rows if (value := value_at(row, name)) is not None]
    return [
        value["$date"] if isinstance(value, dict) and value.keys() == {"$date"} else value for value in values
    ]


def _rises(values: Sequence[Json]) -> bool:
    """Return whether values are of one type, and none is below the one before it."""
    order: list[Any] = list(values)
    return _is_one_type(values) and order == sorted(order)

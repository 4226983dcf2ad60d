"""Downloads a collection in the order of one field, its key, so that it can continue after an interruption.

A download by position (`skip`) misses rows if others are deleted meanwhile, and repeats rows if others are
added. A download by key asks for the rows after the last one, whatever has happened to the rows before it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, Final

from exporter.errors import BadAnswer, Rejected
from exporter.language.predicate import both
from exporter.language.tree import value_at
from exporter.model import Collection, DateFormat, Json
from exporter.nativechat.history import CannotContinue, Pages, Row
from exporter.nativechat.paced import PacedClient

ID_FIELDS: Final = ("_id", "Id")
"""Fields that may identify a row (assumed: none is documented)."""

_NUMBERS: Final = {"$numberInt", "$numberLong", "$numberDouble", "$numberDecimal"}
"""Numbers in MongoDB's extended JSON, which are text inside."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OTHER_KEY: Final = "name another field, one that every row has, with --sort"


@dataclass(frozen=True, slots=True)
class Key:
    """A dotted field that orders rows; with `dates`, its values are dates, sent in that proven format."""

    field: str
    descends: bool = False
    dates: DateFormat | None = None

    @property
    def sort(self) -> str:
        """The parameter `sort`, in one of its documented forms."""
        return json.dumps({self.field: -1}, separators=(",", ":")) if self.descends else self.field

    @property
    def is_unique(self) -> bool:
        """Whether no two rows have the same value."""
        return self.field in ID_FIELDS

    def bound(self, operator: str, value: Json) -> Json:
        """Return the predicate for rows after, from, before or at a value: `gt`, `gte`, `lt` or `eq`."""
        if self.descends:
            operator = {"gt": "lt", "gte": "lte", "lt": "gt"}.get(operator, operator)
        return {self.field: {f"${operator}": self._sent(value)}}

    def rank(self, value: Json) -> tuple[str, Any]:
        """Return a value's type, and what orders values of this type; raises TypeError or ValueError."""
        tag, inner = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else ("", value)
        if self.dates in ("extended-json", "epoch-ms"):
            return "date", _instant(inner)
        if tag in _NUMBERS:
            return "number", float(str(inner))
        if isinstance(inner, bool) or not isinstance(inner, int | float | str):
            raise TypeError(f"{self.field} is not text, a number or a date in every row")
        return "text" if isinstance(inner, str) else "number", inner

    def _sent(self, value: Json) -> Json:
        """Return a row's value as a predicate takes it: a date as it is stored, another value unchanged."""
        inner = value["$date"] if isinstance(value, dict) and value.keys() == {"$date"} else value
        if self.dates == "iso":
            return inner
        if self.dates == "extended-json":
            return {"$date": inner}
        if self.dates == "epoch-ms" and isinstance(inner, str):
            return (_instant(inner) - _EPOCH) // timedelta(milliseconds=1)
        return value


@dataclass(frozen=True, slots=True)
class Position:
    """How far a download has come: the last row's key, and the ids of all rows with this key so far."""

    last: Json = None
    ids: tuple[Json, ...] = ()

    def is_past(self, key: Key, row: Row) -> bool:
        """Return whether the download has passed a row."""
        return value_at(row, key.field) == self.last and _id(row) in self.ids

    def after(self, key: Key, row: Row) -> Position:
        """Return the position after a row; raises CannotContinue if it is not in order, or has none."""
        value = value_at(row, key.field)
        try:
            kind, rank = key.rank(value)
            last_kind, last = key.rank(value if self.last is None else self.last)
        except (TypeError, ValueError, OverflowError) as error:
            raise CannotContinue(f"a row cannot be ordered: {error}", advice=_OTHER_KEY) from error
        if kind != last_kind or (last < rank if key.descends else rank < last):
            what = f"rows are not in the order of {key.field}: the API seems to ignore `sort`"
            raise CannotContinue(what, advice="download without --to")
        ids = (*(self.ids if value == self.last else ()), _id(row))
        return Position(value, () if key.is_unique else ids)


class ByKey:
    """A download of the rows that match `query`, a predicate without dates to resolve, in a key's order.

    Iterating yields each row that exists throughout exactly once, at most `limit` rows, and moves `position`
    past the row first. Rows that appear meanwhile are yielded if they sort after the position.
    """

    def __init__(
        self,
        client: PacedClient,
        collection: Collection,
        key: Key,
        position: Position,
        *,
        query: str = "",
        page: int = 100,
    ) -> None:
        self.position = position
        self._client = client
        self._pages = Pages(client, collection)
        self._collection = collection
        self._key = key
        self._query: Json = json.loads(query or "{}")
        self._page = page

    def rows(self, limit: int | None = None) -> Iterator[Row]:
        """Return an iterator over the rows after the position.

        Raises ApiError after the last attempt. Raises BadAnswer if the pages end before the last row. Raises
        CannotContinue if the API ignores `sort`, if a row lacks the key or has one of another type, and if
        more rows than a page have the same key.
        """
        return islice(self._all_rows(), limit)

    def _all_rows(self) -> Iterator[Row]:
        while rows := self._first_rows() if self.position.last is None else self._next_rows():
            for row in rows:
                self.position = self.position.after(self._key, row)
                yield row

    def _next_rows(self) -> list[Row]:
        key, position = self._key, self.position
        if key.is_unique:
            return self._ask(key.bound("gt", position.last))
        page = self._ask(key.bound("gte", position.last))
        rows = [row for row in page if not position.is_past(key, row)]
        if rows:
            return rows
        if self._count(key.bound("eq", position.last)) > len(page):
            what = f"more {self._collection} than a page holds have the same {key.field}"
            raise CannotContinue(
                what, advice="name a field that differs from row to row with --sort, such as _id"
            )
        return self._ask(key.bound("gt", position.last))

    def _first_rows(self) -> list[Row]:
        """Return the first page; raises CannotContinue if it is another one, or if a row lacks the key."""
        key = self._key
        for _ in range(2):  # rows may be added between the page and the count
            rows = self._ask({})
            values = [value_at(row, key.field) for row in rows]
            if not rows:
                return rows
            if None in values:
                raise CannotContinue(f"some {self._collection} have no {key.field}", advice=_OTHER_KEY)
            self._check_selects(values[0])
            if self._count(key.bound("lt", values[-1])) <= sum(value != values[-1] for value in values):
                return rows
        what = f"rows are not in the order of {key.field}: the API seems to ignore `sort`"
        raise CannotContinue(what, advice="download without --to")

    def _check_selects(self, value: Json) -> None:
        """Raise CannotContinue if there are rows that are neither from a key's value on nor before it."""
        key = self._key
        ordered: Json = [key.bound("gte", value), key.bound("lt", value)]
        try:
            strays = self._count({"$nor": ordered})
        except Rejected:  # not every API may know $nor
            strays = 0 if self._count({"$or": ordered}) else 1
        if strays:
            what = f"{strays:,} {self._collection} cannot be selected by their {key.field}"
            raise CannotContinue(
                f"{what}: they lack it, or it is stored otherwise than shown", advice=_OTHER_KEY
            )

    def _ask(self, bound: Json) -> list[Row]:
        """Return a page; ask again if it is empty though rows are left; raises BadAnswer if it stays so."""
        query = self._text(bound)
        page = partial(self._pages.ask, query=query, sort=self._key.sort, limit=self._page)
        if not (rows := page()) and (left := self._count(bound)) and not (rows := page()):
            what = f"GET {self._collection} answered with an empty page, though {left:,} are left"
            raise BadAnswer(what, advice="the API fails, or they were deleted just now")
        return rows

    def _count(self, bound: Json) -> int:
        return self._client.count(self._collection, self._text(bound))

    def _text(self, bound: Json) -> str:
        whole = both(self._query, bound)
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":")) if whole else ""


def _id(row: Row) -> Json:
    """Return what identifies a row among those with the same key: its id, or else its whole text."""
    found = next((row[name] for name in ID_FIELDS if name in row), None)
    return json.dumps(row, sort_keys=True) if found is None else found


def _instant(value: Json) -> datetime:
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if isinstance(value, dict):
        value = int(str(value.get("$numberLong")))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("it is not a date")
    return _EPOCH + timedelta(milliseconds=value)

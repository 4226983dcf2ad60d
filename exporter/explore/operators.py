"""Finds out which operators the API knows, by counts that must agree."""

from __future__ import annotations

from collections.abc import Collection as Some
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from exporter.explore.findings import Check
from exporter.explore.profile import Field, Scalar
from exporter.explore.requests import NoAnswer, Requests
from exporter.language.operators import DOCUMENTED, LOGICAL, ORDERING
from exporter.model import Collection, Json

TRIED: Final = (*DOCUMENTED, *LOGICAL, "$exists")
_FIELDS: Final = 3
MOST_REQUESTS: Final = len(TRIED) + _FIELDS + 2

_Compared: TypeAlias = tuple[str, int | str, int | None, int | None]
"""An operator, what it counts, or why it does not, and the least and most that agree with other counts."""


@dataclass(frozen=True, slots=True)
class Operators:
    """Tries operators on the fields of one collection with `total` documents."""

    requests: Requests
    collection: Collection
    total: int
    fields: Sequence[Field]

    def checks(self, names: Some[str] = TRIED) -> list[Check]:
        """Return a check for each of `names`, `unknown` without a field or another count to try it with."""
        wanted = frozenset(names)
        compared = [*self._equal(wanted), *self._ordered(wanted)]
        # A bot in use has new documents from one request to the next, and old ones go.
        total = self._count({}) if compared else self.total
        moved = 0 if isinstance(total, str) else abs(total - self.total)
        slack = 3 + self.total // 100 + moved
        found = {each[0]: _check(*each, slack=slack) for each in compared}
        return [
            found.get(name, Check(name, "unknown", "no field to try it with"))
            for name in TRIED
            if name in wanted
        ]

    def _equal(self, wanted: frozenset[str]) -> Iterator[_Compared]:
        """Try what compares for equality, with a value that some documents have and others have not."""
        for name, value in self._varying()[:_FIELDS] if wanted - set(ORDERING) else ():
            same = self._count({name: value})
            if isinstance(same, str) or not 0 < same < self.total:
                continue
            equal: dict[str, Json] = {name: value}
            rest = self.total - same
            expected: tuple[tuple[str, dict[str, Json], int, int], ...] = (
                ("$eq", {name: {"$eq": value}}, same, same),
                ("$ne", {name: {"$ne": value}}, rest, rest),
                ("$in", {name: {"$in": [value]}}, same, same),
                ("$nin", {name: {"$nin": [value]}}, rest, rest),
                ("$not", {name: {"$not": {"$eq": value}}}, rest, rest),
                ("$and", {"$and": [equal, equal]}, same, same),
                ("$or", {"$or": [equal, equal]}, same, same),
                ("$nor", {"$nor": [equal]}, rest, rest),
                ("$exists", {name: {"$exists": True}}, same, self.total),
            )
            for operator, predicate, least, most in expected:
                if operator in wanted:
                    yield operator, self._count(predicate), least, most
            return

    def _varying(self) -> list[tuple[str, Scalar]]:
        """Return fields with a value each, first those that nearest to half of the documents have."""
        documents = max((field.documents for field in self.fields), default=0)
        found = []
        for field in self.fields:
            distances = [(abs(2 * number - documents), value) for value, number in field.values]
            if distances:
                distance, value = min(distances, key=lambda each: each[0])
                found.append((distance, field.name, value))
        return [(name, value) for _, name, value in sorted(found, key=lambda each: each[:2])]

    def _ordered(self, wanted: frozenset[str]) -> Iterator[_Compared]:
        """Try what compares numbers: what is greater and what is equal are what is not less.

        That holds only where a document has one number: of a list, one may be greater and another equal.
        """
        single = [field for field in self.fields if field.values and dict(field.types).keys() == {"number"}]
        single.sort(key=lambda field: (-len(field.values), field.name))
        for field in single if wanted & set(ORDERING) else ():
            if field.is_in_list(self.fields):
                continue
            numbers = sorted(value for value, _ in field.values if isinstance(value, int | float))
            name, value = field.name, numbers[len(numbers) // 2]
            same = self._count({name: value})
            if isinstance(same, str):
                continue
            for strict, loose in (("$gt", "$gte"), ("$lt", "$lte")):
                if wanted.isdisjoint((strict, loose)):
                    continue
                first, second = self._count({name: {strict: value}}), self._count({name: {loose: value}})
                less = second - same if isinstance(second, int) else None
                more = first + same if isinstance(first, int) else None
                yield strict, first, less, less
                yield loose, second, more, more
            return

    def _count(self, predicate: dict[str, Json]) -> int | str:
        """Return a count, or why there is none."""
        try:
            return self.requests.count(self.collection, predicate)
        except NoAnswer as error:
            return str(error)


def _check(operator: str, found: int | str, least: int | None, most: int | None, *, slack: int) -> Check:
    if isinstance(found, str):
        return Check(operator, "refused", found)
    if least is None or most is None:
        return Check(operator, "unknown", "no other count to compare it with")
    if least - slack <= found <= most + slack:
        return Check(operator, "ok")
    return Check(operator, "differs", f"counts {found:,}, but other counts require {least:,}")

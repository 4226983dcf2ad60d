"""Counts which fields documents have, of which types and with which values; pure."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from exporter.language import operators
from exporter.language.shown_dates import milliseconds, utc_milliseconds
from exporter.model import Json

Path: TypeAlias = tuple[str, ...]
"""The keys that lead to a value; lists on the way have no step of their own, as in MongoDB."""

Scalar: TypeAlias = str | int | float | bool

Type: TypeAlias = (
    Literal["text", "number", "boolean", "UTC date as text", "date as text", "milliseconds"]
    | Literal["date", "id", "object", "list", "other"]
)
"""The type of a value. `date` and `id` are Extended JSON; `milliseconds` is a number that may be a date."""

DATES: Final[tuple[Type, ...]] = ("UTC date as text", "date", "milliseconds")

MOST_VALUES: Final = 20
"""A field with more distinct values than this has `values` of ()."""

MOST_PATHS: Final = 5_000
MOST_INSTANTS: Final = 100
MAX_DEPTH: Final = 32

_LONGEST: Final = 100
"""Longer texts are never kept: such a field has no values."""

_DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{4})([T ,].*)?")
_MILLISECONDS: Final = range(946_684_800_000, 4_102_444_800_000)
"""The years 2000 to 2099."""


@dataclass(frozen=True, slots=True)
class Field:
    """One path in the documents of a collection.

    `documents` is the number of documents in which it is there and not null. `types` and `values` are with
    the number of documents, most frequent first; `values` is () if there are more than MOST_VALUES, or long
    ones. `distinct` is their number, 0 if they are too many. `instants` are some of its dates, in
    milliseconds since 1970.
    """

    path: Path
    documents: int
    types: tuple[tuple[Type, int], ...]
    values: tuple[tuple[Scalar, int], ...]
    distinct: int
    instants: tuple[int, ...]

    @property
    def type(self) -> Type:
        """The type that most documents have."""
        return self.types[0][0]

    @property
    def name(self) -> str:
        """The path with dots, as predicates have it."""
        return ".".join(self.path)

    @property
    def can_be_asked(self) -> bool:
        """Whether `name` means this path in a predicate: no key is empty, has a dot or begins with `$`."""
        return all(key and "." not in key and not key.startswith("$") for key in self.path)

    @property
    def has_scalars(self) -> bool:
        """Whether it has values that a predicate can compare with one."""
        return any(kind not in ("object", "list") for kind, _ in self.types)

    def is_in_list(self, among: Iterable[Field]) -> bool:
        """Return whether one document can have several values, given all fields of the collection."""
        above = {self.path[:length] for length in range(1, len(self.path) + 1)}
        return any("list" in dict(field.types) for field in among if field.path in above)


@dataclass(slots=True)
class _Tally:
    documents: int = 0
    types: Counter[Type] = field(default_factory=Counter)
    values: Counter[tuple[bool, Scalar]] = field(default_factory=Counter)
    instants: list[int] = field(default_factory=list)
    has_many: bool = False


class Profile:
    """The fields of all documents that were added; its memory does not grow with their number."""

    def __init__(self) -> None:
        self.total = 0
        self._tallies: dict[Path, _Tally] = {}

    def add(self, document: Mapping[str, Json]) -> None:
        """Count the fields of a document; each path, type and value counts once."""
        self.total += 1
        seen: dict[Path, dict[tuple[Type, Scalar | None], None]] = {}  # a set has another order in each run
        for path, kind, value in _walk(document):
            seen.setdefault(path, {})[kind, value] = None
        for path, found in seen.items():
            if path in self._tallies or len(self._tallies) < MOST_PATHS:
                _count(self._tallies.setdefault(path, _Tally()), found)

    def fields(self) -> tuple[Field, ...]:
        """Return every field, those of the first documents first."""
        return tuple(_field(path, tally) for path, tally in self._tallies.items())


def _count(tally: _Tally, found: Iterable[tuple[Type, Scalar | None]]) -> None:
    tally.documents += 1
    tally.types.update({kind for kind, _ in found})
    for kind, value in found:
        if kind in DATES or kind == "date as text":
            tally.has_many = True
            if kind in DATES and value is not None and len(tally.instants) < MOST_INSTANTS:
                tally.instants.append(int(value))
        elif isinstance(value, str) and len(value) > _LONGEST:
            tally.has_many = True
        elif value is not None:
            tally.values[isinstance(value, bool), value] += 1
    if len(tally.values) > MOST_VALUES:
        tally.has_many = True
    if tally.has_many:
        tally.values.clear()


def _field(path: Path, tally: _Tally) -> Field:
    """Return the field; what is equally frequent is in the order of its text."""
    counted = sorted(tally.values.items(), key=lambda each: (-each[1], str(each[0][1]), each[0][0]))
    values = tuple((value, number) for (_, value), number in counted)
    kinds = tuple(sorted(tally.types.items(), key=lambda each: (-each[1], each[0])))
    instants = tuple(sorted(tally.instants))
    return Field(path, tally.documents, kinds, values, len(values), instants)


def _walk(document: Mapping[str, Json]) -> Iterator[tuple[Path, Type, Scalar | None]]:
    """Yield path, type and value of everything in a document but nulls, level by level down to MAX_DEPTH.

    The value of a date is its milliseconds, if they can be read; objects, lists and ids have none.
    """
    ahead: deque[tuple[Path, int, Json]] = deque(((key,), 1, value) for key, value in document.items())
    while ahead:
        path, depth, value = ahead.popleft()
        if value is None:
            continue
        kind, scalar = typed(value)
        yield path, kind, scalar
        if depth >= MAX_DEPTH:
            continue
        if isinstance(value, list):
            ahead.extend((path, depth + 1, each) for each in value)
        elif isinstance(value, dict) and kind == "object":
            ahead.extend(((*path, key), depth + 1, each) for key, each in value.items())


def typed(value: Json) -> tuple[Type, Scalar | None]:
    """Return the type of a value, and the scalar that stands for it: the milliseconds of a date, if any."""
    if isinstance(value, dict):
        is_extended = bool(value) and all(key in operators.WRAPPERS for key in value)
        return _extended(value) if is_extended else ("object", None)
    if isinstance(value, list) or value is None:
        return "list", None
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "boolean", value
    # `in` would compare a float with each number of the range.
    is_recent = isinstance(value, int) and value in _MILLISECONDS
    return "milliseconds" if is_recent else "number", value


def _text(value: str) -> tuple[Type, Scalar | None]:
    if (instant := utc_milliseconds(value)) is not None:
        return "UTC date as text", instant
    return ("date as text", None) if _DATE.fullmatch(value) else ("text", value)


def _extended(value: dict[str, Json]) -> tuple[Type, Scalar | None]:
    """Return type and value of Extended JSON, such as {"$date": "2026-11-28T12:00:00Z"}."""
    [(name, inner), *more] = value.items()
    whole = _whole(inner.get("$numberLong") if isinstance(inner, dict) else inner)
    if more or name not in ("$date", "$oid", "$uuid", "$numberInt", "$numberLong"):
        return "other", None
    if name == "$date":
        return "date", milliseconds(inner) if isinstance(inner, str) else whole
    return ("id", None) if whole is None or name in ("$oid", "$uuid") else typed(whole)


def _whole(value: Json) -> int | None:
    if isinstance(value, str):
        return int(value) if re.fullmatch("-?[0-9]{1,18}", value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None

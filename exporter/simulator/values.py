"""Finds the values at a dotted path of a document, compares them and sorts by them, as MongoDB does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType, NoneType
from typing import Any, Final, TypeAlias

Document: TypeAlias = "dict[str, object]"
OrderKey: TypeAlias = "tuple[int, Any]"
SortKeys: TypeAlias = "tuple[tuple[str, bool], ...]"
"""Dotted paths, most significant first, each with whether it is descending."""

MISSING: Final = object()
"""The value at a path that leads nowhere."""

_TYPES: Final = ((NoneType,), (int, float), (str,), (dict,), (list,), (bool,), (datetime,))
_RANKS: Final[Mapping[type, int]] = MappingProxyType(
    {kind: rank for rank, kinds in enumerate(_TYPES) for kind in kinds}
)
OTHER: Final = len(_TYPES)
"""The rank of a value of any other type."""


def values_at(path: str, value: object, *, spread: bool = False) -> Iterator[object]:
    """Yield each value that a path leads to, MISSING where it leads nowhere.

    It goes through every object of an array, or to the element that a number in the path names. With
    `spread`, the elements of an array at its end follow the array, unless a number names that array.
    """
    step, _, rest = path.partition(".")
    if isinstance(value, dict):
        found = value.get(step, MISSING)
        if rest and found is not MISSING:
            yield from values_at(rest, found, spread=spread)
            return
        yield found
        if spread and isinstance(found, list):
            yield from found
    elif isinstance(value, list):
        if step.isdecimal() and int(step) < len(value):
            element = value[int(step)]
            if not rest:
                yield element
            elif isinstance(element, dict | list):
                yield from values_at(rest, element, spread=spread)
        for element in value:
            if isinstance(element, dict):
                yield from values_at(path, element, spread=spread)
    else:
        yield MISSING


def order_key(value: object) -> OrderKey:
    """Return a key that sorts as MongoDB sorts values; its first part is the rank of the value's type.

    Two keys are equal if and only if the values are equal in MongoDB: a boolean is not a number, and
    objects with another order of fields are different.
    """
    rank = _RANKS.get(type(value), OTHER)
    if isinstance(value, dict):
        parts = ((name, order_key(part)) for name, part in value.items())
        return rank, tuple((key[0], name, key) for name, key in parts)
    if isinstance(value, list):
        return rank, tuple(map(order_key, value))
    return rank, 0 if value is None else id(value) if rank == OTHER else value


def ordered(documents: Iterable[Document], keys: SortKeys) -> Sequence[Document]:
    """Return the documents sorted; equal ones keep their order, and missing fields sort as null."""
    rows = list(documents)
    for path, descends in reversed(keys):
        rows.sort(key=partial(_sort_key, path, descends), reverse=descends)
    return rows


def _sort_key(path: str, descends: bool, document: Document) -> OrderKey:
    """Return the sort key of one document: of an array, its least element, or descending its greatest."""
    keys: list[OrderKey] = []
    for value in values_at(path, document):
        if value is not MISSING:
            keys.extend(map(order_key, value) if isinstance(value, list) else [order_key(value)])
    return (max if descends else min)(keys, default=order_key(None))

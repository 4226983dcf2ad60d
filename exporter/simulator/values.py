"""Finds the values at a dotted path of a document, and compares values, as MongoDB does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from types import NoneType
from typing import Any, Final, TypeAlias

Document: TypeAlias = "dict[str, object]"
OrderKey: TypeAlias = "tuple[int, Any]"

MISSING: Final = object()
"""The value at a path that leads nowhere."""

_NULL, _NUMBER, _TEXT, _OBJECT, _ARRAY, _BOOLEAN, _DATE, OTHER = range(8)
_BRACKETS: Final[dict[type, int]] = {
    NoneType: _NULL,
    int: _NUMBER,
    float: _NUMBER,
    str: _TEXT,
    dict: _OBJECT,
    list: _ARRAY,
    bool: _BOOLEAN,
    datetime: _DATE,
}


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
    bracket = _BRACKETS.get(type(value), OTHER)
    if bracket == _OBJECT and isinstance(value, dict):
        parts = ((name, order_key(part)) for name, part in value.items())
        return bracket, tuple((key[0], name, key) for name, key in parts)
    if bracket == _ARRAY and isinstance(value, list):
        return bracket, tuple(map(order_key, value))
    return bracket, 0 if value is None else id(value) if bracket == OTHER else value

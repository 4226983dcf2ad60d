"""MongoDB's order of values of different types and of one type, and of documents by several keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from types import NoneType
from typing import Any, Final, TypeAlias

from exporter.simulator.dates import BadRequest
from exporter.simulator.walk import MISSING, Document, values_at

OrderKey: TypeAlias = "tuple[int, Any]"
SortKeys: TypeAlias = "tuple[tuple[str, bool], ...]"
"""Dotted paths, most significant first, each with whether it is descending."""

_FIELD: Final = re.compile(r"-?[A-Za-z_]\w*(\.\w+)*")

_NULL, _NUMBER, _TEXT, _OBJECT, _ARRAY, _BOOLEAN, _DATE, _OTHER = range(8)
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


def order_key(value: object) -> OrderKey:
    """Return a key that sorts as MongoDB sorts values; its first part is the rank of the value's type.

    Two keys are equal if and only if the values are equal in MongoDB: a boolean is not a number, and
    objects with another order of fields are different.
    """
    bracket = _BRACKETS.get(type(value), _OTHER)
    if bracket == _OBJECT and isinstance(value, dict):
        parts = ((name, order_key(part)) for name, part in value.items())
        return bracket, tuple((key[0], name, key) for name, key in parts)
    if bracket == _ARRAY and isinstance(value, list):
        return bracket, tuple(map(order_key, value))
    return bracket, 0 if value is None else id(value) if bracket == _OTHER else value


def read_sort(text: str) -> SortKeys:
    """Return the keys of a `sort` parameter: `Field`, `-Field`, or a JSON object of 1 and -1.

    The leading minus is assumed. BadRequest for any other text.
    """
    if not text.startswith("{"):
        if not _FIELD.fullmatch(text):
            raise BadRequest("sort takes a field name, -field, or a JSON object of 1 and -1")
        return ((text.removeprefix("-"), text.startswith("-")),)
    try:
        directions = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest("sort is not valid JSON") from error
    if not directions or not all(type(step) is int and step in (1, -1) for step in directions.values()):
        raise BadRequest("sort takes an object of field names with 1 or -1")
    return tuple((path, step == -1) for path, step in directions.items())


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
    return (max if descends else min)(keys, default=(_NULL, 0))

"""Reads the parameter `sort`, and sorts documents as MongoDB does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final, TypeAlias

from exporter.simulator.dates import BadRequest
from exporter.simulator.values import MISSING, Document, OrderKey, order_key, values_at

SortKeys: TypeAlias = "tuple[tuple[str, bool], ...]"
"""Dotted paths, most significant first, each with whether it is descending."""

_FIELD: Final = re.compile(r"-?[A-Za-z_]\w*(\.\w+)*")


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
    return (max if descends else min)(keys, default=order_key(None))

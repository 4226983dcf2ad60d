"""Evaluates predicates and looks for personal data, independently of the code that is tested."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from exporter.language.datemath import resolve
from tests.explore.conftest import Document


def values_at(document: Any, path: list[str]) -> Iterator[Any]:
    """Yield the values at a path, as a person would look them up: through lists, the list itself first."""
    if not path:
        yield document
        if isinstance(document, list):
            yield from document
    elif isinstance(document, list):
        for each in document:
            yield from values_at(each, path)
    elif isinstance(document, dict) and path[0] in document:
        yield from values_at(document[path[0]], path[1:])


def moment(value: Any) -> float | None:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, str):
        return datetime.fromisoformat(value).timestamp()
    return None if value is None else value / 1000


def holds(document: Document, predicate: dict[str, Any], now: datetime) -> bool:
    """Evaluate the few forms that are proposed, independently of any other code."""
    for name, condition in predicate.items():
        found = list(values_at(document, name.split("."))) or [None]
        match condition:
            case {"$gt": least}:
                good = any(type(each) in (int, float) and each > least for each in found)
            case {"$gte": {"$date": text}}:
                since = resolve(text, now, ZoneInfo("UTC")).timestamp()
                good = any((at := moment(each)) is not None and at >= since for each in found)
            case {"$nin": excluded}:
                good = not any(
                    each == other and type(each) is type(other) for each in found for other in excluded
                )
            case _:
                good = any(each == condition and type(each) is type(condition) for each in found)
        if not good:
            return False
    return True


def leaves(value: Any) -> Iterator[str]:
    """Yield every text and long number in a document, keys that are data included."""
    if isinstance(value, dict):
        for key, each in value.items():
            if re.search("[0-9]", key):
                yield key
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int) and value > 999:
        yield str(value)
    elif isinstance(value, datetime):
        yield value.isoformat()[:19]


def shown_of(documents: Iterator[Document], output: str) -> set[str]:
    """Return the texts and long numbers of documents that are in an output as whole words."""
    secret = {text for document in documents for text in leaves(document) if text and text in output}
    return {text for text in secret if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", output)}

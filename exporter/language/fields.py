"""Finds the fields and values in predicates, and words what is known of those that no document has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import Final

from exporter.language import operators
from exporter.language.suggest import nearest
from exporter.language.tree import Path, walk
from exporter.model import Collection, Json, Part, Predicate, Unknown

KNOWN: Final[dict[Collection, tuple[str, ...]]] = {
    "conversations": (
        *("StartedAt", "Status", "Errors", "Messages.user"),
        *("Data.channel.ProviderName", "Data.user.FirstName", "Data.user.LastName"),
    ),
    "messages": ("SentAt", "User", "Conversation"),
}
"""The dotted fields of docs/fields.md: `SentAt` is assumed, the others are documented."""

_SIMILARITY: Final = 0.75
"""Dotted fields have parts in common, such as `Data`, so only a nearer one is suggested."""

_EQUALITY: Final = {"$in": "$eq", "$ne": "$eq", "$nin": "$eq"}

_ABSENT: Final[tuple[Json, ...]] = (None, {"$eq": None}, {"$exists": False})


def conditions(path: Path, raw: Json) -> Iterator[tuple[Path, str, Json]]:
    """Yield each condition of a predicate with its path and its dotted field."""
    for key, operand in raw.items() if isinstance(raw, dict) else ():
        if key in operators.LOGICAL and isinstance(operand, list):
            for index, branch in enumerate(operand):
                yield from conditions((*path, key, index), branch)
        elif not key.startswith("$"):
            yield (*path, key), key, operand


def compared(condition: Json, *, negated: bool = False) -> Iterator[tuple[str, Json, bool]]:
    """Yield each value that a condition compares a field with, and whether the comparison is negated.

    The operator in front of it is `$eq`, for equality, or one for order, such as `$gt`. A value may be a
    whole list or object; null and Extended JSON are skipped.
    """
    operands: dict[str, Json] = {"$eq": condition}
    if isinstance(condition, dict) and operators.has_operators(condition):
        operands = condition
    for operator, operand in operands.items():
        if operator == "$not":
            yield from compared(operand, negated=True)
        values = operand if operator in ("$in", "$nin") and isinstance(operand, list) else [operand]
        name = _EQUALITY.get(operator, operator)
        for value in values if name in ("$eq", *operators.ORDERING) else ():
            steps = (str(step) for path, _ in walk(value) for step in path[-1:])
            if value is not None and not any(step.startswith("$") for step in steps):
                yield name, value, negated or operator in ("$ne", "$nin")


@lru_cache(maxsize=1024)
def doubtful(predicate: Predicate) -> frozenset[Part]:
    """Return the fields and values that may be misspelt if a predicate counts 0.

    These are all but the fields that are compared with a date, which are proven to exist, and those
    that are to be absent; and each value that a field is to equal. The result is kept, because the same
    predicates count 0 again and again.
    """
    raw: Json = json.loads(predicate.text) if predicate.text else {}
    parts = set()
    for path, name, condition in conditions((), raw):
        if condition in _ABSENT or name in predicate.dated:
            continue
        parts.add(Part(name))
        for operator, value, negated in compared(condition, negated="$nor" in path):
            if operator == "$eq" and not negated and not isinstance(value, dict | list):
                parts.add(Part(name, json.dumps(value, ensure_ascii=False)))
    return frozenset(parts)


def explanations(unknown: Unknown, collection: Collection) -> list[str]:
    """Return a sentence for each unknown field of a collection, then one for all values of each field."""
    one = collection.removesuffix("s")
    values = (
        f"no {one} has {' or '.join(part.value for part in parts)} in `{name}`: nothing happened yet, "
        "or it is misspelt"
        for name, parts in groupby(sorted(unknown.values), lambda part: part.field)
    )
    return [*unknown.fields.values(), *values]


def unknown_field(field: str, collection: Collection, found: Iterable[str]) -> str:
    """Return a sentence on a field that no document of a collection has.

    It suggests the nearest one of the known fields and those that were `found`. A known field is right.
    """
    guess = "" if field in KNOWN[collection] else nearest(field, (*KNOWN[collection], *found), _SIMILARITY)
    meant = f" (did you mean `{guess}`?)" if guess else ""
    one = collection.removesuffix("s")
    return f"no {one} has `{field}`: nothing happened yet, or it is misspelt{meant}"

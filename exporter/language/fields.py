"""Finds the fields in predicates, and guesses which field was meant by one that no document has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from exporter.language import operators
from exporter.language.suggest import nearest
from exporter.language.tree import Path
from exporter.model import Collection, Json, Predicate

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

_ABSENT: Final[tuple[Json, ...]] = (None, {"$eq": None}, {"$exists": False})


def conditions(path: Path, raw: Json) -> Iterator[tuple[Path, str, Json]]:
    """Yield each condition of a predicate with its path and its dotted field."""
    for key, operand in raw.items() if isinstance(raw, dict) else ():
        if key in operators.LOGICAL and isinstance(operand, list):
            for index, branch in enumerate(operand):
                yield from conditions((*path, key, index), branch)
        elif not key.startswith("$"):
            yield (*path, key), key, operand


@lru_cache(maxsize=1024)
def doubtful(predicate: Predicate) -> frozenset[str]:
    """Return the dotted fields that may be misspelt if a predicate counts 0.

    These are all but the fields that are compared with a date, which are proven to exist, and those
    that are to be absent. The result is kept, because the same predicates count 0 again and again.
    """
    raw: Json = json.loads(predicate.text) if predicate.text else {}
    fields = (field for _, field, condition in conditions((), raw) if condition not in _ABSENT)
    return frozenset(fields) - set(predicate.dated)


def unknown_field(field: str, collection: Collection, found: Iterable[str]) -> str:
    """Return a sentence on a field that no document of a collection has.

    It suggests the nearest one of the known fields and those that were `found`. A known field is right.
    """
    guess = "" if field in KNOWN[collection] else nearest(field, (*KNOWN[collection], *found), _SIMILARITY)
    meant = f" (did you mean `{guess}`?)" if guess else ""
    one = collection.removesuffix("s")
    return f"no {one} has `{field}`: nothing happened yet, or it is misspelt{meant}"

"""Decides from a query's predicates whether its values can be added up."""

from __future__ import annotations

import json
from itertools import combinations

from exporter.model import Json, Query


def adds_up(query: Query) -> bool:
    """Return whether no document is counted in two of a query's series of one bot.

    That is so if every two series require different values of the same field. If they require different
    fields, as success and error may, one conversation can match both, and the sum has no meaning.
    """
    required = [_required(json.loads(variant.predicate.text or "{}")) for variant in query.variants]
    return all(
        any(field in second and second[field] != wanted for field, wanted in first.items())
        for first, second in combinations(required, 2)
    )


def counts_all(query: Query) -> bool:
    """Return whether a query counts everything in its collection, as one series."""
    return not query.label_names and not any(variant.predicate.text for variant in query.variants)


def _required(predicate: Json) -> dict[str, Json]:
    """Return the fields for which a predicate requires one value, with that value."""
    found: dict[str, Json] = {}
    for field, wanted in predicate.items() if isinstance(predicate, dict) else ():
        if field == "$and" and isinstance(wanted, list):
            for part in wanted:
                found |= _required(part)
        elif not field.startswith("$") and not isinstance(wanted, dict | list):
            found[field] = wanted
    return found

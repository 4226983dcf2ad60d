"""Tells what the predicates of a query say about adding up its values."""

from __future__ import annotations

import json
from itertools import combinations

from exporter.language import tree
from exporter.model import Json, Query, Variant


def adds_up(query: Query) -> bool:
    """Tell whether nothing is counted in two of a query's series of one bot.

    So it is where each two demand different values of one field. Where they demand different fields, as in
    success and error, one conversation may be both, and a sum of the two is the number of nothing.
    """
    demands = [_demands(variant) for variant in query.variants]
    return all(
        any(field in second and second[field] != wanted for field, wanted in first.items())
        for first, second in combinations(demands, 2)
    )


def moves(query: Query) -> bool:
    """Tell whether what is counted moves along with time: such a count rises and falls by itself."""
    return any(
        isinstance(node, str) and node.startswith("now") and path[-1] == "$date"
        for variant in query.variants
        if variant.predicate.dated
        for path, node in tree.walk(json.loads(variant.predicate.text))
    )


def counts_all(query: Query) -> bool:
    """Tell whether a query counts everything in its collection, as one series."""
    return not query.label_names and not any(variant.predicate.text for variant in query.variants)


def _demands(variant: Variant) -> dict[str, Json]:
    """Return the fields of which a predicate demands one value each."""
    return _equal(json.loads(variant.predicate.text)) if variant.predicate.text else {}


def _equal(predicate: Json) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for field, wanted in predicate.items() if isinstance(predicate, dict) else ():
        if field == "$and" and isinstance(wanted, list):
            for part in wanted:
                found |= _equal(part)
        elif not field.startswith("$") and not isinstance(wanted, dict | list):
            found[field] = wanted
    return found

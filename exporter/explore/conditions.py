"""Takes predicates apart: which fields they compare, how, and with what; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.explore.profile import Scalar
from exporter.language import fields, operators
from exporter.language.tree import walk
from exporter.model import Json, Predicate


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field that is compared with a scalar: for equality (`$eq`), or by one of the ordering operators."""

    field: str
    operator: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Conditions:
    """What some predicates compare, each once: all fields, and those that are compared with a date.

    `comparisons` are those with a scalar that some document must meet, so no negations. `operators` are
    without those of Extended JSON.
    """

    fields: tuple[str, ...]
    dated: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    operators: frozenset[str]


def conditions(predicates: Iterable[Predicate]) -> Conditions:
    """Return what predicates compare, in their order."""
    taken = list(predicates)
    raws: list[Json] = [json.loads(predicate.text or "{}") for predicate in taken]
    found = [each for raw in raws for each in fields.conditions((), raw)]
    steps = (str(path[-1]) for path, _ in walk(raws) if path)
    return Conditions(
        tuple(dict.fromkeys(name for _, name, _ in found)),
        tuple(dict.fromkeys(name for predicate in taken for name in predicate.dated)),
        tuple(
            {  # True equals 1, but is another value
                repr(each): each
                for path, name, condition in found
                if "$nor" not in path
                for each in (Comparison(name, *compared) for compared in fields.compared(condition))
            }.values()
        ),
        frozenset(step for step in steps if step.startswith("$") and step not in operators.WRAPPERS),
    )

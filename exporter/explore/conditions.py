"""Takes predicates apart: which fields they compare, how, and with what; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.language import fields, operators
from exporter.language.tree import walk
from exporter.model import Json, Predicate


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field that is compared with a value: for equality (`$eq`), or by one of the ordering operators."""

    field: str
    operator: str
    value: Json


@dataclass(frozen=True, slots=True)
class Conditions:
    """What some predicates compare, each once: all fields, and those that are compared with a date.

    `comparisons` are those with a value that a document is to meet; `negated` are those that it is not to
    meet. A comparison may be in both. `operators` are without those of Extended JSON.
    """

    fields: tuple[str, ...]
    dated: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    negated: tuple[Comparison, ...]
    operators: frozenset[str]


def conditions(predicates: Iterable[Predicate]) -> Conditions:
    """Return what predicates compare, in their order."""
    taken = list(predicates)
    raws: list[Json] = [json.loads(predicate.text or "{}") for predicate in taken]
    found = [each for raw in raws for each in fields.conditions((), raw)]
    # True equals 1, but is another value.
    comparisons: dict[str, Comparison] = {}
    negations: dict[str, Comparison] = {}
    for path, name, condition in found:
        for operator, value, negated in fields.compared(condition, negated="$nor" in path):
            each = Comparison(name, operator, value)
            (negations if negated else comparisons).setdefault(repr(each), each)
    steps = (str(path[-1]) for path, _ in walk(raws) if path)
    return Conditions(
        tuple(dict.fromkeys(name for _, name, _ in found)),
        tuple(dict.fromkeys(name for predicate in taken for name in predicate.dated)),
        tuple(comparisons.values()),
        tuple(negations.values()),
        frozenset(step for step in steps if step.startswith("$") and step not in operators.WRAPPERS),
    )

"""Takes a predicate apart: which fields it compares, how, and with what; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.explore.profile import Scalar
from exporter.language import operators
from exporter.language.tree import walk
from exporter.model import Json


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field that is compared with a scalar: for equality (`$eq`), or by one of the ordering operators."""

    field: str
    operator: str
    value: Scalar


def fields(raw: Json) -> list[str]:
    """Return every field that a predicate compares, each once."""
    return list(dict.fromkeys(name for name, _ in _conditions(raw)))


def comparisons(raw: Json) -> list[Comparison]:
    """Return every comparison with a scalar that some document must meet, each once; no negations."""
    return list(dict.fromkeys(_compared(raw)))


def used_operators(raw: Json) -> frozenset[str]:
    """Return the operators in a predicate, without those of Extended JSON."""
    steps = (path[-1] for path, _ in walk(raw) if path)
    names = (step for step in steps if isinstance(step, str) and step.startswith("$"))
    return frozenset(name for name in names if name not in operators.WRAPPERS)


def _conditions(raw: Json, without: tuple[str, ...] = ()) -> Iterator[tuple[str, Json]]:
    """Yield each field with its condition, but not below the logical operators `without`."""
    for key, operand in raw.items() if isinstance(raw, dict) else ():
        if key in operators.LOGICAL and isinstance(operand, list):
            for branch in operand if key not in without else ():
                yield from _conditions(branch, without)
        elif not key.startswith("$"):
            yield key, operand


def _compared(raw: Json) -> Iterator[Comparison]:
    for name, condition in _conditions(raw, without=("$nor",)):
        compared: dict[str, Json] = {"$eq": condition}
        if isinstance(condition, dict) and operators.has_operators(condition):
            compared = condition
        for operator, operand in compared.items():
            values = operand if operator == "$in" and isinstance(operand, list) else [operand]
            is_known = operator in ("$eq", "$in", *operators.ORDERING)
            for value in values if is_known else ():
                if isinstance(value, str | int | float):
                    yield Comparison(name, "$eq" if operator == "$in" else operator, value)

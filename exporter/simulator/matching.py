"""Evaluates MongoDB predicates as MongoDB does, with mongomock.

mongomock follows dotted paths, arrays and logic. This module replaces its wrong behaviour:

- It reports an unknown operator only for some documents, and a misplaced value never. Here the whole
  predicate is checked before the first document.
- It compares as Python does, where True is 1. Here it compares with an `Operand`, which has its own `==`.
- A negative operator changes the meaning of others on the same field. Here each is a clause of its own,
  and `$ne`, `$nin`, `$not` and `{$exists: false}` are `$nor` of the positive one, as in MongoDB.
- `{"a.b": null}` misses a document whose `a` is a scalar. Here such parents are matched as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final, TypeAlias

from exporter.model import Json
from exporter.simulator.dates import BadRequest, Dates
from exporter.simulator.operators import COMPARISONS, Test, ordered, regex, remainder, same, size
from exporter.simulator.walk import Clause, Document, Operand, applies

Matcher: TypeAlias = Callable[[Document], bool]

MAX_DEPTH: Final = 100
"""MongoDB's own limit for nested documents."""

_EVERYTHING: Final[Clause] = {}
_NOTHING: Final[Clause] = {"$nor": [{}]}
_REFUSED: Final = ("$where", "$expr", "$function")


def matcher(predicate: Json, dates: Dates, refused: Collection[str] = ()) -> Matcher:
    """Return a function that tests one document; BadRequest for a wrong predicate or a refused operator."""
    _bound_depth(predicate, MAX_DEPTH)
    clause = _Reader(dates, refused).predicate(predicate)
    return partial(applies, clause)


class _Reader:
    """Turns predicates into clauses that mongomock evaluates as MongoDB would."""

    def __init__(self, dates: Dates, refused: Collection[str]) -> None:
        self._dates = dates
        self._refused = refused
        self._operators: dict[str, Callable[[str, Json], Clause]] = {
            "$eq": lambda path, operand: self._equal(path, [operand]),
            "$ne": lambda path, operand: _not(self._equal(path, [operand])),
            "$in": lambda path, operand: self._equal(path, _array("$in", operand)),
            "$nin": lambda path, operand: _not(self._equal(path, _array("$nin", operand))),
            "$not": lambda path, operand: _not(self._not_operand(path, operand)),
            "$exists": lambda path, operand: _exists(path) if operand else _not(_exists(path)),
            "$all": lambda path, operand: self._all(path, _array("$all", operand)),
            "$size": lambda path, operand: _is(path, size(operand)),
            "$mod": lambda path, operand: _is(path, remainder(operand)),
            "$elemMatch": lambda path, operand: _is(path, self._element(operand)),
            **{name: partial(self._compare, name) for name in COMPARISONS},
        }

    def predicate(self, predicate: Json) -> Clause:
        """Return the clause of a predicate; all of its parts must hold."""
        if not isinstance(predicate, dict):
            raise BadRequest("a predicate must be a JSON object")
        parts: list[Clause] = []
        for key, condition in predicate.items():
            if key in ("$and", "$or", "$nor") and key not in self._refused:
                branches = _array(key, condition)
                if not branches:
                    raise BadRequest(f"{key} must be a nonempty array")
                parts.append({key: [self.predicate(branch) for branch in branches]})
            elif key.startswith("$"):
                raise _unknown(key)
            else:
                parts.extend(self._conditions(key, condition))
        return _both(parts)

    def _conditions(self, path: str, condition: Json) -> list[Clause]:
        if not isinstance(condition, dict) or not _has_operators(condition):
            return [self._equal(path, [condition])]
        parts: list[Clause] = []
        for name, operand in condition.items():
            if name in self._refused:
                raise _unknown(name)
            if name == "$regex":
                parts.append(_is(path, regex(operand, condition.get("$options", ""))))
            elif name == "$options" and "$regex" in condition:
                continue
            elif name in self._operators:
                parts.append(self._operators[name](path, operand))
            else:
                raise _unknown(name)
        return parts

    def _equal(self, path: str, literals: Sequence[Json]) -> Clause:
        """Return the clause that a value, or one of its elements, equals one of these."""
        values = [self._value(literal) for literal in literals]
        tests = [same(value) for value in values]
        clause = _is(path, tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests))
        return {"$or": [clause, *map(_plain, _parents(path))]} if None in values else clause

    def _compare(self, name: str, path: str, operand: Json) -> Clause:
        value = self._value(operand)
        if value is None:
            return self._equal(path, [None]) if name in ("$gte", "$lte") else _NOTHING
        return _is(path, ordered(name, value))

    def _all(self, path: str, literals: Sequence[Json]) -> Clause:
        return _both([self._equal(path, [literal]) for literal in literals]) if literals else _NOTHING

    def _not_operand(self, path: str, operand: Json) -> Clause:
        if not isinstance(operand, dict) or not _has_operators(operand):
            raise BadRequest("$not takes an object of operators")
        return _both(self._conditions(path, operand))

    def _element(self, operand: Json) -> Test:
        if not isinstance(operand, dict):
            raise BadRequest("$elemMatch takes an object")
        if _has_operators(operand) and not operand.keys() & {"$and", "$or", "$nor"}:
            clause = _both(self._conditions("element", operand))
            return lambda value: (
                isinstance(value, list) and any(applies(clause, {"element": item}) for item in value)
            )
        clause = self.predicate(operand)
        return lambda value: (
            isinstance(value, list)
            and any(isinstance(item, dict) and applies(clause, item) for item in value)
        )

    def _value(self, literal: Json) -> object:
        """Return the value of a literal in a predicate: the literal itself, or a date."""
        if isinstance(literal, list):
            return [self._value(item) for item in literal]
        if not isinstance(literal, dict):
            return literal
        if literal.keys() == {"$date"}:
            return self._dates.read(literal["$date"])
        for name in literal:
            if name.startswith("$"):
                raise _unknown(name)
        return {name: self._value(item) for name, item in literal.items()}


def _bound_depth(value: Json, left: int) -> None:
    if not left:
        raise BadRequest(f"the predicate is nested more than {MAX_DEPTH} deep")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _bound_depth(part, left - 1)


def _has_operators(condition: dict[str, Json]) -> bool:
    return any(name.startswith("$") for name in condition) and condition.keys() != {"$date"}


def _unknown(name: str) -> BadRequest:
    return BadRequest(f"{name} is not allowed" if name in _REFUSED else f"unknown operator {name}")


def _array(name: str, operand: Json) -> list[Json]:
    if not isinstance(operand, list):
        raise BadRequest(f"{name} needs an array")
    return operand


def _both(clauses: list[Clause]) -> Clause:
    if len(clauses) == 1:
        return clauses[0]
    return {"$and": clauses} if clauses else _EVERYTHING


def _not(clause: Clause) -> Clause:
    return {"$nor": [clause]}


def _is(path: str, test: Test) -> Clause:
    return {path: Operand(test)}


def _exists(path: str) -> Clause:
    return {path: {"$exists": True}}


def _parents(path: str) -> list[str]:
    steps = path.split(".")
    return [".".join(steps[:length]) for length in range(1, len(steps))]


def _plain(path: str) -> Clause:
    """Return the clause that there is a value which is neither an object nor an array."""
    return _both([_exists(path), _not(_is(path, lambda value: isinstance(value, dict | list)))])

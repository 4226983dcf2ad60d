"""Evaluates MongoDB predicates as MongoDB does: https://www.mongodb.com/docs/manual/reference/operator/query/

A predicate is compiled to a function of a document, so that every mistake in it is reported before the
first document, as a server does. A negative operator is the complement of the positive one. The operators
are those that the API documents ("logical and comparison"), and two that it may have: $exists and $regex.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from exporter.model import Json
from exporter.simulator.dates import Dates
from exporter.simulator.refusal import Refused
from exporter.simulator.values import MISSING, OTHER, Document, order_key, values_at

Matcher: TypeAlias = Callable[[Document], bool]
Test: TypeAlias = Callable[[object], bool]
T = TypeVar("T")

MAX_DEPTH: Final = 100
"""MongoDB's own limit for nested documents."""

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_REGEX_FLAGS: Final = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


def matcher(predicate: Json, dates: Dates, refused: Collection[str] = ()) -> Matcher:
    """Return a function that tests one document; Refused for a wrong predicate or a refused operator."""
    _bound_depth(predicate, MAX_DEPTH)
    return _Compiler(dates, refused).predicate(predicate)


class _Compiler:
    """Turns predicates into functions."""

    def __init__(self, dates: Dates, refused: Collection[str]) -> None:
        self._dates = dates
        self._refused = refused
        self._operators: dict[str, Callable[[str, Json], Matcher]] = {
            "$eq": lambda path, operand: self._equal(path, [operand]),
            "$ne": lambda path, operand: _none([self._equal(path, [operand])]),
            "$in": lambda path, operand: self._equal(path, _array("$in", operand)),
            "$nin": lambda path, operand: _none([self._equal(path, _array("$nin", operand))]),
            "$not": lambda path, operand: _none([self._not_operand(path, operand)]),
            "$exists": lambda path, operand: _exists(path) if operand else _none([_exists(path)]),
            "$regex": lambda path, operand: _some(path, _regex(operand)),
            **{name: partial(self._compare, name) for name in _COMPARISONS},
        }

    def predicate(self, predicate: Json) -> Matcher:
        """Return the function of a predicate; all of its parts must hold."""
        if not isinstance(predicate, dict):
            raise Refused("a predicate must be a JSON object")
        return _every([self._part(key, condition) for key, condition in predicate.items()])

    def _part(self, key: str, condition: Json) -> Matcher:
        if not key.startswith("$"):
            return self._condition(key, condition)
        join = self._known(key, _JOINS)
        branches = _array(key, condition)
        if not branches:
            raise Refused(f"{key} must be a nonempty array")
        return join([self.predicate(branch) for branch in branches])

    def _condition(self, path: str, condition: Json) -> Matcher:
        if not isinstance(condition, dict) or not _has_operators(condition):
            return self._equal(path, [condition])
        operators = dict(condition)
        if "$regex" in operators:
            operators["$regex"] = [operators["$regex"], operators.pop("$options", "")]
        return _every(
            [self._known(name, self._operators)(path, operand) for name, operand in operators.items()]
        )

    def _known(self, name: str, operators: Mapping[str, T]) -> T:
        if name in self._refused or name not in operators:
            raise Refused(f"unknown operator {name}")
        return operators[name]

    def _equal(self, path: str, literals: Sequence[Json]) -> Matcher:
        """Return whether a value, or one of its elements, equals one of these; a missing one equals null."""
        keys = [order_key(self._value(literal)) for literal in literals]
        if None in literals:
            keys.append(order_key(MISSING))
        return _some(path, lambda value: order_key(value) in keys)

    def _compare(self, name: str, path: str, operand: Json) -> Matcher:
        """Return whether a value of the operand's type compares so with it."""
        if operand is None:
            return self._equal(path, [None] if name in ("$gte", "$lte") else [])
        key, compare = order_key(self._value(operand)), _COMPARISONS[name]

        def test(value: object) -> bool:
            other = order_key(value)
            return other[0] == key[0] != OTHER and compare(other, key)

        return _some(path, test)

    def _not_operand(self, path: str, operand: Json) -> Matcher:
        if not isinstance(operand, dict) or not _has_operators(operand):
            raise Refused("$not takes an object of operators")
        return self._condition(path, operand)

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
                raise Refused(f"unknown operator {name}")
        return {name: self._value(item) for name, item in literal.items()}


def _every(parts: Sequence[Matcher]) -> Matcher:
    return parts[0] if len(parts) == 1 else lambda document: all(part(document) for part in parts)


def _either(parts: Sequence[Matcher]) -> Matcher:
    return lambda document: any(part(document) for part in parts)


def _none(parts: Sequence[Matcher]) -> Matcher:
    return lambda document: not any(part(document) for part in parts)


_JOINS: Final = {"$and": _every, "$or": _either, "$nor": _none}


def _some(path: str, test: Test) -> Matcher:
    """Return whether a value at the path, or one of its elements, passes a test."""
    return lambda document: any(map(test, values_at(path, document, spread=True)))


def _exists(path: str) -> Matcher:
    return _some(path, lambda value: value is not MISSING)


def _regex(operand: Json) -> Test:
    pattern, options = _array("$regex", operand)
    if not isinstance(pattern, str) or not isinstance(options, str) or set(options) - _REGEX_FLAGS.keys():
        raise Refused("$regex takes text, $options some of i, m, s, x")
    flags = re.NOFLAG
    for option in options:
        flags |= _REGEX_FLAGS[option]
    try:
        expression = re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise Refused("$regex is not a valid regular expression") from error
    return lambda value: isinstance(value, str) and expression.search(value) is not None


def _bound_depth(value: Json, left: int) -> None:
    if not left:
        raise Refused(f"the predicate is nested more than {MAX_DEPTH} deep")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _bound_depth(part, left - 1)


def _has_operators(condition: dict[str, Json]) -> bool:
    return any(name.startswith("$") for name in condition) and condition.keys() != {"$date"}


def _array(name: str, operand: Json) -> list[Json]:
    if not isinstance(operand, list):
        raise Refused(f"{name} needs an array")
    return operand

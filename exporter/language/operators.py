"""Lists MongoDB's query operators: documented by the API or not, their operands, and those refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeGuard

from exporter.language.tree import placeholder
from exporter.model import Json

LOGICAL: Final = ("$and", "$or", "$nor")
ORDERING: Final = ("$gt", "$gte", "$lt", "$lte")
DOCUMENTED: Final = ("$eq", "$ne", *ORDERING, "$in", "$nin", "$not")
"""Operators under a field. The API documents "logical and comparison operators": these, and LOGICAL."""

UNDOCUMENTED: Final = (
    *("$exists", "$type", "$regex", "$options", "$size", "$all", "$elemMatch", "$mod"),
    *("$bitsAllClear", "$bitsAllSet", "$bitsAnyClear", "$bitsAnySet"),
    *("$geoIntersects", "$geoWithin", "$near", "$nearSphere", "$minDistance", "$maxDistance"),
)
UNDOCUMENTED_ABOVE: Final = ("$comment", "$jsonSchema", "$text")
"""Operators in the place of a field."""

WRAPPERS: Final = (
    *("$date", "$oid", "$uuid", "$binary", "$timestamp", "$regularExpression", "$minKey", "$maxKey"),
    *("$numberInt", "$numberLong", "$numberDouble", "$numberDecimal"),
)
"""Extended JSON: a mapping with one of these keys is a value, not a condition."""

REFUSED: Final = {
    "$where": "it runs JavaScript on the API's database",
    "$function": "it runs JavaScript on the API's database",
    "$accumulator": "it runs JavaScript on the API's database",
    "$expr": "it computes on every document, without an index",
}

KNOWN: Final = (*LOGICAL, *DOCUMENTED, *UNDOCUMENTED, *UNDOCUMENTED_ABOVE, *WRAPPERS)


def fits(operator: str, operand: Json) -> bool:
    """Return whether an operand has the right shape for its operator; a placeholder is any scalar."""
    test, _ = _SHAPES.get(operator, _ANYTHING)
    return test(operand) or (operator in _SCALAR and placeholder(operand) is not None)


def shape(operator: str) -> str:
    """Return a description of an operator's operand, with an example."""
    return _SHAPES[operator][1]


def is_wrapper(raw: Json) -> bool:
    """Return whether a value is a mapping with one of WRAPPERS."""
    return isinstance(raw, dict) and any(key in WRAPPERS for key in raw)


def has_operators(raw: Json) -> bool:
    """Return whether a condition is a mapping of operators, not a value."""
    return isinstance(raw, dict) and not is_wrapper(raw) and any(key.startswith("$") for key in raw)


def _is_whole(operand: Json) -> TypeGuard[int]:
    return isinstance(operand, int) and not isinstance(operand, bool)


def _is_list(operand: Json) -> bool:
    return isinstance(operand, list)


def _is_text(operand: Json) -> bool:
    return isinstance(operand, str)


_ANYTHING: Final[tuple[Callable[[Json], bool], str]] = (lambda _: True, "anything")
_SCALAR: Final = ("$exists", "$size")
_SHAPES: Final[dict[str, tuple[Callable[[Json], bool], str]]] = {
    **dict.fromkeys(("$in", "$nin", "$all"), (_is_list, "a list, such as [facebook, viber]")),
    "$not": (
        lambda it: isinstance(it, dict) and any(key[:1] == "$" and key not in WRAPPERS for key in it),
        "a mapping of operators, such as {$gt: 3}",
    ),
    "$elemMatch": (
        lambda it: isinstance(it, dict) and not any(key in WRAPPERS for key in it),
        "a mapping, such as {Kind: error}",
    ),
    "$exists": (lambda it: isinstance(it, bool), "true or false"),
    "$regex": (_is_text, "text, such as ^face"),
    "$options": (_is_text, "text, such as i"),
    "$size": (lambda it: _is_whole(it) and it >= 0, "a whole number from 0"),
    "$mod": (
        lambda it: isinstance(it, list) and len(it) == 2 and all(map(_is_whole, it)),
        "two whole numbers, such as [4, 0]",
    ),
    "$date": (_is_text, "text: date math such as now-1h, or an ISO 8601 instant"),
}

"""The tests that MongoDB's operators apply to one value."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import datetime
from math import fmod
from typing import Any, Final, TypeAlias

from exporter.model import Json
from exporter.simulator.dates import UNMATCHABLE, BadRequest
from exporter.simulator.ordering import order_key
from exporter.simulator.walk import MISSING

Test: TypeAlias = Callable[[object], bool]

COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}

_REGEX_FLAGS: Final = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


def same(value: object) -> Test:
    """Return the test that a value equals this one in MongoDB; a missing value equals null."""
    if value is None:
        return lambda other: other is None or other is MISSING
    if isinstance(value, str | datetime):
        return lambda other: other == value
    key = order_key(value)
    return lambda other: order_key(other) == key


def ordered(name: str, value: object) -> Test:
    """Return the test of one of `COMPARISONS`; it is false for values of another type."""
    if value is UNMATCHABLE:
        return lambda _: False
    key, compare = order_key(value), COMPARISONS[name]

    def test(other: object) -> bool:
        other_key = order_key(other)
        return other_key[0] == key[0] and compare(other_key, key)

    return test


def regex(pattern: Json, options: Json) -> Test:
    """Return the test that a text matches; BadRequest for a wrong pattern or option."""
    if not isinstance(pattern, str) or not isinstance(options, str) or set(options) - _REGEX_FLAGS.keys():
        raise BadRequest("$regex takes text, $options some of i, m, s, x")
    flags = re.NOFLAG
    for option in options:
        flags |= _REGEX_FLAGS[option]
    try:
        expression = re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadRequest("$regex is not a valid regular expression") from error
    return lambda value: isinstance(value, str) and expression.search(value) is not None


def size(operand: Json) -> Test:
    """Return the test that an array has this many elements; BadRequest unless it is a whole number."""
    if isinstance(operand, bool) or not isinstance(operand, int) or operand < 0:
        raise BadRequest("$size takes a whole number from 0")
    return lambda value: isinstance(value, list) and len(value) == operand


def remainder(operand: Json) -> Test:
    """Return the test of a division's remainder; BadRequest unless it is a divisor and a remainder."""
    match operand:
        case [int(divisor), int(remainder)] if divisor and not {type(divisor), type(remainder)} & {bool}:
            return lambda value: (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and fmod(int(value), divisor) == remainder
            )
    raise BadRequest("$mod takes an array of a divisor other than 0 and a remainder")

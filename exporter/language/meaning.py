"""Finds conditions that MongoDB accepts, but that are probably mistakes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from exporter.language import datemath, operators
from exporter.language.fields import KNOWN, conditions
from exporter.language.inspection import Finding, Severity
from exporter.language.tree import Path, placeholder, walk
from exporter.model import Collection, Json

_UTC: Final = ZoneInfo("UTC")
_NEW_YEAR: Final = datetime(2024, 1, 1, 0, 30, 30, 500_000, UTC)
_OWNERS: Final = {field.split(".")[0]: owner for owner, known in KNOWN.items() for field in known}
"""The collection of the first part of each known field."""

_DATES: Final[dict[Collection, str]] = {"conversations": "StartedAt", "messages": "SentAt"}
_NUMBERS: Final = ("Errors", "Messages.user")
_NUMBER: Final = re.compile(r"\s*-?[0-9]+(\.[0-9]+)?\s*")
_COMPARISON: Final = re.compile(r"\s*(?:[<>]=?|!=|==?)\s*-?[0-9.]+\s*")
_ODD: Final = re.compile(r"[<>=]|(?<![^.])\s|\s(?![^.])")
_ODD_OF_NULL: Final = re.compile(r"[\s:<>=]")
"""What hardly belongs to the name of a field, such as white space at an end of one of its parts."""

_DATE_ADVICE: Final = "if the field is a date, write {{{0}: {{$date: {1}}}}}"

_LOGICAL: Final = {name[1:]: name for name in operators.LOGICAL}
_WORDS: Final = {
    ">": "$gt",
    ">=": "$gte",
    "<": "$lt",
    "<=": "$lte",
    "=": "$eq",
    "==": "$eq",
    "!=": "$ne",
    "<>": "$ne",
    **{name[1:]: name for name in (*operators.DOCUMENTED, "$exists", "$regex")},
}


def doubts(raw: Json, collection: Collection | None) -> Iterator[Finding]:
    """Yield what is wrong with the meaning of a predicate; some may be signs of errors that `inspect` finds.

    In a negation an error is a warning: what matches nothing then matches everything.
    """
    for finding in _doubts(raw, collection):
        negated = any(step in ("$nor", "$not") for step in finding.path)
        yield finding._replace(severity="warning") if negated else finding


def _doubts(raw: Json, collection: Collection | None) -> Iterator[Finding]:
    for path, field, condition in conditions((), raw):
        yield from _doubt_field(path, field, condition, collection)
        if isinstance(condition, dict) and operators.has_operators(condition):
            yield from _doubt_operators(path, field, condition)
        else:
            yield from _doubt_whole(path, condition)
            yield from _doubt_equal(path, field, condition)


def _doubt_field(path: Path, field: str, condition: Json, collection: Collection | None) -> Iterator[Finding]:
    first, *others = field.split(".")
    owner = _OWNERS.get(first)
    if wrong := [step for step in others if step.startswith("$")]:
        yield Finding(path, f"{wrong[0]} is part of a field's name here", "write {Errors: {$gt: 0}}")
    elif odd := (_ODD_OF_NULL if condition is None else _ODD).search(field):
        advice = "write {Errors: 0}: the field, a colon, a space, the value"
        yield Finding(path, f'the name of a field with "{odd[0]}" in it', advice, "warning")
    elif field in _LOGICAL and isinstance(condition, list):
        yield _unsigned(path, field, _LOGICAL[field])
    elif owner and collection and owner != collection:
        advice = f"write {_DATES[collection]}" if first == _DATES[owner] else f"write collection: {owner}"
        yield Finding(path, f"{first} is a field of {owner}, not of {collection}", advice, "warning")


def _doubt_operators(path: Path, field: str, condition: dict[str, Json]) -> Iterator[Finding]:
    for name, operand in condition.items():
        here = (*path, name)
        if name in operators.ORDERING:
            yield from _doubt_ordering(here, field, operand)
        elif name == "$not" and isinstance(operand, dict):
            yield from _doubt_operators(here, field, operand)
        elif name in ("$eq", "$ne"):
            yield from _doubt_equal(here, field, operand)
        elif name in ("$in", "$nin") and isinstance(operand, list):
            for index, value in enumerate(operand):
                yield from _doubt_equal((*here, index), field, value)
            if name == "$in" and not operand:
                yield Finding(here, "an empty $in matches nothing", "write at least one value")
    yield from _doubt_range(path, field, condition)
    wanted, excluded = _values(condition, "$eq", "$in"), _values(condition, "$ne", "$nin")
    if wanted and wanted <= excluded:
        what = f"nothing matches: {' or '.join(sorted(wanted))} is asked for, and excluded as well"
        yield Finding(path, what, "remove one of the two")


def _values(condition: dict[str, Json], one: str, several: str) -> set[str]:
    """Return the operands of two operators, each as text: true is not 1."""
    listed = condition.get(several)
    single = [condition[one]] if one in condition else []
    return {
        json.dumps(value, ensure_ascii=False)
        for value in (*single, *(listed if isinstance(listed, list) else ()))
    }


def _doubt_ordering(path: Path, field: str, operand: Json) -> Iterator[Finding]:
    if isinstance(operand, dict) and not operators.is_wrapper(operand):
        yield from _unsigned_words(path, operand)
    elif isinstance(operand, bool | list) or operand is None:
        yield Finding(path, f"{path[-1]} compares numbers, dates or text", "write one of them", "warning")
    elif isinstance(operand, str) and (_is_date(operand) or field in _DATES.values()):
        yield from _text_not_date(path, operand, "error" if operand.startswith("now") else "warning")
    elif isinstance(operand, str) and (_NUMBER.fullmatch(operand) or field in _NUMBERS):
        yield from _text_not_number(path, operand)


def _doubt_equal(path: Path, field: str, value: Json) -> Iterator[Finding]:
    if date := _date(value):
        advice = f"write a range, such as {{$gte: {{$date: {date}}}}}"
        yield Finding(path, "the date is compared for equality, to the millisecond", advice, "warning")
    elif not isinstance(value, str):
        return
    elif _COMPARISON.fullmatch(value):
        advice = "write an operator, such as {$gt: 0}"
        yield Finding(path, f'"{value}" is text, not a comparison', advice, "warning")
    elif _is_meant_as_date(path, field, value):
        yield from _text_not_date(path, value, "warning")
    elif field in _NUMBERS:
        yield from _text_not_number(path, value)


def _is_meant_as_date(path: Path, field: str, text: str) -> bool:
    if field in _DATES.values():
        return _is_date(text) or not {"$ne", "$nin"} & set(path)
    return text[:4] in ("now-", "now+", "now/") and _is_date(text)


def _text_not_date(path: Path, text: str, severity: Severity) -> Iterator[Finding]:
    if not placeholder(text):
        operator = path[-1] if path[-1] in operators.ORDERING else "$gte"
        advice = _DATE_ADVICE.format(operator, text if _is_date(text) else "now-1h")
        yield Finding(path, f'"{text}" is compared as text, and matches no date', advice, severity)


def _text_not_number(path: Path, text: str) -> Iterator[Finding]:
    if not placeholder(text):
        what = f'"{text}" is compared as text, and matches no number'
        yield Finding(path, what, "write a number without quotes", "warning")


def _doubt_whole(path: Path, value: Json) -> Iterator[Finding]:
    """Doubt equality with a whole list or mapping, unless it is written with $eq."""
    if isinstance(value, list):
        advice = "write {$in: […]} to match one of its values, or {$eq: […]}"
        yield Finding(path, "the field is compared with the whole list", advice, "warning")
    elif isinstance(value, dict) and not operators.is_wrapper(value):
        words = list(_unsigned_words(path, value))
        leaf = next((inner for inner, node in walk(value) if inner and not isinstance(node, dict)), ())
        advice = f"write {'.'.join(map(str, (path[-1], *leaf)))}, or {{$eq: {{…}}}}"
        whole = Finding(path, "the field is compared with the whole mapping", advice, "warning")
        yield from words or [whole]


def _unsigned_words(path: Path, value: Json) -> Iterator[Finding]:
    for inner, node in walk(value):
        word = str(inner[-1]) if inner else ""
        is_date = word == "date" and isinstance(node, str) and _is_date(node)
        if name := "$date" if is_date else _WORDS.get(word.lower()):
            yield _unsigned((*path, *inner), word, name)


def _unsigned(path: Path, word: str, operator: str) -> Finding:
    return Finding(path, f'"{word}" is the name of a field here, not an operator', f"write {operator}")


def _doubt_range(path: Path, field: str, condition: dict[str, Json]) -> Iterator[Finding]:
    """Doubt a range that has no values, or that begins when nothing has happened yet."""
    for lower in condition.keys() & {"$gt", "$gte"}:
        low = condition[lower]
        empty = [
            upper
            for upper in condition.keys() & {"$lt", "$lte"}
            if _is_empty(low, condition[upper], closed=lower == "$gte" and upper == "$lte")
        ]
        for upper in empty:
            what = f"an empty range: {upper} is not above {lower}"
            yield Finding((*path, upper), what, "swap the two, or widen the range")
        if empty:
            continue
        if (text := _date(low)).startswith("now") and _always_after(text, "now", or_equal=True):
            severity: Severity = "error" if field in _DATES.values() else "warning"
            advice = "write a date in the past, such as now-1h"
            yield Finding((*path, lower), f'"{text}" is not in the past', advice, severity)


def _is_empty(low: Json, high: Json, *, closed: bool) -> bool:
    """Return whether a range has no values; a fixed date beside date math may have some."""
    first, last = _date(low), _date(high)
    if first and last:
        return first.startswith("now") == last.startswith("now") and _always_after(
            first, last, or_equal=not closed
        )
    if isinstance(low, int | float) and isinstance(high, int | float):
        return low > high or (low == high and not closed)
    return False


def _always_after(late: str, early: str, *, or_equal: bool) -> bool:
    """Return whether a date is after another, or equal to it if `or_equal`, all the year round."""
    # Every 61 hours: in each month, on each weekday and at each hour of the day.
    moments = (_NEW_YEAR + timedelta(hours=61 * step) for step in range(144))
    pairs = ((datemath.resolve(late, now, _UTC), datemath.resolve(early, now, _UTC)) for now in moments)
    return all(first > second or (or_equal and first == second) for first, second in pairs)


def _date(value: Json) -> str:
    """Return the text in {$date: …}, or an empty text for any other value and for a placeholder."""
    text = value.get("$date") if isinstance(value, dict) else None
    return text if isinstance(text, str) and _is_date(text) else ""


def _is_date(text: str) -> bool:
    try:
        datemath.check(text)
    except ValueError:
        return False
    return True

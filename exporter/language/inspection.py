"""Finds every problem of a MongoDB predicate before it is sent to the API.

The grammar, with one function for each rule:

    predicate = {field: condition | $and $or $nor: [predicate, …] …}
    condition = value | {operator: operand …}
    value     = scalar | [value, …] | {key: value …} | wrapper, such as {$date: text}
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Final, Literal, NamedTuple, TypeAlias

from exporter.language import datemath, operators
from exporter.language.suggest import did_you_mean
from exporter.language.tree import MAX_DEPTH, Path, children, placeholder, walk
from exporter.model import Json

_EXACT: Final = 2**53
_DOCUMENTED: Final = f"documented are {' '.join((*operators.DOCUMENTED, *operators.LOGICAL))}"


Severity: TypeAlias = Literal["error", "warning"]


class Finding(NamedTuple):
    """One problem of a predicate; `path` leads from the root to the key or value."""

    path: Path
    what: str
    advice: str = ""
    severity: Severity = "error"


def inspect(raw: Json) -> list[Finding]:
    """Return every problem of a predicate as read from YAML; None is an absent predicate.

    A placeholder is accepted as any scalar, so inspect the result of `fill` as well. A tree that is nested
    too deep is not inspected further.
    """
    if raw is None:
        return []
    if not isinstance(raw, dict):
        return [Finding((), "a predicate is a mapping of fields", "write one such as {Status: success}")]
    for path, node in walk(raw):
        if len(path) >= MAX_DEPTH and isinstance(node, dict | list):
            return [Finding(path, f"nested deeper than {MAX_DEPTH} levels", "write a flatter predicate")]
    anywhere = [finding for path, node in walk(raw) for finding in _inspect_node(path, node)]
    return [*anywhere, *_inspect_predicate((), raw)]


def _inspect_node(path: Path, node: Json) -> Iterator[Finding]:
    """Yield problems that can occur anywhere, also in operands without rules of their own."""
    if isinstance(node, dict):
        for key in node:
            if why := operators.REFUSED.get(key):
                yield Finding((*path, key), f"{key} is refused: {why}", "compare fields with $gt or $in")
        if operators.is_wrapper(node):
            yield from _inspect_wrapper(path, node)
    elif isinstance(node, float) and not isfinite(node):
        yield Finding(path, f"{node} is not a JSON number", "write a finite number")
    elif isinstance(node, int) and abs(node) > _EXACT:
        yield Finding(
            path, "a whole number beyond 2^53, where JSON parsers lose digits", "write a smaller number"
        )


def _inspect_wrapper(path: Path, raw: dict[str, Json]) -> Iterator[Finding]:
    in_field = any(isinstance(step, str) and not step.startswith("$") for step in path)
    for key, operand in raw.items():
        here = (*path, key)
        if key not in operators.WRAPPERS:
            yield Finding(here, f'"{key}" is beside a value such as {{$date: now}}', "take it out")
        elif not in_field:
            yield _misplaced(here, key)
        elif key != "$date":
            yield _undocumented(here, key)
        elif not isinstance(operand, str):
            yield _misshapen(here, key)
        elif placeholder(operand) is None:
            yield from _inspect_date(here, operand)


def _inspect_date(path: Path, text: str) -> Iterator[Finding]:
    try:
        datemath.check(text)
    except ValueError as error:
        yield Finding(path, str(error))


def _inspect_predicate(path: Path, raw: dict[str, Json]) -> Iterator[Finding]:
    for key, operand in raw.items():
        here = (*path, key)
        if key in operators.LOGICAL:
            yield from _inspect_logical(here, key, operand)
        elif key.startswith("$"):
            yield from _inspect_above(here, key)
        elif not all(key.split(".")):
            what = f'the field name "{key}" has an empty part' if key else "a field name is empty"
            yield Finding(here, what, "name a field, such as Status or Data.channel.ProviderName")
        else:
            yield from _inspect_condition(here, operand)


def _inspect_logical(path: Path, operator: str, operand: Json) -> Iterator[Finding]:
    example = f"write {{{operator}: [{{Status: success}}, {{Errors: 0}}]}}"
    if not isinstance(operand, list) or not operand:
        yield Finding(path, f"{operator} takes a list of predicates, at least one", example)
        return
    for index, branch in enumerate(operand):
        if isinstance(branch, dict):
            yield from _inspect_predicate((*path, index), branch)
        else:
            yield Finding((*path, index), f"each branch of {operator} is a mapping of fields", example)


def _inspect_above(path: Path, operator: str) -> Iterator[Finding]:
    """Yield problems of an operator in the place of a field."""
    if operator in operators.UNDOCUMENTED_ABOVE:
        yield _undocumented(path, operator)
    elif operator in (*operators.DOCUMENTED, *operators.UNDOCUMENTED):
        yield _misplaced(path, operator)
    elif operator not in (*operators.REFUSED, *operators.WRAPPERS):
        yield _unknown(path, operator)


def _inspect_condition(path: Path, raw: Json) -> Iterator[Finding]:
    if isinstance(raw, dict) and operators.has_operators(raw):
        yield from _inspect_operators(path, raw)
    else:
        yield from _inspect_value(path, raw)


def _inspect_operators(path: Path, raw: dict[str, Json]) -> Iterator[Finding]:
    for key, operand in raw.items():
        here = (*path, key)
        if not key.startswith("$"):
            what = f'the field "{key}" is beside operators'
            yield Finding(here, what, "write its full dotted name one level up")
        elif key in (*operators.LOGICAL, *operators.UNDOCUMENTED_ABOVE):
            yield Finding(here, f"{key} belongs above fields, not under one", "write it one level up")
        elif key in (*operators.DOCUMENTED, *operators.UNDOCUMENTED):
            yield from _inspect_operator(here, key, operand)
        elif key not in operators.REFUSED:
            yield _unknown(here, key)


def _inspect_operator(path: Path, operator: str, operand: Json) -> Iterator[Finding]:
    if operator in operators.UNDOCUMENTED:
        yield _undocumented(path, operator)
    if not operators.fits(operator, operand):
        yield _misshapen(path, operator)
    elif operator == "$not":
        yield from _inspect_condition(path, operand)
    elif operator == "$elemMatch":
        yield from _inspect_element(path, operand)
    elif operator == "$all":
        # Its elements may be {$elemMatch: …}.
        for index, element in children(operand):
            yield from _inspect_condition((*path, index), element)
    elif operator in operators.DOCUMENTED:
        yield from _inspect_value(path, operand)


def _inspect_element(path: Path, raw: Json) -> Iterator[Finding]:
    """Yield problems of $elemMatch's operand: a condition on scalars, or a predicate on documents."""
    on_scalars = {*operators.DOCUMENTED, *operators.UNDOCUMENTED}
    if isinstance(raw, dict) and not raw.keys() & on_scalars:
        yield from _inspect_predicate(path, raw)
    else:
        yield from _inspect_condition(path, raw)


def _inspect_value(path: Path, raw: Json) -> Iterator[Finding]:
    if operators.is_wrapper(raw):
        return
    for step, child in children(raw):
        here = (*path, step)
        if not isinstance(step, str) or not step.startswith("$"):
            yield from _inspect_value(here, child)
        elif step not in operators.REFUSED:
            what = f"{step} is inside a value, and values are compared as a whole"
            yield Finding(here, what, "write a dotted field, such as Data.channel.ProviderName")


def _misplaced(path: Path, operator: str) -> Finding:
    return Finding(path, f"{operator} belongs under a field", "write {Errors: {$gt: 0}}")


def _misshapen(path: Path, operator: str) -> Finding:
    return Finding(path, f"{operator} takes {operators.shape(operator)}")


def _undocumented(path: Path, operator: str) -> Finding:
    what = f"the API does not document {operator}: it may refuse it, or count wrongly"
    return Finding(path, what, _DOCUMENTED, "warning")


def _unknown(path: Path, operator: str) -> Finding:
    guess = did_you_mean(operator, operators.KNOWN)
    return Finding(path, f"MongoDB has no operator {operator}", guess or _DOCUMENTED)

"""Reads a query's predicate and labels, and builds a variant for each combination of label values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Set
from functools import partial
from itertools import chain, product
from typing import Final, NamedTuple, TypeAlias

from exporter.config.bots import EMPTY_LABEL, LABEL_NAMES, check_label_name
from exporter.config.kinds import Kind, Schema, Values, mismatch, table
from exporter.config.report import Report
from exporter.language import labels, predicate, tree
from exporter.language.suggest import did_you_mean
from exporter.language.tree import Path
from exporter.model import Json, Variant

Value: TypeAlias = str | int | float | bool
_INSIDE: Final = re.compile(rf"\{{\s*({labels.NAME.pattern})\s*\}}")


class Other(NamedTuple):
    """The last item of a list: one more value, for documents whose field has none of the others."""

    name: str


Label: TypeAlias = list[Value | Other] | dict[str, Json]
"""A list of values for a placeholder, or a mapping from values to predicates."""


def _read_predicate(data: Json, path: Path, report: Report) -> Json:
    if isinstance(data, str) and data.lstrip().startswith("{"):
        is_whole = data.count("{") == data.count("}")
        advice = "remove the quotes around it" + ("" if is_whole else ", and close every brace")
        report.error(path, "a predicate in quotes is text", advice)
    elif not isinstance(data, dict):
        mismatch(data, path, PREDICATE.expected, report)
    return data if isinstance(data, dict) else None


def _read_label(data: Json, path: Path, report: Report) -> Label:
    if data in ([], {}):
        if path not in report.partial:
            report.error(path, "a label without values", "write at least one value, or leave the label out")
    elif isinstance(data, list):
        return _read_list(data, path, report)
    elif isinstance(data, dict):
        for value in data:
            if not value:
                report.error((*path, value), EMPTY_LABEL, "write a text, or leave the value out", at_key=True)
        return {value: _read_predicate(each, (*path, value), report) for value, each in data.items()}
    else:
        mismatch(data, path, _LABEL.expected, report)
    return {}


def _read_list(data: list[Json], path: Path, report: Report) -> list[Value | Other]:
    values: dict[str, Value | Other] = {}
    for index, item in enumerate(data):
        here = (*path, index)
        value = _read_other(item, here, report, is_last=index == len(data) - 1)
        if value is None or isinstance(value, list | dict):
            expected = "text, a number, true or false, or as the last item {other: NAME}"
            mismatch(value, here, expected, report)
        elif value == "":
            report.error(here, EMPTY_LABEL, "write a text, or leave the value out")
        elif report.decimals.get(here, _text(value)) != _text(value):
            what = f"the label value of this number is {_text(value)}, not as it is written"
            report.error(here, what, f"quote it for text, or write {_text(value)}")
        elif (key := _key(value)) in values:
            report.error(here, f'the label value "{_text(value)}" again', "keep one of them")
        else:
            values[key] = value
    return list(values.values())


def _read_other(item: Json, path: Path, report: Report, *, is_last: bool) -> Json | Other:
    """Return an Other for {other: NAME}, and any other item as it is."""
    match item:
        case {"other": name, **more} if not more:
            if not isinstance(name, str) or not name:
                report.error((*path, "other"), "not a name", "write one such as {other: other}")
            elif not is_last or path[-1] == 0:
                advice = "list the values that it leaves first, and {other: NAME} once, as the last item"
                report.error(path, "{other: …} is not after the other values", advice)
            return Other(str(name))
    return item


def _key(value: Value | Other) -> str:
    """Return a label's value as text, the same for 1.0 as for 1: MongoDB takes them as equal."""
    return _text(int(value) if isinstance(value, float) and value.is_integer() else value)


def _text(value: Value | Other) -> str:
    """Return a label's value as text, as series have it."""
    if isinstance(value, Other):
        return value.name
    return value if isinstance(value, str) else json.dumps(value)


def _operand(value: Value | Other, values: Label) -> Json:
    """Return what stands for a placeholder: a value, or for `other` a condition that excludes all values."""
    if not isinstance(value, Other):
        return value
    return {"$nin": [*(each for each in values if not isinstance(each, Other)), None]}


PREDICATE: Final = Kind("a predicate such as {Status: success}", _read_predicate, {"type": "object"})

_OTHER: Final[Schema] = {
    "type": "object",
    "properties": {"other": {"type": "string", "minLength": 1}},
    "required": ["other"],
    "additionalProperties": False,
}
_LISTED: Final[Schema] = {
    "type": "array",
    "minItems": 1,
    "uniqueItems": True,
    "items": {"anyOf": [{"type": ["string", "number", "boolean"]}, _OTHER]},
}
_MAPPED: Final[Schema] = {"type": "object", "minProperties": 1, "additionalProperties": PREDICATE.schema}
_LABEL: Final = Kind(
    "a list of values, or a mapping from values to predicates", _read_label, {"oneOf": [_LISTED, _MAPPED]}
)
LABELS: Final = table("a mapping such as {channel: [facebook, viber]}", check_label_name, LABEL_NAMES, _LABEL)


def variants(query: Values) -> tuple[Variant, ...]:
    """Return a variant for each combination of label values of a query without errors."""
    keys: dict[str, Label] = query.get("labels", {})
    # Each label is made once and shared by all series that have it: a query may have thousands.
    choices = [[((name, _text(value)), value) for value in values] for name, values in keys.items()]
    made = []
    for combination in product(*choices):
        raw: Json = query.get("query")
        for (name, text), _ in combination:
            if isinstance(values := keys[name], dict):
                raw = predicate.both(raw, values[text])
        filled = predicate.fill(raw, {name: _operand(value, keys[name]) for (name, _), value in combination})
        made.append(Variant(tuple(sorted(label for label, _ in combination)), predicate.compile(filled)))
    return tuple(made)


def inspect(query: Values, path: Path, report: Report) -> None:
    """Report what is wrong with a query's predicates, and placeholders and labels that do not match."""
    keys: dict[str, Label] = query.get("labels", {})
    readable = "labels" in query or report.clean((*path, "labels"))
    for name, values in keys.items():
        if isinstance(values, list) and any(isinstance(value, Other) for value in values):
            _check_other(name, query, path, report)
    for where, raw in _predicates(query, path):
        if readable:
            _check_placeholders(raw, where, keys.keys(), report)
        _inspect_predicate(raw, where, query, report)
    listed = [name for name, values in keys.items() if isinstance(values, list)]
    others = [(*path, "query"), *((*path, "labels", name) for name in keys.keys() - listed)]
    for name in listed if readable and all(map(report.clean, others)) else ():
        if labels.NAME.fullmatch(name) and not _is_used(name, query):
            advice = f'write "{{{name}}}", in quotes, where its values belong, or leave the label out'
            report.error((*path, "labels", name), "a label that is never used", advice, at_key=True)


def _predicates(query: Values, path: Path) -> Iterator[tuple[Path, Json]]:
    """Yield every predicate of a query, with its path."""
    if "query" in query:
        yield (*path, "query"), query["query"]
    for name, values in query.get("labels", {}).items():
        if isinstance(values, dict):
            for value, raw in values.items():
                if raw is not None:
                    yield (*path, "labels", name, value), raw


def _inspect_predicate(raw: Json, path: Path, query: Values, report: Report) -> None:
    """Report the problems of a predicate, with each value of each label that it refers to."""
    mentioned = predicate.placeholders(raw)
    keys: dict[str, Label] = query.get("labels", {})
    operands = {
        name: [_operand(each, some) for each in some if not isinstance(each, Other) or report.clean(path)]
        for name, some in keys.items()
        if name in mentioned
    }
    values = {name: some for name, some in operands.items() if some}
    filled = (
        predicate.fill(raw, {name: some[number % len(some)] for name, some in values.items()})
        for number in range(max(map(len, values.values()), default=0))
    )
    findings = partial(predicate.findings, collection=query.get("collection"))
    for finding in dict.fromkeys(chain.from_iterable(map(findings, (raw, *filled)))):
        where = (*path, *finding.path)
        if not report.is_refused(where):
            add = report.error if finding.severity == "error" else report.warning
            add(where, finding.what, finding.advice, at_key=True)


def _check_placeholders(raw: Json, path: Path, names: Set[str], report: Report) -> None:
    """Report placeholders without a label, and those without quotes, which YAML reads as mappings."""
    for name, places in predicate.placeholders(raw).items():
        for place in places if name not in names else ():
            advice = did_you_mean(name, names) or "add the label to the query's `labels`"
            report.error((*path, *place), f'the placeholder "{{{name}}}" has no label', advice)
    for place, node in tree.walk(raw):
        match node:
            case dict() if list(node.values()) == [None] and (name := next(iter(node))) in names:
                if report.is_refused((*path, *place)):
                    continue
                what = f"{{{name}}} without quotes is a mapping, not a placeholder"
                report.error((*path, *place), what, f'write "{{{name}}}"')
        for text in (node, *place[-1:]):
            for name in names & set(_INSIDE.findall(text)) if isinstance(text, str) else ():
                if text is not node or tree.placeholder(text) is None:
                    where = "inside a longer text" if text is node else "in the name of a field"
                    advice = "a placeholder is a whole value; give each label value a predicate of its own"
                    report.warning((*path, *place), f'"{{{name}}}" {where} is not replaced', advice)


def _check_other(name: str, query: Values, path: Path, report: Report) -> None:
    """Report a label with `other` unless its placeholder is the whole value of one field."""
    places = [
        (*where, *place)
        for where, raw in _predicates(query, path)
        for place in predicate.placeholders(raw).get(name, ())
    ]
    for place in places:
        step = place[-1]
        is_field = isinstance(step, str) and not step.startswith("$") and "$nor" not in place
        if len(places) > 1 or not is_field:
            what = f'with {{other: …}}, "{{{name}}}" must be the whole value of one field'
            report.error(place, what, f'write it once, as in {{Status: "{{{name}}}"}}')


def _is_used(name: str, query: Values) -> bool:
    """Return whether the predicate of every variant has the placeholder of a listed label."""

    def mentions(raw: Json) -> bool:
        return name in predicate.placeholders(raw)

    mapped = (values for values in query["labels"].values() if isinstance(values, dict))
    return mentions(query.get("query")) or any(all(map(mentions, values.values())) for values in mapped)

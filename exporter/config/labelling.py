"""Reads the labels of bots and of queries, and the predicates that label values may bring."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from exporter.config.kinds import Schema, mismatch
from exporter.config.nodes import Mapping, Node, Refused, Scalar, Sequence, below, plain
from exporter.config.notes import Given, Notes
from exporter.errors import Place
from exporter.language.labels import NAME, label_name_problem
from exporter.model import Json, Labels

_NAMES: Final[Schema] = {
    "pattern": f"^{NAME.pattern}$",
    "not": {"pattern": "^__|^(bot|le|quantile|job|instance)$"},
}
_EMPTY: Final = "an empty label value, which Prometheus takes for no label"


class Tree(NamedTuple):
    """A predicate as plain JSON, and the node that knows the places in it."""

    raw: Json
    node: Node


class LabelValue(NamedTuple):
    """One value of a query's label: its text in the series, what fills its placeholder, its own predicate."""

    text: str
    value: str | int | float | bool
    predicate: Given[Tree] | None = None


class Label(NamedTuple):
    """One label of a query, where its name stands, and its values.

    `listed` values fill a placeholder; the others bring a predicate each.
    """

    name: str
    place: Place
    path: str
    listed: bool
    values: tuple[LabelValue, ...]


class PredicateKind(NamedTuple):
    """A MongoDB predicate; what it says is inspected once its placeholders are filled."""

    expected: str = "a predicate such as {Status: success}"

    def read(self, node: Node, path: str, notes: Notes) -> Given[Tree] | None:
        if not isinstance(node, Mapping):
            mismatch(node, path, self.expected, notes)
            return None
        return Given(Tree(plain(node), node), node.place, path) if notes.clean(path) else None

    def schema(self) -> Schema:
        return {"type": "object"}


PREDICATE: Final = PredicateKind()


class BotLabelsKind(NamedTuple):
    """A mapping from label names to texts."""

    expected: str = "a mapping such as {team: care}"

    def read(self, node: Node, path: str, notes: Notes) -> Given[Labels] | None:
        if not isinstance(node, Mapping):
            mismatch(node, path, self.expected, notes)
            return None
        labels: dict[str, str] = {}
        for entry in node.entries:
            here = below(path, entry.key)
            if problem := label_name_problem(entry.key):
                notes.error(entry.key_place, here, problem)
            match entry.value:
                case Scalar(place, ""):
                    notes.error(place, here, _EMPTY, "write a text, or leave the label out")
                case Scalar(_, str() as text):
                    labels[entry.key] = text
                case other:
                    mismatch(other, here, "text, in quotes where it looks like something else", notes)
        return Given(tuple(sorted(labels.items())), node.place, path)

    def schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": _NAMES,
            "additionalProperties": {"type": "string", "minLength": 1},
        }


class QueryLabelsKind(NamedTuple):
    """A mapping from label names to lists of values, or to mappings from values to predicates.

    Every label is returned, with the values that are right: its name is known even where they are not.
    """

    expected: str = "a mapping such as {channel: [facebook, viber]}"

    def read(self, node: Node, path: str, notes: Notes) -> Given[tuple[Label, ...]] | None:
        if not isinstance(node, Mapping):
            mismatch(node, path, self.expected, notes)
            return None
        labels: list[Label] = []
        for entry in node.entries:
            here = below(path, entry.key)
            if problem := label_name_problem(entry.key):
                notes.error(entry.key_place, here, problem)
            values = _values(entry.value, here, notes)
            listed = isinstance(entry.value, Sequence)
            labels.append(Label(entry.key, entry.key_place, here, listed, values))
        return Given(tuple(labels), node.place, path)

    def schema(self) -> Schema:
        value: Schema = {"type": ["string", "number", "boolean"]}
        listed: Schema = {"type": "array", "minItems": 1, "uniqueItems": True, "items": value}
        mapped: Schema = {"type": "object", "minProperties": 1, "additionalProperties": PREDICATE.schema()}
        return {
            "type": "object",
            "propertyNames": _NAMES,
            "additionalProperties": {"oneOf": [listed, mapped]},
        }


def _values(node: Node, path: str, notes: Notes) -> tuple[LabelValue, ...]:
    match node:
        case Sequence(place, ()) | Mapping(place, (), True):
            notes.error(place, path, "a label without values", "write at least one, or leave the label out")
            return ()
        case Sequence():
            return _listed(node, path, notes)
        case Mapping():
            return _mapped(node, path, notes)
        case _:
            mismatch(node, path, "a list of values, or a mapping from values to predicates", notes)
            return ()


def _listed(node: Sequence, path: str, notes: Notes) -> tuple[LabelValue, ...]:
    values: dict[str, LabelValue] = {}
    for index, item in enumerate(node.items):
        here = below(path, index)
        match item:
            case Scalar(place, str() | int() | float() | bool() as value):
                text = value if isinstance(value, str) else json.dumps(value)
                if not text:
                    notes.error(place, here, _EMPTY, "write a text, or leave the value out")
                elif text in values:
                    notes.error(place, here, f'the label value "{text}" again', "keep one of them")
                values.setdefault(text, LabelValue(text, value))
            case Refused():
                pass
            case _:
                mismatch(item, here, "text, a number, true or false", notes)
    return tuple(values.values())


def _mapped(node: Mapping, path: str, notes: Notes) -> tuple[LabelValue, ...]:
    values: list[LabelValue] = []
    for entry in node.entries:
        here = below(path, entry.key)
        if not entry.key:
            notes.error(entry.key_place, here, _EMPTY, "write a text, or leave the value out")
        predicate = PREDICATE.read(entry.value, here, notes)
        values.append(LabelValue(entry.key, entry.key, predicate))
    return tuple(values)

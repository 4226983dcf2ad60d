"""The kinds of values in a configuration: each reads itself, and describes itself as JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, fields
from keyword import iskeyword
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from exporter.config import nodes
from exporter.config.nodes import Node, Refused, Scalar, below
from exporter.config.notes import Given, Notes
from exporter.language.suggest import did_you_mean
from exporter.model import Json

T = TypeVar("T")

Schema = dict[str, Json]

_KEY: Final = "key"


class Kind(Protocol[T]):
    """A kind of value."""

    @property
    def expected(self) -> str:
        """What a person is told to write."""

    def read(self, node: Node, path: str, notes: Notes) -> Given[T] | None:
        """Return the value of a node at `path`, or None once its problems are noted."""

    def schema(self) -> Schema:
        """Describe the kind as JSON Schema."""


def mismatch(node: Node, path: str, expected: str, notes: Notes) -> None:
    """Note that something else stands where `expected` belongs, without repeating it."""
    if not isinstance(node, Refused):
        notes.error(node.place, path, f"expected {expected}, found {nodes.kind(node)}")


class Words(NamedTuple, Generic[T]):
    """A text in a small language: `parse` raises ValueError, `doubt` returns a warning and its advice."""

    expected: str
    parse: Callable[[str], T]
    doubt: Callable[[T], tuple[str, str] | None] = lambda _: None
    details: Mapping[str, Json] = MappingProxyType({})

    def read(self, node: Node, path: str, notes: Notes) -> Given[T] | None:
        match node:
            case Scalar(place, str() as text):
                try:
                    value = self.parse(text)
                except ValueError as exc:
                    notes.error(place, path, str(exc))
                    return None
                if doubt := self.doubt(value):
                    notes.warning(place, path, *doubt)
                return Given(value, place, path)
            case _:
                mismatch(node, path, self.expected, notes)
                return None

    def schema(self) -> Schema:
        return {"type": "string", **self.details}


class Whole(NamedTuple):
    """A whole number from `least` to `most`."""

    least: int
    most: int

    @property
    def expected(self) -> str:
        return f"a whole number from {self.least} to {self.most}"

    def read(self, node: Node, path: str, notes: Notes) -> Given[int] | None:
        match node:
            case Scalar(place, int() as value) if not isinstance(value, bool):
                if self.least <= value <= self.most:
                    return Given(value, place, path)
                side = f"at least {self.least}" if value < self.least else f"at most {self.most}"
                notes.error(place, path, f"out of range (write {side})")
            case _:
                mismatch(node, path, self.expected, notes)
        return None

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class ListOf(NamedTuple, Generic[T]):
    """A list of one or more values; those that are wrong are left out once noted."""

    item: Kind[T]
    expected: str

    def read(self, node: Node, path: str, notes: Notes) -> Given[tuple[Given[T], ...]] | None:
        if not isinstance(node, nodes.Sequence):
            mismatch(node, path, self.expected, notes)
            return None
        if not node.items:
            notes.error(node.place, path, "an empty list", f"write {self.expected}")
        read = (self.item.read(item, below(path, index), notes) for index, item in enumerate(node.items))
        return Given(tuple(given for given in read if given is not None), node.place, path)

    def schema(self) -> Schema:
        return {"type": "array", "minItems": 1, "items": self.item.schema()}


class Key(NamedTuple, Generic[T]):
    """One key of a section; `blank` stands in where a required one is missing, so that reading can go on."""

    kind: Kind[T]
    about: str
    default: Json = None
    required: bool = False
    blank: T | None = None

    def schema(self) -> Schema:
        default: Schema = {} if self.default is None else {"default": self.default}
        return {**self.kind.schema(), "description": self.about, **default}


def required(kind: Kind[T], about: str, *, blank: T) -> Given[T]:
    """Declare a key of a section that must be there."""
    declared: Given[T] = field(metadata={_KEY: Key(kind, about, required=True, blank=blank)})
    return declared


def optional(kind: Kind[T], about: str, *, default: Json = None) -> Given[T] | None:
    """Declare a key of a section that may be left out; `default` is what its absence means, as written."""
    declared: Given[T] | None = field(default=None, metadata={_KEY: Key(kind, about, default)})
    return declared


class Section(NamedTuple, Generic[T]):
    """A mapping with known keys: the fields of a dataclass, each declared by `required` or `optional`.

    What is wrong or missing is noted, and a `blank` or None stands in for it. A field has a `_` behind it
    where its key is a word of Python.
    """

    shape: type[T]
    expected: str

    def keys(self) -> dict[str, Key[Any]]:
        """Return the keys by name, in the order of their declaration."""
        declared: Iterable[Any] = fields(self.shape)  # type: ignore[arg-type]
        return {each.name.rstrip("_"): each.metadata[_KEY] for each in declared}

    def read(self, node: Node, path: str, notes: Notes) -> Given[T] | None:
        if not isinstance(node, nodes.Mapping):
            mismatch(node, path, self.expected, notes)
            return None
        keys = self.keys()
        found = {name: self._absent(name, key, node, path) for name, key in keys.items()}
        for entry in node.entries:
            here = below(path, entry.key)
            if entry.key in keys:
                found[entry.key] = keys[entry.key].kind.read(entry.value, here, notes) or found[entry.key]
            else:
                advice = did_you_mean(entry.key, keys) or f"known here: {', '.join(keys)}"
                notes.error(entry.key_place, here, "unknown key", advice)
        present = {entry.key for entry in node.entries}
        for name, key in keys.items():
            if key.required and name not in present and node.whole:
                notes.error(node.place, below(path, name), "missing", f"write {key.kind.expected}")
        values = {f"{name}_" if iskeyword(name) else name: given for name, given in found.items()}
        return Given(self.shape(**values), node.place, path)

    def _absent(self, name: str, key: Key[Any], node: nodes.Mapping, path: str) -> Given[Any] | None:
        return Given(key.blank, node.place, below(path, name)) if key.required else None

    def schema(self) -> Schema:
        keys = self.keys()
        return {
            "type": "object",
            "properties": {name: key.schema() for name, key in keys.items()},
            "required": [name for name, key in keys.items() if key.required],
            "additionalProperties": False,
        }

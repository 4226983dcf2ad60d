"""Reads YAML into nodes that know their place; the only door to `yaml`.

Nothing a file says is constructed or executed: the parser's events become nodes, and no more.
Refused are a key that stands twice, keys that are not text, merge keys (`<<`), tags, a second
document, and what `scalars` finds ambiguous. Anchors and aliases are taken, up to MAX_NODES values
once expanded.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from exporter.config import scalars
from exporter.config.nodes import (
    Document,
    Entry,
    Mapping,
    Node,
    Refused,
    Scalar,
    Sequence,
    below,
    measure,
    shown,
)
from exporter.errors import ConfigError, Place, Problem

MAX_BYTES: Final = 1 << 20
MAX_NODES: Final = 100_000
MAX_DEPTH: Final = 64

_END: Final = re.compile(r"'<stream end>'|'\\x00'|(unexpected )?end of stream")

Event: TypeAlias = Any
"""One of PyYAML's events; its type stubs leave most of their attributes out."""


def content(path: Path) -> bytes:
    """Return what a file holds, or its first MAX_BYTES and one; raise ConfigError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as exc:
        what = f"cannot be read: {(exc.strerror or type(exc).__name__).lower()}"
        raise ConfigError(
            [Problem(Place(str(path)), "", what, "name a file that exists and may be read")]
        ) from exc


def compose(data: bytes, file: str) -> Document:
    """Read one YAML document; raise ConfigError for what is no YAML at all."""
    if len(data) > MAX_BYTES:
        raise ConfigError([Problem(Place(file), "", "larger than 1 MiB", "is this the right file?")])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        place = _end_of(data[: exc.start].decode("utf-8"), file)
        raise ConfigError([Problem(place, "", "not UTF-8", "save the file as UTF-8")]) from exc
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as exc:
        what = f"the character U+{ord(text[exc.position]):04X} is not allowed in YAML"
        place = _end_of(text[: exc.position], file)
        raise ConfigError([Problem(place, "", what, "remove it, or escape it in double quotes")]) from exc
    return _Composer(loader, text, file).document()


def _end_of(text: str, file: str) -> Place:
    return Place(file, text.count("\n") + 1, len(text) - text.rfind("\n"))


class _Composer:
    """Turns events into nodes, and collects what is wrong on the way."""

    def __init__(self, loader: yaml.SafeLoader, text: str, file: str) -> None:
        self._loader = loader
        self._text = text.rstrip()
        self._file = file
        self._problems: list[Problem] = []
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def document(self) -> Document:
        self._next()
        first = self._next()
        if isinstance(first, yaml.StreamEndEvent):
            return Document(Scalar(Place(self._file), None), ())
        root = self._node(self._next(), "", 1)
        self._next()
        if not isinstance(another := self._next(), yaml.StreamEndEvent):
            raise self._end(self._place(another), "", "a second document", "keep one document in a file")
        return Document(root, tuple(self._problems))

    def _next(self) -> Event:
        try:
            return self._loader.get_event()  # type: ignore[no-untyped-call]
        except yaml.MarkedYAMLError as exc:
            problem = _END.sub("the end of the file", str(exc.problem))
            advice = (
                "indent with spaces"
                if "\\t" in problem
                else "check the indentation, and quote special characters"
            )
            raise self._end(self._fault(exc), "", f"not YAML: {problem}", advice) from exc
        except (ValueError, OverflowError) as exc:
            # PyYAML lets its own arithmetic slip through: "\UFFFFFFFF", a %YAML version of 5,000 digits.
            mark = self._loader.get_mark()
            raise self._end(self._marked(mark), "", "not YAML: a number out of range", "remove it") from exc

    def _fault(self, exc: yaml.MarkedYAMLError) -> Place:
        """Return where an error stands: what the file's end leaves open is shown where it began."""
        marks = [mark for mark in (exc.problem_mark, exc.context_mark) if mark is not None]
        inside = [mark for mark in marks if mark.index < len(self._text)]
        return self._marked(inside[0]) if inside else _end_of(self._text, self._file)

    def _marked(self, mark: Any) -> Place:
        return Place(self._file, mark.line + 1, mark.column + 1)

    def _place(self, event: Event) -> Place:
        return self._marked(event.start_mark)

    def _end(self, place: Place, path: str, what: str, advice: str) -> ConfigError:
        return ConfigError([*self._problems, Problem(place, path, what, advice)])

    def _refuse(self, place: Place, path: str, what: str, advice: str) -> Refused:
        self._problems.append(Problem(place, path, what, advice))
        return Refused(place)

    def _spend(self, place: Place, path: str, size: int, depth: int) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            raise self._end(
                place, path, f"more than {MAX_NODES:,} values", "fewer of them, or of their aliases"
            )
        if depth > MAX_DEPTH:
            raise self._end(place, shown(path), f"nested deeper than {MAX_DEPTH} levels", "write it flatter")

    def _node(self, event: Event, path: str, depth: int) -> Node:
        place = self._place(event)
        match event:
            case yaml.AliasEvent():
                return self._alias(event, place, path, depth)
            case yaml.MappingStartEvent():
                self._spend(place, path, 1, depth)
                node: Node = self._mapping(place, path, depth)
            case yaml.SequenceStartEvent():
                self._spend(place, path, 1, depth)
                node = self._sequence(place, path, depth)
            case _:
                self._spend(place, path, 1, depth)
                node = self._scalar(event, place, path)
        if event.tag is not None:
            node = self._refuse(place, path, "a tag", "remove it: quotes are enough to make a text")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Event, place: Place, path: str, depth: int) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            return self._refuse(
                place, path, "an alias without an anchor before it", "quote it, if it is text"
            )
        size, height = measure(node)
        self._spend(place, path, size, depth + height - 1)
        return node

    def _scalar(self, event: Event, place: Place, path: str) -> Node:
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            return self._refuse(place, path, "half a surrogate pair", "write the character itself")
        # The same words stand in many queries; each series keeps its own.
        text = sys.intern(event.value)
        if event.style is not None or event.tag is not None:
            return Scalar(place, text)
        try:
            return Scalar(place, scalars.typed(text))
        except scalars.Ambiguous as trap:
            return self._refuse(place, path, trap.what, trap.advice)

    def _sequence(self, place: Place, path: str, depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, below(path, len(items)), depth + 1))
        return Sequence(place, tuple(items))

    def _mapping(self, place: Place, path: str, depth: int) -> Node:
        entries: dict[str, Entry] = {}
        whole = True
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key_place = self._place(event)
            key = self._key(event, path, depth + 1)
            here = path if key is None else below(path, key)
            value = self._node(self._next(), here, depth + 1)
            if key in entries:
                first = entries[key].key_place
                advice = f"first on line {first.line}, column {first.column}; keep one of them"
                self._refuse(key_place, here, "the same key again", advice)
            elif key is not None:
                entries[key] = Entry(key, key_place, value)
            else:
                whole = False
        return Mapping(place, tuple(entries.values()), whole)

    def _key(self, event: Event, path: str, depth: int) -> str | None:
        place = self._place(event)
        if isinstance(event, yaml.ScalarEvent) and event.style is None and event.value == "<<":
            self._refuse(place, path, "a merge key", "write the keys out; an alias may stand for a value")
            return None
        node = self._node(event, path, depth)
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        if not isinstance(node, Refused):
            self._refuse(place, path, "a key that is not text", "put it in quotes")
        return None

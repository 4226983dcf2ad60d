"""Reads YAML into plain data and an index from path to place; the only module that reads YAML.

The parser's events become dicts, lists, texts, numbers, booleans and None; nothing in a file is executed.
Duplicate keys, keys that are not text, merge keys (`<<`), tags, a second document, and what `scalars` finds
ambiguous are refused; None replaces a refused value. Anchors and aliases are allowed, for at most MAX_NODES
values after expansion.
"""

from __future__ import annotations

import re
import sys
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from exporter.config import scalars
from exporter.config.report import Report
from exporter.errors import Place
from exporter.files import Limit, NotRegular, advice, read_regular
from exporter.language import tree
from exporter.model import Json

MAX_BYTES: Final = 1 << 20
MAX_NODES: Final = 100_000
MAX_DEPTH: Final = 64

_REFUSED_KEY: Final = "?"
"""The step for a refused key in the paths of the values below it."""

_NO_COLON: Final = r"^could not find expected ':'"
_END: Final = re.compile(r"'<stream end>'|'\\x00'|(unexpected )?end of stream")

_SYNTAX: Final = (
    (r"character '\\t'", "a tab", "indent with spaces"),
    (r"character '[%@`]'", "", "put the text in quotes"),
    (r"unknown escape", "", "write single quotes, or two backslashes"),
    (r"^found the end", "quotes that are not closed", "close them"),
    (r"^expected ','", "", "close the bracket, or put text with special characters in quotes"),
    (
        r"^expected (<block end>|'<document start>')",
        "this does not continue what is above it",
        "indent it like its neighbours; a text with quotes or commas goes in quotes as a whole",
    ),
    (
        r"^mapping values",
        "a colon where no key can be",
        "put a space after each colon, check the indentation, or put a text with a colon in quotes",
    ),
    (_NO_COLON, "a key without a colon", "write `key: value`"),
    (r"entries are not allowed", "a list where none can be", "write each item on a line of its own"),
    (r"", "", "check the indentation, and quote special characters"),
)
"""What to say of PyYAML's errors, by pattern: what is wrong, if there are better words, and what to do."""

_ODD_SPACE: Final = re.compile("[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]")
"""Characters that look like a space, or like nothing, and are text to YAML."""

Event: TypeAlias = Any
"""One of PyYAML's events; its type stubs lack most attributes."""


def content(path: Path, files: Limit | None = None) -> bytes:
    """Return a file's content, at most MAX_BYTES and one more; raise ConfigError if it cannot be read.

    `files` limits the time; pass the same one each time if the file is read again and again.
    """
    try:
        return (files or Limit())(partial(read_regular, path, MAX_BYTES + 1))[0]
    except NotRegular:
        Report(str(path)).stop("not a regular file", "write it to a file, which each reload can read again")
    except OSError as exc:
        what = f"cannot be read: {(exc.strerror or type(exc).__name__).lower()}"
        todo = advice(exc, "name a file that exists and that this user may read")
        Report(str(path)).stop(what, todo)


def compose(data: bytes, file: str) -> tuple[Json, Report]:
    """Read one YAML document; return its data, and a report with its problems and the place of each path.

    Raises ConfigError if the text is not YAML.
    """
    report = Report(file)
    if len(data) > MAX_BYTES:
        report.stop("larger than 1 MiB", "check that this is the right file")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        place = _end_of(data[: exc.start].decode("utf-8"), file)
        report.stop("not UTF-8", "save the file as UTF-8", place=place)
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as exc:
        what = f"the character U+{ord(text[exc.position]):04X} is not allowed in YAML"
        place = _end_of(text[: exc.position], file)
        report.stop(what, "remove it, or escape it in double quotes", place=place)
    return _Composer(loader, text, report).document(), report


def _odd(character: str) -> str:
    name = "a non-breaking space" if character == "\u00a0" else "an unusual space"
    return f"{name} (U+{ord(character):04X}), which YAML reads as text"


def _end_of(text: str, file: str) -> Place:
    return Place(file, text.count("\n") + 1, len(text) - text.rfind("\n"))


class _Composer:
    """Turns events into plain data, and reports what is wrong with them."""

    def __init__(self, loader: yaml.SafeLoader, text: str, report: Report) -> None:
        self._loader = loader
        self._text = text.rstrip()
        self._report = report
        self._anchors: dict[str, tuple[tree.Path, Json]] = {}
        self._nodes = 0

    def document(self) -> Json:
        self._next()
        first = self._next()
        if isinstance(first, yaml.StreamEndEvent):
            return None
        data = self._node(self._next(), (), 1)
        self._next()
        if not isinstance(another := self._next(), yaml.StreamEndEvent):
            place = self._place(another)
            self._report.stop("a second document", "keep one document in a file", place=place)
        return data

    def _next(self) -> Event:
        try:
            return self._loader.get_event()  # type: ignore[no-untyped-call]
        except yaml.MarkedYAMLError as exc:
            place = self._fault(exc)
            self._stop_at_space(place.line)
            problem = _END.sub("the end of the file", str(exc.problem))
            what, advice = next(says for pattern, *says in _SYNTAX if re.search(pattern, problem))
            self._report.stop(f"not YAML: {what or problem}", advice, place=place)
        except (ValueError, OverflowError):
            # PyYAML does not translate its own errors for "\UFFFFFFFF" or a %YAML version of 5,000 digits.
            place = self._marked(self._loader.get_mark())
            self._report.stop("not YAML: a number out of range", "remove it", place=place)

    def _fault(self, exc: yaml.MarkedYAMLError) -> Place:
        """Return the place of an error; for what is still open at the file's end, where it begins."""
        marks = [mark for mark in (exc.problem_mark, exc.context_mark) if mark is not None]
        if exc.problem and re.search(_NO_COLON, exc.problem):
            marks.reverse()
        inside = [mark for mark in marks if mark.index < len(self._text)]
        return self._marked(inside[0]) if inside else _end_of(self._text, self._report.file)

    def _stop_at_space(self, line: int) -> None:
        """Report a character that looks like a space, in the line of a syntax error or the one above."""
        for number, text in enumerate(self._text.split("\n")[:line], 1):
            if number >= line - 1 and (found := _ODD_SPACE.search(text)):
                place = Place(self._report.file, number, found.start() + 1)
                self._report.stop(f"not YAML: {_odd(found[0])}", "write an ordinary space", place=place)

    def _marked(self, mark: Any) -> Place:
        return Place(self._report.file, mark.line + 1, mark.column + 1)

    def _place(self, event: Event) -> Place:
        return self._marked(event.start_mark)

    def _refuse(self, place: Place, path: tree.Path, what: str, advice: str) -> None:
        self._report.error(path, what, advice, place=place)
        self._report.refused.add(path)

    def _spend(self, place: Place, path: tree.Path, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            advice = "write fewer values, or fewer aliases of them"
            self._report.stop(f"more than {MAX_NODES:,} values", advice, path=path, place=place)
        if depth > MAX_DEPTH:
            what = f"nested deeper than {MAX_DEPTH} levels"
            self._report.stop(what, "write it flatter", path=path, place=place)

    def _node(self, event: Event, path: tree.Path, depth: int) -> Json:
        place = self._place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place, path, depth)
        self._spend(place, path, depth)
        data: Json
        match event:
            case yaml.MappingStartEvent():
                data = self._mapping(path, depth)
            case yaml.SequenceStartEvent():
                data = self._sequence(path, depth)
            case _:
                data = self._scalar(event, place, path)
        if event.tag is not None:
            data = None
            self._refuse(place, path, "a tag", "remove it: quotes are enough to make a text")
        if event.anchor is not None:
            self._anchors[event.anchor] = (path, data)
        self._report.values[path] = place
        return data

    def _alias(self, event: Event, place: Place, path: tree.Path, depth: int) -> Json:
        if event.anchor not in self._anchors:
            self._refuse(place, path, "an alias without an anchor before it", "quote it, if it is text")
            return None
        origin, data = self._anchors[event.anchor]
        self._repeat(data, origin, path, depth, (place, path))
        return data

    def _repeat(
        self, data: Json, origin: tree.Path, path: tree.Path, depth: int, alias: tuple[Place, tree.Path]
    ) -> None:
        """Index a value under the path of its alias, so that its problems are shown at the value's place."""
        self._spend(*alias, depth)
        report = self._report
        indexes: tuple[dict[tree.Path, Any], ...] = (report.values, report.keys, report.decimals)
        for index in indexes:
            if origin in index:
                index[path] = index[origin]
        for marked in (report.refused, report.partial):
            if origin in marked:
                marked.add(path)
        for step, child in tree.children(data):
            self._repeat(child, (*origin, step), (*path, step), depth + 1, alias)

    def _scalar(self, event: Event, place: Place, path: tree.Path) -> Json:
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            self._refuse(place, path, "half a surrogate pair", "write the character itself")
            return None
        # Many queries have the same words, and each series keeps them: one object saves memory.
        text = sys.intern(event.value)
        if event.style is not None or event.tag is not None:
            return text
        if found := _ODD_SPACE.match(text) or _ODD_SPACE.match(text[-1:]):
            self._refuse(place, path, _odd(found[0]), "write an ordinary space, or put the text in quotes")
            return None
        try:
            value = scalars.typed(text)
        except scalars.Ambiguous as trap:
            self._refuse(place, path, trap.what, trap.advice)
            return None
        if isinstance(value, float):
            self._report.decimals[path] = text
        return value

    def _sequence(self, path: tree.Path, depth: int) -> Json:
        items: list[Json] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items)), depth + 1))
        return items

    def _mapping(self, path: tree.Path, depth: int) -> Json:
        entries: dict[str, Json] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            place = self._place(event)
            key = self._key(event, path, depth + 1)
            here = (*path, _REFUSED_KEY if key is None else key)
            if key in entries:
                first = self._report.keys[here]
                advice = f"first on line {first.line}, column {first.column}; keep one of them"
                self._report.error(here, "the same key again", advice, place=place)
                key, here = None, (*path, f"{key} again")
            value = self._node(self._next(), here, depth + 1)
            if key is not None:
                entries[key] = value
                self._report.keys[here] = place
        return entries

    def _key(self, event: Event, path: tree.Path, depth: int) -> str | None:
        """Return a key; if it is refused, report it at its mapping's path and return None."""
        place = self._place(event)
        if isinstance(event, yaml.ScalarEvent) and event.style is None and event.value == "<<":
            advice = "write the keys out; an alias may stand for a value"
            self._report.error(path, "a merge key", advice, place=place)
        else:
            problems = len(self._report.problems)
            inner = (*path, _REFUSED_KEY) if isinstance(event, yaml.CollectionStartEvent) else path
            key = self._node(event, inner, depth)
            if isinstance(key, str):
                return key
            if len(self._report.problems) == problems:
                self._report.error(path, "a key that is not text", "put it in quotes", place=place)
            self._report.refused.discard(path)
        self._report.partial.add(path)
        return None

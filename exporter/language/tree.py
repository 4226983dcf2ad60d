"""Walks a predicate: a tree of dicts, lists and scalars."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from exporter.language.labels import NAME
from exporter.model import Json

Path: TypeAlias = tuple[str | int, ...]
"""The keys and indexes that lead from the root to a node."""

MAX_DEPTH: Final = 32
"""Most levels of nested mappings and lists; MongoDB's own limit is 100."""

_PLACEHOLDER: Final = re.compile(rf"\{{({NAME.pattern})\}}")


def walk(raw: Json) -> Iterator[tuple[Path, Json]]:
    """Yield every node with its path, in order and parents first, down to MAX_DEPTH levels."""
    ahead: list[tuple[Path, Json]] = [((), raw)]
    while ahead:
        path, node = ahead.pop()
        yield path, node
        if len(path) < MAX_DEPTH:
            ahead += [((*path, step), child) for step, child in reversed(children(node))]


def children(node: Json) -> list[tuple[str | int, Json]]:
    """Return the items of a mapping or list, with keys or indexes; an empty list for a scalar."""
    if isinstance(node, dict):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, list) else []


class Paths:
    """Some nodes, `ends`, by their paths."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self.ends = frozenset(paths)
        self.around = frozenset(path[:length] for path in self.ends for length in range(len(path) + 1))

    def touch(self, path: Path) -> bool:
        """Return whether a path leads to one of the nodes, or to what is within one or around one."""
        return path in self.around or any(path[:length] in self.ends for length in range(len(path)))


def placeholder(node: Json) -> str | None:
    """Return the label's name if a node is exactly `{name}`, else None."""
    match = _PLACEHOLDER.fullmatch(node) if isinstance(node, str) else None
    return match[1] if match else None


def value_at(document: dict[str, Json], path: str) -> Json:
    """Return the value at a dotted path, None if there is none; a list's objects give a list of values."""
    if path in document:
        return document[path]
    step, _, rest = path.partition(".")
    inner = document.get(step) if rest else None
    if isinstance(inner, list):
        found = [value_at(item, rest) for item in inner if isinstance(item, dict)]
        return [value for value in found if value is not None] or None
    return value_at(inner, rest) if isinstance(inner, dict) else None

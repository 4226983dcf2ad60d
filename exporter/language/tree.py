"""Walks the tree of dicts, lists and scalars that a predicate is read as."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from exporter.language.labels import NAME
from exporter.model import Json

Path: TypeAlias = tuple[str | int, ...]
"""The keys and indexes that lead from the root to a node."""

MAX_DEPTH: Final = 32
"""How many mappings and lists may stand in one another; MongoDB itself ends at 100."""

_PLACEHOLDER: Final = re.compile(rf"\{{({NAME.pattern})\}}")


def walk(raw: Json) -> Iterator[tuple[Path, Json]]:
    """Yield every node with its path, parents first and in order, down to what lies MAX_DEPTH deep."""
    ahead: list[tuple[Path, Json]] = [((), raw)]
    while ahead:
        path, node = ahead.pop()
        yield path, node
        if len(path) < MAX_DEPTH:
            ahead += [((*path, step), child) for step, child in reversed(children(node))]


def children(node: Json) -> list[tuple[str | int, Json]]:
    """Return what a mapping or a list holds, with its keys or indexes; nothing for a scalar."""
    if isinstance(node, dict):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, list) else []


def placeholder(node: Json) -> str | None:
    """Return the label's name where a node is exactly `{name}`, else None."""
    match = _PLACEHOLDER.fullmatch(node) if isinstance(node, str) else None
    return match[1] if match else None

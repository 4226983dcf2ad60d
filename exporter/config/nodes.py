"""The tree a YAML file is read into: values that know where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import NoneType
from typing import Final, NamedTuple, TypeAlias

from exporter.errors import Place, Problem
from exporter.model import Json


class Scalar(NamedTuple):
    """A single value, typed as JSON would type it."""

    place: Place
    value: str | int | float | bool | None


class Entry(NamedTuple):
    """One key of a mapping, where it stands, and its value."""

    key: str
    key_place: Place
    value: Node


class Mapping(NamedTuple):
    """Keys and values in the file's order, each key once; not `whole` where a key was refused."""

    place: Place
    entries: tuple[Entry, ...]
    whole: bool = True


class Sequence(NamedTuple):
    """Values in the file's order."""

    place: Place
    items: tuple[Node, ...]


class Refused(NamedTuple):
    """A value that was refused already: its problem is told, and nothing more is to be said of it."""

    place: Place


_SCALARS: Final = {
    NoneType: "nothing",
    bool: "true or false",
    str: "text",
    int: "a number",
    float: "a decimal number",
}

Node: TypeAlias = Scalar | Mapping | Sequence | Refused


class Document(NamedTuple):
    """What a file holds, and everything wrong with it as YAML."""

    root: Node
    problems: tuple[Problem, ...]


def measure(node: Node) -> tuple[int, int]:
    """Return how many values a node holds, itself included, and how many levels deep it goes."""
    match node:
        case Mapping(_, entries):
            inner = [measure(entry.value) for entry in entries]
        case Sequence(_, items):
            inner = [measure(item) for item in items]
        case _:
            inner = []
    return 1 + sum(size for size, _ in inner), 1 + max((height for _, height in inner), default=0)


def kind(node: Node) -> str:
    """Name what a node is, never what it says: a token may stand anywhere by mistake."""
    if isinstance(node, Scalar):
        return _SCALARS[type(node.value)]
    return "a list" if isinstance(node, Sequence) else "a mapping"


def below(path: str, step: str | int) -> str:
    """Return the path of a key or an index under `path`: `queries[2].every`, `query["Data.user"]`."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    if re.fullmatch(r"[\w$-]+", step):
        return f"{path}.{shown(step)}" if path else shown(step)
    return f'{path}["{shown(step)}"]'


def shown(text: str) -> str:
    """Return a text fit for one line of a message: bounded, without control characters."""
    short = text if len(text) <= 60 else f"{text[:59]}…"
    return short if short.isprintable() else short.encode("unicode_escape").decode("ascii")


def plain(node: Node) -> Json:
    """Return what a node holds as plain JSON; what was refused is null."""
    match node:
        case Scalar(_, value):
            return value
        case Sequence(_, items):
            return [plain(item) for item in items]
        case Mapping(_, entries):
            return {entry.key: plain(entry.value) for entry in entries}
        case _:
            return None


class Spot(NamedTuple):
    """Where a value stands in the file, where its key does, and its path."""

    place: Place
    key_place: Place
    path: str


def locate(node: Node, path: str, steps: Iterable[str | int]) -> Spot:
    """Find what the steps, keys and indexes, lead to from a node at `path`."""
    spot = Spot(node.place, node.place, path)
    for step in steps:
        if isinstance(node, Mapping):
            entry = next(entry for entry in node.entries if entry.key == step)
            node, key_place = entry.value, entry.key_place
        else:
            node = node.items[int(step)] if isinstance(node, Sequence) else node
            key_place = node.place
        spot = Spot(node.place, key_place, below(spot.path, step))
    return spot

"""Collects everything wrong with a configuration while it is read to its end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, Generic, Literal, NamedTuple, TypeVar

from exporter.errors import Place, Problem

T = TypeVar("T")
U = TypeVar("U")

_LONGEST: Final = 400


class Given(NamedTuple, Generic[T]):
    """A value that was read, where it stands, and its path."""

    value: T
    place: Place
    path: str


def either(given: Given[T] | None, default: U) -> T | U:
    """Return the value that was given, or the default."""
    return default if given is None else given.value


class Notes:
    """Every problem so far, and which paths hold one: a fault is told once, without what follows from it."""

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self._problems: list[Problem] = []
        self._faulty: set[str] = set()
        for problem in problems:
            self._add(problem)

    def error(self, place: Place, path: str, what: str, advice: str = "", *, may_pass: bool = False) -> None:
        """Note what makes the configuration unusable."""
        self._add(Problem(place, path, _line(what), _line(advice), may_pass=may_pass))

    def warning(self, place: Place, path: str, what: str, advice: str = "") -> None:
        """Note what is allowed, and probably not meant."""
        self._add(Problem(place, path, _line(what), _line(advice), "warning"))

    def clean(self, path: str) -> bool:
        """Tell whether nothing at `path` or below it is an error so far."""
        return path not in self._faulty

    def of(self, severity: Literal["error", "warning"]) -> tuple[Problem, ...]:
        """Return the errors or the warnings, in the file's order."""
        chosen = (problem for problem in self._problems if problem.severity == severity)
        return tuple(sorted(chosen, key=lambda problem: (problem.place, problem.path)))

    def _add(self, problem: Problem) -> None:
        self._problems.append(problem)
        if problem.severity == "error":
            self._faulty |= {"", problem.path}
            self._faulty |= {problem.path[: step.start()] for step in re.finditer(r"[.\[]", problem.path)}


def once(names: Sequence[Given[str]], notes: Notes) -> None:
    """Note every name that was given before; the empty one stands for a name that is missing."""
    first: dict[str, Given[str]] = {}
    for name in names:
        if name.value and (earlier := first.setdefault(name.value, name)) is not name:
            advice = (
                f"first on line {earlier.place.line}, column {earlier.place.column}; each name stands once"
            )
            notes.error(name.place, name.path, f'the name "{name.value}" again', advice)


def _line(text: str) -> str:
    """Keep a message, which may quote the file, to one bounded line of printable characters."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in short)

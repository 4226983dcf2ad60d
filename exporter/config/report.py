"""Collects the problems of a file by path, and knows the place of each path.

A path holds the keys and indexes that lead to a value: `("queries", 2, "every")`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final, Literal, NoReturn

from exporter.errors import ConfigError, Place, Problem
from exporter.language.tree import Path, Paths

_LONGEST: Final = 400
_DEEPEST: Final = 17


class Report:
    """The problems of one file, and the index from a path to its place.

    `values` has the place of each value, `keys` the place of each key. `refused` has the path of each value
    that is refused as YAML; further errors of it are not reported. `partial` has the path of each mapping
    with a refused key. `decimals` has the text of each number with a point or an exponent.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.values: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}
        self.refused: set[Path] = set()
        self.partial: set[Path] = set()
        self.decimals: dict[Path, str] = {}
        self.problems: list[Problem] = []
        self._faulty: set[Path] = set()

    def error(
        self,
        path: Path,
        what: str,
        advice: str = "",
        *,
        at_key: bool = False,
        place: Place | None = None,
        may_pass: bool = False,
    ) -> None:
        """Report an error at the value of a path, its key, or another place: the file cannot be used."""
        if at_key or place is not None or path not in self.refused:
            at = place or self.place(path, at_key=at_key)
            self.problems.append(Problem(at, written(path), _line(what), _line(advice), may_pass=may_pass))
        self._faulty.update(path[:length] for length in range(len(path) + 1))

    def warning(
        self, path: Path, what: str, advice: str = "", *, at_key: bool = False, may_pass: bool = False
    ) -> None:
        """Report what is allowed, but probably a mistake; a value with an error gets no warning."""
        if self.clean(path):
            place = self.place(path, at_key=at_key)
            problem = Problem(place, written(path), _line(what), _line(advice), "warning", may_pass=may_pass)
            self.problems.append(problem)

    def place(self, path: Path, *, at_key: bool = False) -> Place:
        """Return the place of a value or its key; for a missing value, the place of its mapping."""
        if at_key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path) or Place(self.file)

    def clean(self, path: Path) -> bool:
        """Return whether there is no error at a path or below it."""
        return path not in self._faulty

    def is_refused(self, path: Path) -> bool:
        """Return whether a value is refused as YAML at a path, around it or below it, or a key below it."""
        values, keys = self._refusals
        return values.touch(path) or path in keys.around

    @cached_property
    def _refusals(self) -> tuple[Paths, Paths]:
        # Cached, because everything is read before anything is checked.
        return Paths(self.refused), Paths(self.partial)

    def of(self, severity: Literal["error", "warning"]) -> tuple[Problem, ...]:
        """Return the errors or the warnings, sorted by place."""
        chosen = (problem for problem in self.problems if problem.severity == severity)
        return tuple(sorted(chosen, key=lambda problem: (problem.place, problem.path)))

    def stop(self, what: str, advice: str, *, path: Path = (), place: Place | None = None) -> NoReturn:
        """Report an error after which reading cannot go on, and raise ConfigError with all errors so far."""
        self.error(path, what, advice, place=place)
        raise ConfigError(self.of("error"))


def check_unique(names: Iterable[tuple[Path, str | None]], report: Report) -> None:
    """Report each name that an earlier path has; None is a missing or wrong name."""
    first: dict[str, Path] = {}
    for path, name in names:
        if name is not None and (earlier := first.setdefault(name, path)) is not path:
            place = report.place(earlier)
            advice = f"first on line {place.line}, column {place.column}; write each name once"
            report.error(path, f'the name "{name}" again', advice)


def written(path: Path) -> str:
    """Return a path as one bounded line: `queries[2].query["Data.user"].$gt`."""
    text = ""
    for step in path[:_DEEPEST]:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[\w$-]+", step):
            text += f".{shown(step)}" if text else shown(step)
        else:
            text += f'["{shown(step)}"]'
    return text if len(path) <= _DEEPEST else f"{text}…"


def shown(text: str) -> str:
    """Return a text for one line of a message: at most 60 characters, control characters escaped."""
    short = text if len(text) <= 60 else f"{text[:59]}…"
    return short if short.isprintable() else short.encode("unicode_escape").decode("ascii")


def _line(text: str) -> str:
    """Return a message, which may quote the file, as one bounded line of printable characters."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in short)

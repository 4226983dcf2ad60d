"""The functions of mongomock that apply predicates and paths to documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias, cast

from mongomock import filtering

Document: TypeAlias = "dict[str, object]"
Clause: TypeAlias = "dict[str, object]"
"""A predicate whose literal values are all `Operand`s."""

MISSING: Final[object] = cast("Any", filtering).NOTHING
"""The value that an operand is compared with if a document lacks the field."""

applies = cast("Callable[[Clause, Document], bool]", filtering.filter_applies)
values_at = cast("Callable[[str, Document], Iterable[object]]", filtering.iter_key_candidates)


class Operand:
    """Equal to every value that passes its test, which replaces mongomock's own comparison."""

    __slots__ = ("_test",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, test: Callable[[object], bool]) -> None:
        self._test = test

    def __eq__(self, value: object) -> bool:
        return self._test(value)

"""Tells what a name or value was probably meant to be; pure.

It must be right, because `verify` then says that a configuration is wrong. So it guesses less than
`language.suggest`, whose guesses only help a person who has made a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from exporter.explore.profile import Field, Type, typed
from exporter.model import Json

_SHORTEST: Final = 4
"""Words shorter than this are near only if their letters are the same."""

_KINDS: Final[dict[Type, str]] = {
    "text": "text",
    "UTC date as text": "text",
    "date as text": "text",
    "number": "a number",
    "milliseconds": "a number",
    "boolean": "true or false",
    "date": "a date",
    "id": "an id",
    "object": "an object",
    "list": "a list",
}


def field(name: str, known: Iterable[str]) -> str:
    """Return the one of the known fields that differs in case, in one letter, or has more in front.

    If there is none, return the only one that has the name among its steps.
    """
    names = list(known)
    behind = (each for each in names if each.lower().endswith(f".{name.lower()}"))
    within = [each for each in names if f".{name.lower()}." in f".{each.lower()}."]
    return value(name, names) or next(behind, within[0] if len(within) == 1 else "")


def value(text: str, known: Iterable[str]) -> str:
    """Return the one of the known texts that differs in case or in one letter, or an empty text."""
    others = [each for each in known if each != text]
    same = (each for each in others if each.casefold() == text.casefold())
    one_off = (each for each in others if _is_one_letter_off(each.casefold(), text.casefold()))
    return next(same, "") or next(one_off, "")


def type_advice(found: Json, among: Field, inner: Iterable[Field] = ()) -> str:
    """Return what to change about a value if the field has no value of its type, or an empty text.

    `inner` are the fields within it that may be proposed.
    """
    kinds = {_KINDS[kind] for kind, _ in among.types if kind in _KINDS}
    kind = _KINDS[typed(found)[0]]
    # Where only empty lists were seen, values of any type may be in others.
    if kinds <= {"a list"} or kind in kinds or any(each == "other" for each, _ in among.types):
        return ""
    what = f"it is {kind}, and the field has {' or '.join(sorted(kinds))}"
    if kinds <= {"an object", "a list"}:
        fields = list(inner)
        having = (each for each in fields if any(value == found for value, _ in each.values))
        guess = next(having, fields[0] if fields else None)
        return f"{what}: write a field in it, with dots" + (f", such as {guess.name}" if guess else "")
    if kinds == {"a date"}:
        return f"{what}: compare it with {{$date: …}}"
    if kind == "a list":
        return f"{what}: write its values one by one behind $in"
    if kind == "text" and kinds <= {"a number", "true or false"}:
        return f"{what}: write it without quotes"
    return f"{what}: write it in quotes" if "text" in kinds and kind != "an object" else what


def _is_one_letter_off(one: str, other: str) -> bool:
    """Return whether one letter is wrong, missing, too many, or swapped with the next."""
    if min(len(one), len(other)) < _SHORTEST or abs(len(one) - len(other)) > 1:
        return False
    start = next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    rest, other_rest = one[start:], other[start:]
    swapped = rest[1:2] + rest[:1] + rest[2:]
    return other_rest in (rest[1:], swapped) or rest == other_rest[1:] or rest[1:] == other_rest[1:]

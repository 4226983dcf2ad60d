"""Gives an unquoted YAML text its type, and refuses what readers of YAML disagree on.

Typed is what JSON would take: `true`, `false`, `null` (also `~` and nothing), whole and decimal
numbers. For the rest:

    no  Yes  ON  True  NULL           refused: text or a truth value? quotes or true/false tell
    010  0x1f  0o17  0b1  1_000       refused: octal, decimal or text?
    +1  .5  5.  .inf  .nan  1e999     refused: no number that JSON can carry
    1:30  2026-01-01  y  n            text, as they stand
"""

from __future__ import annotations

import math
import re
from typing import Final

_LITERALS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORD_TRAP: Final = re.compile(r"yes|no|on|off|true|false|null", re.IGNORECASE)
_NUMBER_TRAP: Final = re.compile(
    r"[-+]?(?:0x[0-9a-f_]+|0o[0-7_]+|0b[01_]+"
    r"|[0-9][0-9_]*\.?[0-9_]*(?:e[-+]?[0-9]+)?"
    r"|\.[0-9][0-9_]*(?:e[-+]?[0-9]+)?"
    r"|\.inf|\.nan)",
    re.IGNORECASE,
)


class Ambiguous(ValueError):
    """An unquoted text that readers of YAML disagree on: what it is, and what to write instead."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice


def typed(text: str) -> str | int | float | bool | None:
    """Return the value of an unquoted YAML text; raise Ambiguous for a trap."""
    if text in _LITERALS:
        return _LITERALS[text]
    if _WORD_TRAP.fullmatch(text):
        raise Ambiguous(
            "a word that some read as true, false or nothing",
            "quote it for text, or write true, false or null",
        )
    if number := _NUMBER.fullmatch(text):
        if not math.isfinite(float(text)):
            raise Ambiguous("a number too large", "quote it for text")
        return float(text) if any(number.groups()) else int(text)
    if _NUMBER_TRAP.fullmatch(text):
        raise Ambiguous(
            "a number that not everyone reads alike",
            "quote it for text, or write plain decimal digits",
        )
    return text

"""Gives an unquoted YAML text its type, and refuses texts that YAML parsers read differently.

`true`, `false`, `null` (also `~` and nothing) and numbers have the type that JSON gives them. The others:

    no  Yes  ON  True  NULL           refused: some parsers read text, some a truth value
    010  0x1f  0o17  0b1  1_000       refused: some parsers read octal, some decimal, some text
    +1  .5  5.  .inf  .nan  1e999     refused: JSON has no such number
    1:30  2026-01-01  y  n            text, unchanged
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
    """An unquoted text that YAML parsers read differently: what it is, and what to write instead."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice


def typed(text: str) -> str | int | float | bool | None:
    """Return the value of an unquoted YAML text; raise Ambiguous where parsers disagree."""
    if text in _LITERALS:
        return _LITERALS[text]
    if _WORD_TRAP.fullmatch(text):
        raise Ambiguous(
            "a word that some YAML parsers read as true, false or null",
            "quote it for text, or write true, false or null",
        )
    if number := _NUMBER.fullmatch(text):
        if not math.isfinite(float(text)):
            raise Ambiguous("a number too large", "quote it for text")
        return float(text) if any(number.groups()) else int(text)
    if _NUMBER_TRAP.fullmatch(text):
        raise Ambiguous(
            "a number that YAML parsers read differently",
            "quote it for text, or write plain decimal digits",
        )
    return text

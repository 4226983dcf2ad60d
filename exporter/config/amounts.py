"""Reads what a value is compared with in an alert: a number, or a share of another query."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from exporter.config.kinds import Schema, mismatch
from exporter.config.nodes import Node, Scalar
from exporter.config.notes import Given, Notes

_SHARE: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?%")
_MOST: Final = 10**15
"""Whole numbers up to here are exact wherever Prometheus and Grafana calculate."""


class Amount(NamedTuple):
    """A number; of a share, 0.05 stands for 5 %."""

    value: float
    share: bool


class AmountKind(NamedTuple):
    """A number that is not negative, or a percentage such as 5%."""

    expected: str = "a number such as 100, or a share such as 5%"

    def read(self, node: Node, path: str, notes: Notes) -> Given[Amount] | None:
        match node:
            case Scalar(place, int() | float() as number) if not isinstance(number, bool):
                if 0 <= number <= _MOST:
                    return Given(Amount(float(number), share=False), place, path)
                side = "at least 0" if number < 0 else f"at most {_MOST}"
                notes.error(place, path, f"out of range (write {side})")
            case Scalar(place, str() as text) if match := _SHARE.fullmatch(text):
                return Given(Amount(float(match[1]) / 100, share=True), place, path)
            case _:
                mismatch(node, path, self.expected, notes)
        return None

    def schema(self) -> Schema:
        number: Schema = {"type": "number", "minimum": 0, "maximum": _MOST}
        share: Schema = {"type": "string", "pattern": f"^{_SHARE.pattern}$"}
        return {"oneOf": [number, share]}


AMOUNT: Final = AmountKind()

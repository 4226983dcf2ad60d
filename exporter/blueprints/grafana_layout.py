"""Lays rows of panels out on the grid of a dashboard, each panel under a number of its own."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from exporter.blueprints.drawing import Line, Row
from exporter.blueprints.grafana_panels import Object, panel_json
from exporter.model import Json

COLUMNS: Final = 24


def panels(rows: Sequence[Row]) -> list[Json]:
    """Return the panels of all rows, one row below the other."""
    placed: list[Json] = []
    taken: set[int] = set()
    top = 0
    for row in rows:
        placed.append(
            {
                "collapsed": False,
                "gridPos": _place(0, top, COLUMNS, 1),
                "id": _id(row.key, taken),
                "panels": [],
                "title": row.title,
                "type": "row",
            }
        )
        top += 1
        for line in row.lines:
            for panel, (left, width) in zip(line.panels, _widths(line), strict=True):
                where = _place(left, top, width, line.height)
                placed.append(
                    {"gridPos": where, "id": _id(f"{row.key}/{panel.title}", taken), **panel_json(panel)}
                )
            top += line.height
    return placed


def _id(key: str, taken: set[int]) -> int:
    """Return a number that only depends on the key: one panel more renames no other."""
    number = zlib.crc32(key.encode()) >> 1
    while number in taken or number == 0:
        number += 1
    taken.add(number)
    return number


def _place(left: int, top: int, width: int, height: int) -> Object:
    return {"h": height, "w": width, "x": left, "y": top}


def _widths(line: Line) -> Iterator[tuple[int, int]]:
    """Yield where each panel begins and how wide it is; together they fill the line."""
    weights = [panel.weight for panel in line.panels]
    ends = [round(COLUMNS * end / sum(weights)) for end in accumulate(weights)]
    for left, right in zip([0, *ends], ends, strict=False):
        yield left, right - left

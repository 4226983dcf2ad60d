"""Places rows of panels on the grid of a dashboard, and numbers the panels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from exporter.model import Json
from exporter.monitoring.dashboard_model import Line, Row
from exporter.monitoring.grafana_panels import Object, panel_json
from exporter.monitoring.links import panel_id

COLUMNS: Final = 24


def panels(rows: Sequence[Row]) -> list[Json]:
    """Return the panels of all rows, one row below another."""
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
    number = panel_id(key)
    while number in taken or number == 0:
        number += 1
    taken.add(number)
    return number


def _place(left: int, top: int, width: int, height: int) -> Object:
    return {"h": height, "w": width, "x": left, "y": top}


def _widths(line: Line) -> Iterator[tuple[int, int]]:
    """Yield the left edge and the width of each panel; together they fill the line."""
    weights = [panel.weight for panel in line.panels]
    ends = [round(COLUMNS * end / sum(weights)) for end in accumulate(weights)]
    for left, right in zip([0, *ends], ends, strict=False):
        yield left, right - left

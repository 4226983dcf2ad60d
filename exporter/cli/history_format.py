"""Formats downloaded rows as JSON lines or CSV, whole or only some fields of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from io import StringIO

from exporter.language.tree import value_at
from exporter.model import Json
from exporter.nativechat.history import Row


class RowFormat:
    """Formats rows, with dates as the API shows them; without `fields`, dotted paths, a row is whole.

    A path into a list's objects gives the list of their values. In CSV a missing field and null are empty,
    text stands as it is, and anything else is JSON. `missing` are the fields that no row had so far, not
    even as null.
    """

    def __init__(self, output: str, fields: Sequence[str]) -> None:
        self._is_csv = output == "csv"
        self._fields = fields
        self.missing = list(dict.fromkeys(fields))

    @property
    def head(self) -> str:
        """The line before the first row; empty if there is none."""
        return _csv(self._fields) if self._is_csv else ""

    def line(self, row: Row) -> str:
        """Return a row as text without a newline at its end."""
        values = {field: value_at(row, field) for field in self._fields if _has(row, field)}
        self.missing = [field for field in self.missing if field not in values]
        if self._is_csv:
            return _csv([_cell(values.get(field)) for field in self._fields])
        if self._fields:
            row = values
        return json.dumps(row, ensure_ascii=False)


def _has(row: Row, path: str) -> bool:
    """Return whether there is something at a dotted path, which may be null."""
    step, _, rest = path.partition(".")
    inner = row.get(step) if rest else None
    objects = [each for each in (inner if isinstance(inner, list) else [inner]) if isinstance(each, dict)]
    return path in row or any(_has(each, rest) for each in objects)


def _cell(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _csv(cells: Sequence[str]) -> str:
    line = StringIO()
    end = "\r\n"  # the writer quotes cells that have one of its characters
    csv.writer(line, lineterminator=end).writerow(cells)
    return line.getvalue().removesuffix(end)

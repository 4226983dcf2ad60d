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
    text stands as it is, and anything else is JSON. `missing` are the fields that no row had so far.
    """

    def __init__(self, output: str, fields: Sequence[str]) -> None:
        self._is_csv = output == "csv"
        self._fields = fields
        self.missing = list(fields)

    @property
    def head(self) -> str:
        """The line before the first row; empty if there is none."""
        return _csv(self._fields) if self._is_csv else ""

    def line(self, row: Row) -> str:
        """Return a row as text without a newline at its end."""
        values = {field: value_at(row, field) for field in self._fields}
        self.missing = [field for field in self.missing if values[field] is None]
        if self._is_csv:
            return _csv([_cell(values[field]) for field in self._fields])
        if self._fields:
            row = {field: value for field, value in values.items() if value is not None}
        return json.dumps(row, ensure_ascii=False)


def _cell(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _csv(cells: Sequence[str]) -> str:
    line = StringIO()
    end = "\r\n"  # the writer quotes cells that have one of its characters
    csv.writer(line, lineterminator=end).writerow(cells)
    return line.getvalue().removesuffix(end)

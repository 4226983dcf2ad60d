"""Writes one metric family on a sheet, a line for each sample.

prometheus-client writes a family's head and the part of each line before its value, once; that is where
names and labels are escaped. A sample reads the same in both formats, so a line is written once for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal, cast

import prometheus_client.openmetrics.exposition
import prometheus_client.utils
from prometheus_client import Metric, generate_latest

from exporter.exposition.sheet import Sheet
from exporter.model import Labels

Kind = Literal["gauge", "counter", "unknown"]
# prometheus-client leaves these two untyped
_write_openmetrics = cast("Callable[[Any], bytes]", prometheus_client.openmetrics.exposition.generate_latest)
write_value = cast("Callable[[float], str]", prometheus_client.utils.floatToGoString)

_ZERO: Final = b" 0.0"
_EOF: Final = b"# EOF\n"
_PLAIN_BELOW: Final = 1_000_000
"""From here on Go writes a number with an exponent, as the text format does."""


def blank(name: str, help_text: str, kind: Kind, rows: Iterable[Labels]) -> Metric:
    """Return a metric with a sample of 0 for each row; `name` is a counter's without `_total`."""
    metric = Metric(name, help_text, kind)
    for labels in rows:
        metric.add_sample(f"{name}_total" if kind == "counter" else name, dict(labels), 0)
    return metric


class Family:
    """The samples of one metric: row by row, each absent until it is given a value; not locked.

    `like` names the samples, whose values must be 0. The head is there as soon as one sample is.
    """

    __slots__ = ("_first", "_head", "_rows", "_sheet", "filled")

    def __init__(self, sheet: Sheet, like: Metric) -> None:
        bare = _Single(Metric(like.name, like.documentation, like.type))
        head = generate_latest(bare)
        lines = generate_latest(_Single(like))[len(head) :].split(b"\n")
        self._sheet = sheet
        self._head = sheet.add(head, _write_openmetrics(bare).removesuffix(_EOF))
        self._first = self._head + 1
        for line in lines[:-1]:
            sheet.add(line.removesuffix(_ZERO))
        self._rows = len(lines) - 1
        self.filled = 0

    def set(self, row: int, value: float | None) -> int:
        """Give the row a value, or take it away with None; return how many more samples there are now."""
        sheet, line = self._sheet, self._first + row
        was_there = sheet.shows(line)
        if value is None:
            sheet.hide(line)
        elif type(value) is int and 0 <= value < _PLAIN_BELOW:
            sheet.show(line, b" %d.0\n" % value)
        else:
            sheet.show(line, f" {write_value(value)}\n".encode())
        if was_there == (value is not None):
            return 0
        more = -1 if was_there else 1
        self.filled += more
        if self.filled:
            sheet.show(self._head, b"")
        else:
            sheet.hide(self._head)
        return more

    def set_all(self, values: Sequence[float]) -> None:
        """Give every row a value."""
        for row, value in enumerate(values):
            self.set(row, value)

    def clear(self) -> None:
        """Take every row's value away."""
        for row in range(self._rows):
            self.set(row, None)


class _Single:
    """A registry of one metric, as far as prometheus-client's writers need one."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        return [self._metric]

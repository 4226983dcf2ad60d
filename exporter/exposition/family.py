"""Renders one metric family, line by line, and again only where a value has changed.

prometheus-client writes a family's head and the part of each line before its value, once; that is where
names and labels are escaped. A sample of a gauge or a counter reads the same in both formats, so a line
is written once for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal, cast

import prometheus_client.openmetrics.exposition
import prometheus_client.utils
from prometheus_client import Metric, generate_latest

from exporter.model import Labels

Kind = Literal["gauge", "counter"]
# prometheus-client leaves these two untyped
write_openmetrics = cast("Callable[[Any], bytes]", prometheus_client.openmetrics.exposition.generate_latest)
_write_value = cast("Callable[[float], str]", prometheus_client.utils.floatToGoString)

_ZERO: Final = " 0.0"
_EOF: Final = b"# EOF\n"


class Family:
    """The samples of one metric: row by row, each absent until it is given a value.

    `name` is a counter's name without `_total`. `text` and `openmetrics` return bytes that end with a
    line feed, or nothing while no row has a value.
    """

    __slots__ = ("_body", "_head", "_lines", "_openmetrics_head", "_prefixes", "filled")

    def __init__(self, name: str, help_text: str, kind: Kind, rows: Sequence[Labels]) -> None:
        sample = f"{name}_total" if kind == "counter" else name
        metric = Metric(name, help_text, kind)
        self._openmetrics_head = write_openmetrics(_Single(metric)).removesuffix(_EOF)
        self._head = generate_latest(_Single(metric))
        for labels in rows:
            metric.add_sample(sample, dict(labels), 0)
        lines = generate_latest(_Single(metric))[len(self._head) :].decode().split("\n")
        self._prefixes = [line.removesuffix(_ZERO) for line in lines[:-1]]
        self._lines = [b""] * len(rows)
        self._body: bytes | None = b""
        self.filled = 0

    def set(self, row: int, value: float | None) -> None:
        """Give the row a value, or take it away with None."""
        line = b"" if value is None else f"{self._prefixes[row]} {_write_value(value)}\n".encode()
        self.filled += bool(line) - bool(self._lines[row])
        self._lines[row] = line
        self._body = None

    def set_all(self, values: Iterable[float]) -> None:
        """Give every row a value."""
        for row, value in enumerate(values):
            self.set(row, value)

    def text(self, *, openmetrics: bool) -> bytes:
        """Return the family in one of the two formats."""
        if self._body is None:
            self._body = b"".join(self._lines)
        head = self._openmetrics_head if openmetrics else self._head
        return head + self._body if self._body else b""


class _Single:
    """A registry of one metric, as far as prometheus-client's writers need one."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        return [self._metric]

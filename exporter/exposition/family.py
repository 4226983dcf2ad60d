"""Writes one metric family; each scrape only appends values to lines that are prepared once.

prometheus-client writes the head and the lines without values. It escapes names and labels. The line of a
sample is the same in both formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, Final, cast

import prometheus_client.openmetrics.exposition
import prometheus_client.utils
from prometheus_client import Metric, generate_latest

from exporter.model import Labels

# prometheus-client leaves these two untyped
_write_openmetrics = cast("Callable[[Any], bytes]", prometheus_client.openmetrics.exposition.generate_latest)
write_value = cast("Callable[[float], str]", prometheus_client.utils.floatToGoString)

EOF: Final = "# EOF\n"
_ZERO: Final = " 0.0"
_PLAIN_BELOW: Final = 1_000_000
"""From this value on the text format writes numbers with an exponent, as Go does."""


class Family:
    """One metric with a sample for each row of labels.

    Samples whose value is None are absent. If there is no sample, the head is absent too.
    """

    __slots__ = ("_heads", "_lines")

    def __init__(self, name: str, help_text: str, rows: Iterable[Labels]) -> None:
        """Prepare the lines; `name` is that of the samples: in `_total` for a counter, else a gauge's."""
        kind = "counter" if name.endswith("_total") else "gauge"
        metric = Metric(name.removesuffix("_total"), help_text, kind)
        registry = SimpleNamespace(collect=lambda: [metric])
        self._heads = tuple(write(registry, openmetrics=openmetrics) for openmetrics in (False, True))
        for labels in rows:
            metric.add_sample(name, dict(labels), 0)
        lines = write(registry, openmetrics=False)[len(self._heads[0]) :].split("\n")
        self._lines = [line.removesuffix(_ZERO) for line in lines[:-1]]

    def text(self, values: Iterable[float | None], *, openmetrics: bool) -> str:
        """Return the text of the family; `values` has a value or None for each sample."""
        lines = [
            f"{line} {value}.0\n"
            if type(value) is int and 0 <= value < _PLAIN_BELOW
            else f"{line} {write_value(value)}\n"
            for line, value in zip(self._lines, values, strict=True)
            if value is not None
        ]
        return "".join((self._heads[openmetrics], *lines)) if lines else ""


def write(registry: Any, *, openmetrics: bool) -> str:
    """Return prometheus-client's text of a registry, without the EOF line of OpenMetrics."""
    if openmetrics:
        return _write_openmetrics(registry).decode().removesuffix(EOF)
    return generate_latest(registry).decode()

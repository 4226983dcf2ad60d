"""Writes one metric family; each scrape only joins names, prepared labels and values.

prometheus-client writes the head and the labels, and escapes them. The line of a sample is the same in both
formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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


def write_labels(rows: Iterable[Labels]) -> list[str]:
    """Return the text of each row of labels in a sample, empty without labels; families can share it."""
    metric = Metric("any", "", "gauge")
    for labels in rows:
        metric.add_sample("any", dict(labels), 0)
    lines = write(SimpleNamespace(collect=lambda: [metric]), openmetrics=False).split("\n")
    return [line.removeprefix("any").removesuffix(_ZERO) for line in lines if line.endswith(_ZERO)]


class Family:
    """One metric with a sample for each text of labels, as `write_labels` makes it.

    Samples whose value is None are absent. If there is no sample, the head is absent too.
    """

    __slots__ = ("_heads", "_labels", "_name")

    def __init__(self, name: str, help_text: str, labels: Sequence[str]) -> None:
        """Prepare the head; `name` is that of the samples: in `_total` for a counter, else a gauge's."""
        self._name, self._labels = name, labels
        kind = "counter" if name.endswith("_total") else "gauge"
        metric = Metric(name.removesuffix("_total"), help_text, kind)
        registry = SimpleNamespace(collect=lambda: [metric])
        self._heads = tuple(write(registry, openmetrics=openmetrics) for openmetrics in (False, True))

    def text(self, values: Iterable[float | None], *, openmetrics: bool) -> str:
        """Return the text of the family; `values` has a value or None for each sample."""
        name = self._name
        lines = [
            f"{name}{labels} {value}.0\n"
            if type(value) is int and 0 <= value < _PLAIN_BELOW
            else f"{name}{labels} {write_value(value)}\n"
            for labels, value in zip(self._labels, values, strict=True)
            if value is not None
        ]
        return "".join((self.head(openmetrics=openmetrics), *lines)) if lines else ""

    def head(self, *, openmetrics: bool) -> str:
        """Return the lines HELP and TYPE."""
        return self._heads[openmetrics]


def write(registry: Any, *, openmetrics: bool) -> str:
    """Return prometheus-client's text of a registry, without the EOF line of OpenMetrics."""
    if openmetrics:
        return _write_openmetrics(registry).decode().removesuffix(EOF)
    return generate_latest(registry).decode()

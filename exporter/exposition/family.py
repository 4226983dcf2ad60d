"""Writes one metric family: lines that are prepared once, and joined with values at each scrape.

prometheus-client writes a family's head, and each line up to its value, once; it escapes names and labels.
A sample is the same text in both formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, cast

import prometheus_client.openmetrics.exposition
import prometheus_client.utils
from prometheus_client import CollectorRegistry, Metric, generate_latest

from exporter.model import Labels

Kind = Literal["gauge", "counter", "unknown"]
# prometheus-client leaves these two untyped
_write_openmetrics = cast("Callable[[Any], bytes]", prometheus_client.openmetrics.exposition.generate_latest)
write_value = cast("Callable[[float], str]", prometheus_client.utils.floatToGoString)

EOF: Final = "# EOF\n"
_ZERO: Final = " 0.0"
_PLAIN_BELOW: Final = 1_000_000
"""From this value on the text format writes numbers with an exponent, as Go does."""


class Family:
    """One metric: samples whose value is None are absent, and so is the head if there is no sample."""

    __slots__ = ("_heads", "_lines")

    def __init__(self, blank: Metric) -> None:
        """Prepare the lines of `blank`, whose values must be 0."""
        bare = Metric(blank.name, blank.documentation, blank.type)
        self._heads = tuple(write(_Single(bare), openmetrics=openmetrics) for openmetrics in (False, True))
        lines = write(_Single(blank), openmetrics=False)[len(self._heads[0]) :].split("\n")
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


def family(name: str, help_text: str, kind: Kind, rows: Iterable[Labels] = ((),)) -> Family:
    """Return a family with a sample for each row of labels; the name of a counter comes without `_total`."""
    metric = Metric(name, help_text, kind)
    for labels in rows:
        metric.add_sample(f"{name}_total" if kind == "counter" else name, dict(labels), 0)
    return Family(metric)


def write(registry: CollectorRegistry | _Single, *, openmetrics: bool) -> str:
    """Return prometheus-client's text of a registry, without the EOF line of OpenMetrics."""
    if openmetrics:
        return _write_openmetrics(registry).decode().removesuffix(EOF)
    return generate_latest(cast("CollectorRegistry", registry)).decode()


class _Single:
    """A registry of one metric, with the one method that prometheus-client's writers call."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        return [self._metric]
